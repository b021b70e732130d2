"""Asking a trained run: answer, notice, advice for emergencies."""

import json

import pytest

from command_line import StartedCommand
from medtune.text.emergency import NOTICE, URGENT

CHEST_PAIN = "I have crushing chest pain"


def test_an_emergency_gets_the_urgent_advice_before_the_answer_and_the_notice_beside_it(
    finished, tmp_path
):
    words = ["ask", finished.root, CHEST_PAIN, "--max-tokens", "3"]
    process = StartedCommand(*words, cwd=tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0
    assert out.startswith(f"{URGENT}\n\n")
    assert out.removeprefix(URGENT).strip()
    assert err.strip() == NOTICE


def test_an_answer_as_json(medtune, finished):
    process = medtune("ask", finished.root, CHEST_PAIN, "--max-tokens", "3", "--json")
    assert process.returncode == 0
    answer = json.loads(process.stdout)
    assert answer["urgent"] == URGENT
    assert answer["notice"] == NOTICE
    assert isinstance(answer["answer"], str)
    assert answer["finished"] in (True, False)


@pytest.fixture(scope="module")
def chat(finished, tmp_path_factory):
    """A chat of two questions, one of them an emergency, ended by quit: code, stdout, stderr."""
    typed = f"What is gout?\n\n{CHEST_PAIN}\nquit\nNever asked?\n"
    words = ["chat", finished.root, "--max-tokens", "3"]
    process = StartedCommand(*words, cwd=tmp_path_factory.mktemp("chat"), typed=typed)
    out, err = process.communicate()
    return process.returncode, out, err


def test_quit_ends_a_chat(chat):
    code, out, err = chat
    assert code == 0, err
    assert out.count("Answer: ") == 2
    assert out.endswith("Goodbye.\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("typed", "answers"), [("EXIT\nNever asked?\n", 0), ("What is gout?", 1), ("", 0)]
)
def test_exit_and_the_end_of_input_end_a_chat(medtune, finished, typed, answers):
    process = medtune("chat", finished.root, "--max-tokens", "3", typed=typed)
    assert process.returncode == 0
    assert process.stdout.count("Answer: ") == answers
    assert process.stdout.endswith("Goodbye.\n")


def test_a_chat_opens_with_the_notice(chat):
    assert NOTICE in chat[1].partition("Question:")[0]


def test_a_chat_puts_the_urgent_advice_before_the_answer_it_belongs_to(chat):
    first, second = (part.partition("Question:") for part in chat[1].split("Answer: ")[1:])
    assert chat[1].count(URGENT) == 1
    assert URGENT in first[2]
    assert URGENT not in second[2]


def test_a_chat_through_a_pipe_has_no_escape_codes(chat):
    assert "\x1b" not in chat[1] + chat[2]


def test_a_question_that_is_too_long_is_said_to_be_cut(medtune, tiny_model):
    long = "What is anemia? " * 300
    process = medtune("ask", tiny_model, long, "--max-tokens", "3", "--json")
    cut = json.loads(process.stdout)["prompt_cut"]
    assert cut > 100
    assert f"the first {cut:,} tokens of the question" in process.stderr
    shown = medtune("ask", tiny_model, long, "--max-tokens", "3")
    assert f"the first {cut:,} tokens" in shown.stderr
    talked = medtune("chat", tiny_model, "--max-tokens", "3", typed=f"{long}\nquit\n")
    assert f"the first {cut:,} tokens" in talked.stderr
    short = medtune("ask", tiny_model, "Why?", "--max-tokens", "3", "--json")
    assert json.loads(short.stdout)["prompt_cut"] == 0
    assert "tokens of the question" not in short.stderr
