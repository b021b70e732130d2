"""Holding an answer back: thresholds, words, and the likelihood of one answer."""

import json
import math

import pytest

from medtune.conversation import user_asks
from medtune.errors import ModelError
from medtune.evaluation.confidence.abstention import AbstentionPolicy, confidence_in
from medtune.evaluation.confidence.scores import answer_confidence
from medtune.models.causal import CausalModel
from medtune.models.load import locate

SET = AbstentionPolicy(0.4, "signal", "set")


def test_below_the_threshold_is_held_back_and_at_it_not():
    assert SET.holds_back(0.39)
    assert not SET.holds_back(0.4)
    assert not SET.holds_back(None)
    assert not AbstentionPolicy(None, "no signal", "no signal").holds_back(0.0)
    assert not AbstentionPolicy(0.0, "signal", "not needed").holds_back(0.0)


def test_what_stands_beside_an_answer():
    assert SET.remark(0.62) == "confidence 0.62 (threshold 0.40, set on validation)"
    assert (
        AbstentionPolicy(None, "no signal", "no signal").remark(0.62)
        == "confidence: no signal on validation"
    )
    assert (
        AbstentionPolicy(0.0, "no signal", "not needed").remark(0.62)
        == "confidence: no signal on validation"
    )
    assert "not measured" in SET.remark(None)
    assert "at none" in AbstentionPolicy(None, "signal", "out of reach").remark(0.62)
    assert "not measured on validation" in AbstentionPolicy(
        None, "not measured", "not measured"
    ).remark(0.62)
    assert "nothing is held back" in AbstentionPolicy(0.0, "signal", "not needed").remark(0.62)


def test_figures_are_told_apart_where_two_digits_would_not():
    assert SET.remark(0.3991) == "confidence 0.399 (threshold 0.400, set on validation)"
    assert "0.399" in SET.refusal(0.3991)
    assert "0.400" in SET.refusal(0.3991)


@pytest.mark.parametrize("inside", ["", "model"])
def test_it_is_read_from_a_run(tmp_path, inside):
    (tmp_path / "eval").mkdir()
    (tmp_path / "model").mkdir()
    threshold = {"value": 0.4, "signal": "signal", "status": "set"}
    facts = {"mine": {"after": {"kind": "answers", "threshold": threshold}}}
    (tmp_path / "eval" / "confidence.json").write_text(json.dumps(facts))
    assert AbstentionPolicy.read(tmp_path / inside) is None  # not a run
    (tmp_path / "run.json").write_text("{}")
    assert AbstentionPolicy.read(tmp_path / inside) == SET
    (tmp_path / "eval" / "confidence.json").write_text(
        json.dumps({"mine": {"before": {}, "after": None}})
    )
    assert AbstentionPolicy.read(tmp_path / inside) is None


def test_an_answers_confidence_without_validation_has_no_threshold():
    gate = AbstentionPolicy.of({"a": {"after": {"kind": "answers", "threshold": None}}})
    assert gate == AbstentionPolicy(None, "not measured", "not measured")


def test_the_confidence_of_asking_is_that_of_the_measurement(tiny_model):
    model = CausalModel.load(locate(str(tiny_model)))
    messages, text = user_asks("What is gout?"), "Crystals of uric acid."
    (found,) = model.loglikelihoods([(messages, text)])
    sample = {"output_loglikelihood": found.loglikelihood, "output_tokens": found.tokens}
    asked = confidence_in(model, messages, text)
    assert (
        asked
        == answer_confidence(sample)
        == pytest.approx(math.exp(found.loglikelihood / found.tokens))
    )
    assert 0 < asked < 1
    assert confidence_in(model, messages, "  ") is None


def test_a_model_without_likelihoods_has_no_confidence():
    class Endpoint:
        def loglikelihoods(self, pairs, progress=None):
            raise ModelError("a chat endpoint gives no likelihoods")

    assert confidence_in(Endpoint(), (), "Rest.") is None
