"""Asking a run whose confidence was measured: what is shown, what is held back, and what
--anyway does.
"""

import json
import shutil

import pytest

from medtune.text.emergency import NOTICE, URGENT

CHEST_PAIN = "I have crushing chest pain"
REFUSAL = "I am not sure enough to answer this"


@pytest.fixture(scope="module")
def copied(finished, tmp_path_factory):
    return shutil.copytree(finished.root, tmp_path_factory.mktemp("asked") / "run")


@pytest.fixture
def run_with(copied):
    """Write the threshold of a run's answers as a measurement would."""

    def with_threshold(value, signal="signal", status="set"):
        threshold = {"value": value, "signal": signal, "status": status}
        facts = {
            "answers": {"after": {"kind": "answers", "threshold": threshold, "sentences": ["."]}}
        }
        (copied / "eval" / "confidence.json").write_text(json.dumps(facts))
        return copied

    yield with_threshold
    (copied / "eval" / "confidence.json").unlink(missing_ok=True)


def asked(medtune, directory, *options, question="What is gout?"):
    process = medtune("ask", directory, question, "--max-tokens", "3", *options)
    assert process.returncode == 0, process.stderr
    return process


def test_a_sure_answer_is_given_with_its_confidence(medtune, run_with):
    process = asked(medtune, run_with(1e-9))
    assert REFUSAL not in process.stdout
    assert process.stderr.startswith("\nconfidence 0.0")
    assert "(threshold 0.00" in process.stderr
    assert process.stderr.endswith(f"\n{NOTICE}\n")
    assert "\x1b" not in process.stderr


def test_an_unsure_answer_is_held_back_after_the_urgent_advice(medtune, run_with):
    held = run_with(0.999)
    given = json.loads(asked(medtune, held, "--json", "--anyway", question=CHEST_PAIN).stdout)
    process = asked(medtune, held, question=CHEST_PAIN)
    assert process.stdout.startswith(f"{URGENT}\n\n{REFUSAL}")
    assert "below the threshold of 1.00" in process.stdout
    assert given["answer"] not in process.stdout
    assert "[…]" not in process.stdout
    assert NOTICE in process.stderr


def test_anyway_gives_it_and_says_how_unsure_it_is(medtune, run_with):
    held = run_with(0.999)
    process = asked(medtune, held, "--anyway")
    assert REFUSAL not in process.stdout
    assert "(threshold 1.00, set on validation)" in process.stderr


def test_the_fields_for_machines(medtune, run_with):
    held = json.loads(asked(medtune, run_with(0.999), "--json").stdout)
    assert held["abstained"] is True
    assert held["answer"].startswith(REFUSAL)
    assert 0 < held["confidence"] < held["threshold"] == 0.999
    assert held["signal"] == "signal"
    free = json.loads(asked(medtune, run_with(0.999), "--json", "--anyway").stdout)
    assert free["abstained"] is False
    assert free["confidence"] == held["confidence"]
    assert not free["answer"].startswith(REFUSAL)


@pytest.mark.parametrize("verb", ["ask", "chat"])
def test_no_signal_is_said_and_nothing_held_back(medtune, run_with, verb):
    known = run_with(None, "no signal", "no signal")
    words = ["What is gout?"] if verb == "ask" else []
    process = medtune(verb, known, *words, "--max-tokens", "3", typed="What is gout?\n")
    assert "confidence: no signal on validation" in process.stdout + process.stderr
    assert REFUSAL not in process.stdout


def test_without_a_measurement_nothing_is_shown(medtune, copied):
    process = asked(medtune, copied)
    assert "confidence" not in process.stdout + process.stderr
    answer = json.loads(asked(medtune, copied, "--json").stdout)
    assert answer["confidence"] is answer["threshold"] is answer["signal"] is None
    assert answer["abstained"] is False


def test_a_chat_holds_back_and_does_not_remember_what_it_did_not_say(
    medtune, run_with, monkeypatch
):
    from medtune.assistant import Assistant

    histories, plain = [], Assistant.ask

    def ask(self, question, history=(), on_text=None, *, anyway=False):
        histories.append(len(history))
        return plain(self, question, history, on_text, anyway=anyway)

    monkeypatch.setattr(Assistant, "ask", ask)
    typed = f"What is gout?\n{CHEST_PAIN}\nquit\n"
    held = medtune("chat", run_with(0.999), "--max-tokens", "3", typed=typed)
    assert held.stdout.count(REFUSAL) == 2
    assert held.stdout.index(URGENT) < held.stdout.rindex(REFUSAL)
    free = medtune("chat", run_with(0.999), "--max-tokens", "3", "--anyway", typed=typed)
    assert REFUSAL not in free.stdout
    assert free.stdout.count("(threshold 1.00, set on validation)") == 2
    assert histories == [0, 0, 0, 2]


def test_nothing_streams_before_the_decision(run_with):
    from medtune import load

    question, pieces = "What is gout?", []
    assistant = load(run_with(0.999), max_new_tokens=6)
    answer = assistant.ask(question, on_text=pieces.append)
    assert pieces == [answer.text]
    assert str(answer) == f"{answer.text}\n\n{answer.remark}\n\n{NOTICE}"
    pieces.clear()
    free = assistant.ask(question, on_text=pieces.append, anyway=True)
    assert "".join(pieces).strip() == free.text
    assert len(pieces) > 1
