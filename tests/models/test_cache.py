"""Results kept item by item: nothing is asked twice, a crash costs one portion, another model or
setting is another key.
"""

import json
from dataclasses import replace

import pytest

from medtune.conversation import Conversation, Message, user_asks
from medtune.models.cache import CachedModel
from medtune.models.causal import CausalModel
from medtune.models.interface import (
    DecodingSettings,
    Generated,
    choice_loglikelihoods,
)
from medtune.models.load import load_weights, locate
from medtune.models.open import open_model
from medtune.recipe.schema import Model

GREEDY = DecodingSettings(6)
ASKED = [
    user_asks(f"What of {word}?") for word in ("gout", "anemia and asthma", "flu", "eczema here")
]


class Counting:
    """A model that counts its answers and breaks after so many calls."""

    name = fingerprint = "counting"

    def __init__(self, breaks_after=None):
        self.result, self.calls, self.breaks_after = 0, 0, breaks_after

    def generate(self, prompts, decoding, progress=None):
        self.calls += 1
        if self.breaks_after is not None and self.calls > self.breaks_after:
            raise KeyboardInterrupt
        self.result += len(prompts)
        return [Generated("p", f"{m[-1].content} {decoding.seed}", 1, True) for m in prompts]

    def loglikelihoods(self, pairs, progress=None): ...

    def text_loglikelihoods(self, texts, progress=None):
        return []


def cached(model, path, **options):
    """What ``open_model`` gives, around a model that is there already."""
    return CachedModel(
        lambda: model, path, name=model.name, fingerprint=model.fingerprint, **options
    )


def test_nothing_is_asked_twice_and_the_order_stays(tmp_path):
    first, second = Counting(), Counting()
    reported = cached(first, tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    again = cached(second, tmp_path / "r.jsonl")
    assert again.generate(ASKED[::-1], GREEDY) == reported[::-1]
    assert (first.result, second.result) == (4, 0)
    again.generate(ASKED, replace(GREEDY, seed=1))
    assert second.result == 4


def test_equal_questions_are_asked_once(tmp_path):
    model = Counting()
    assert len(cached(model, tmp_path / "r.jsonl").generate([ASKED[0]] * 5, GREEDY)) == 5
    assert model.result == 1


def test_an_interruption_costs_one_portion(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        cached(Counting(breaks_after=1), tmp_path / "r.jsonl", portion=3).generate(ASKED, GREEDY)
    model = Counting()
    cached(model, tmp_path / "r.jsonl", portion=3).generate(ASKED, GREEDY)
    assert model.result == 1


def test_another_model_does_not_get_its_answers(tmp_path):
    cached(Counting(), tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    other = Counting()
    other.fingerprint = "another"
    cached(other, tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    assert other.result == 4


def test_a_line_cut_short_and_a_spoilt_one_are_computed_again(tmp_path, capsys):
    path = tmp_path / "r.jsonl"
    cached(Counting(), path).generate(ASKED, GREEDY)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{spoilt", lines[2], lines[3][:20]]))
    model = Counting()
    cached(model, path).generate(ASKED, GREEDY)
    assert model.result == 2
    assert "1 unreadable result" in capsys.readouterr().err
    assert all(json.loads(line) for line in path.read_text().splitlines() if line != "{spoilt")


def test_a_model_without_whole_text_likelihoods_has_none(tmp_path):
    assert (
        cached(Counting(), tmp_path / "r.jsonl", text_likelihoods=False).text_loglikelihoods(
            ["a text"]
        )
        == []
    )


def test_a_real_model_says_the_same_through_it(tiny_model, tmp_path):
    plain = CausalModel.load(locate(str(tiny_model)))
    kept = cached(plain, tmp_path / "r.jsonl", portion=2)
    pairs = [(messages, "Rest helps.") for messages in ASKED]
    for _ in range(2):
        assert [a.loglikelihood for a in kept.loglikelihoods(pairs)] == pytest.approx(
            [a.loglikelihood for a in plain.loglikelihoods(pairs)], abs=1e-4
        )
        requests = [(messages, ["Rest", "Sleep a lot"]) for messages in ASKED]
        for ours, theirs in zip(
            choice_loglikelihoods(kept, requests),
            choice_loglikelihoods(plain, requests),
            strict=True,
        ):
            assert (ours.prompt, ours.texts, ours.tokens) == (
                theirs.prompt,
                theirs.texts,
                theirs.tokens,
            )
            assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)
        assert kept.generate(ASKED, GREEDY) == plain.generate(ASKED, GREEDY)


def test_a_second_evaluation_reads_no_weights_and_says_one_true_line(
    tiny_model, tmp_path, capsys, monkeypatch
):
    """Of another number of resamples, so that no task is kept as a whole."""
    from medtune.evaluation.evaluate import Job, evaluate
    from medtune.evaluation.tasks import TaskSettings
    from medtune.recipe.schema import Decoding, TaskSpec

    loads = []
    monkeypatch.setattr(
        "medtune.models.causal.load_weights", lambda *a: loads.append(a) or load_weights(*a)
    )
    items = [
        Conversation(f"i{n}", f"g{n}", "s", (*messages, Message("assistant", "Rest helps.")))
        for n, messages in enumerate(ASKED)
    ]
    settings = TaskSettings(0, Decoding(max_new_tokens=4), (), None)

    def once(resamples):
        model = open_model(
            locate(str(tiny_model)), Model(name=str(tiny_model)), batch_size=2, cache=tmp_path
        )
        jobs = Job.of_all([TaskSpec(task="perplexity"), TaskSpec(task="answers")], items, settings)
        return evaluate(model, jobs, resamples, tmp_path / "eval")

    first = once(20)
    assert len(loads) == 1
    assert "kept" not in capsys.readouterr().err
    second = once(30)
    lines = [line for line in capsys.readouterr().err.splitlines() if "kept from before" in line]
    assert len(loads) == 1
    assert len(lines) == 1
    assert str(tiny_model) in lines[0]
    values = [
        [scores.value for task in side.values() for scores in task.values()]
        for side in (first, second)
    ]
    assert values[0] == values[1]
    items.append(
        replace(
            items[0],
            id="new",
            group="new",
            messages=user_asks("A new one?") + items[0].messages[1:],
        )
    )
    once(30)
    assert len(loads) == 2


def test_results_of_earlier_versions_are_read(tmp_path):
    """They stood in one field of their line, as answers of services never did."""
    path = tmp_path / "r.jsonl"
    answers = cached(Counting(), path).generate(ASKED, GREEDY)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps({"key": row.pop("key"), "value": row}) + "\n" for row in rows)
    )
    model = Counting()
    assert cached(model, path).generate(ASKED, GREEDY) == answers
    assert model.result == 0
