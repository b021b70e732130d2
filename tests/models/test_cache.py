"""Results kept item by item: nothing is asked twice, a crash costs one portion, another model or
setting is another key.
"""

import json
from dataclasses import replace

import pytest

from medtune.conversation import user_asks
from medtune.models.cache import CachedModel
from medtune.models.causal import CausalModel
from medtune.models.interface import (
    DecodingSettings,
    Generated,
    choice_loglikelihoods,
)
from medtune.models.load import locate

GREEDY = DecodingSettings(6)
ASKED = [
    user_asks(f"What of {word}?") for word in ("gout", "anemia and asthma", "flu", "eczema here")
]


class Counting:
    """A model that counts its answers and breaks after so many calls."""

    name = fingerprint = "counting"

    def __init__(self, breaks_after=None):
        self.made, self.calls, self.breaks_after = 0, 0, breaks_after

    def generate(self, prompts, decoding, progress=None):
        self.calls += 1
        if self.breaks_after is not None and self.calls > self.breaks_after:
            raise KeyboardInterrupt
        self.made += len(prompts)
        return [Generated("p", f"{m[-1].content} {decoding.seed}", 1, True) for m in prompts]

    def loglikelihoods(self, pairs, progress=None): ...

    def text_loglikelihoods(self, texts, progress=None):
        return []


def test_nothing_is_asked_twice_and_the_order_stays(tmp_path):
    first, second = Counting(), Counting()
    told = CachedModel(first, tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    again = CachedModel(second, tmp_path / "r.jsonl")
    assert again.generate(ASKED[::-1], GREEDY) == told[::-1]
    assert (first.made, second.made) == (4, 0)
    again.generate(ASKED, replace(GREEDY, seed=1))
    assert second.made == 4


def test_equal_questions_are_asked_once(tmp_path):
    model = Counting()
    assert len(CachedModel(model, tmp_path / "r.jsonl").generate([ASKED[0]] * 5, GREEDY)) == 5
    assert model.made == 1


def test_an_interruption_costs_one_portion(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        CachedModel(Counting(breaks_after=1), tmp_path / "r.jsonl", at_once=3).generate(
            ASKED, GREEDY
        )
    model = Counting()
    CachedModel(model, tmp_path / "r.jsonl", at_once=3).generate(ASKED, GREEDY)
    assert model.made == 1


def test_another_model_does_not_get_its_answers(tmp_path):
    CachedModel(Counting(), tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    other = Counting()
    other.fingerprint = "another"
    CachedModel(other, tmp_path / "r.jsonl").generate(ASKED, GREEDY)
    assert other.made == 4


def test_a_line_cut_short_and_a_spoilt_one_are_computed_again(tmp_path, capsys):
    path = tmp_path / "r.jsonl"
    CachedModel(Counting(), path).generate(ASKED, GREEDY)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{spoilt", lines[2], lines[3][:20]]))
    model = Counting()
    CachedModel(model, path).generate(ASKED, GREEDY)
    assert model.made == 2
    assert "1 unreadable result" in capsys.readouterr().err
    assert all(json.loads(line) for line in path.read_text().splitlines() if line != "{spoilt")


def test_a_model_without_whole_text_likelihoods_has_none(tmp_path):
    assert CachedModel(Counting(), tmp_path / "r.jsonl").text_loglikelihoods(["a text"]) == []


def test_a_real_model_says_the_same_through_it(tiny_model, tmp_path):
    plain = CausalModel.load(locate(str(tiny_model)))
    kept = CachedModel(plain, tmp_path / "r.jsonl", at_once=2)
    pairs = [(messages, "Rest helps.") for messages in ASKED]
    for _ in range(2):
        assert [a.loglikelihood for a in kept.loglikelihoods(pairs)] == pytest.approx(
            [a.loglikelihood for a in plain.loglikelihoods(pairs)], abs=1e-4
        )
        asked = [(messages, ["Rest", "Sleep a lot"]) for messages in ASKED]
        for ours, theirs in zip(
            choice_loglikelihoods(kept, asked), choice_loglikelihoods(plain, asked), strict=True
        ):
            assert (ours.prompt, ours.texts, ours.tokens) == (
                theirs.prompt,
                theirs.texts,
                theirs.tokens,
            )
            assert ours.loglikelihoods == pytest.approx(theirs.loglikelihoods, abs=1e-4)
        assert kept.generate(ASKED, GREEDY) == plain.generate(ASKED, GREEDY)
