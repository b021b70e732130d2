"""Perplexity and bits per byte of a model whose likelihoods are known."""

import math

import pytest

from medtune.evaluation.comparison.leaderboard import ModelSamples, compare_all
from medtune.evaluation.comparison.paired import compare
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.recipe.schema import TaskSpec

TASK = TASKS["perplexity"]


def values(samples):
    return {name: entry.value for name, entry in score(TASK, samples, 100, 0).items()}


def test_perplexity_is_exponentiated_once_over_all_tokens(scripted, item, settings):
    model = scripted(nll={"two": (2 + 2, 2), "eight": (8 * 1, 8)})
    samples = TASK.run(model, [item("a", "two"), item("b", "eight")], settings())
    assert values(samples)["perplexity"] == pytest.approx(3.3201, abs=5e-5)


def test_bits_per_byte_of_a_uniform_model_counts_utf8_bytes(scripted, item, settings):
    model = scripted(nll={"naïve µg": (3 * math.log(50_257), 3)})
    samples = TASK.run(model, [item("q", "naïve µg")], settings())
    assert samples[0]["bytes"] == 10
    assert values(samples)["bits_per_byte"] == pytest.approx(4.6851, abs=5e-5)
    assert samples[0]["score"] == pytest.approx(4.6851, abs=5e-5)


def test_bits_per_byte_is_a_ratio_of_sums_not_a_mean_of_ratios(scripted, item, settings):
    model = scripted(nll={"x": (8 * math.log(2), 1), "y" * 99: (99 * math.log(2), 9)})
    samples = TASK.run(model, [item("a", "x"), item("b", "y" * 99)], settings())
    assert values(samples)["bits_per_byte"] == pytest.approx(107 / 100)


def test_figures_do_not_depend_on_the_order_of_items(scripted, item, settings):
    items = [item(f"q{n}", "word " * (n + 1)) for n in range(6)]
    there, back = (TASK.run(scripted(), order, settings()) for order in (items, items[::-1]))
    assert values(there) == pytest.approx(values(back))


def test_answer_and_whole_text_figures_are_both_there(scripted, item, settings):
    question = item("why", "because")
    whole = "<user>why\n<assistant>because"
    model = scripted(nll={"because": (2.0, 1), whole: (9.0, 4)})
    (sample,) = TASK.run(model, [question], settings())
    assert (sample["prompt"], sample["continuations"]) == ("<user>why\n<assistant>", ["because"])
    assert sample["loglikelihoods"] == [-2.0]
    found = values([sample])
    assert found["perplexity"] == pytest.approx(math.exp(2))
    assert found["text_perplexity"] == pytest.approx(math.exp(9 / 4))
    assert found["bits_per_byte"] == pytest.approx(2 / math.log(2) / 7)
    assert found["text_bits_per_byte"] == pytest.approx(9 / math.log(2) / len(whole))


def test_samples_keep_items_in_order_with_their_groups(scripted, item, settings):
    items = [item("b", "x", group="one"), item("a", "y", group="one")]
    samples = TASK.run(scripted(), items, settings())
    assert [(s["id"], s["group"], s["reference"]) for s in samples] == [
        ("id-b", "one", "x"),
        ("id-a", "one", "y"),
    ]


def test_lower_is_better_in_every_figure():
    tested = {metric.name: metric.better for metric in TASK.metrics}
    assert (
        tested.pop("word_perplexity") is None
    )  # the same sum as the others: described, so that the family stays small
    assert set(tested.values()) == {"lower"}


def test_it_is_measured_whole_unless_its_own_limit_says_otherwise(scripted, item, settings):
    items = [item(f"q{n}", "word") for n in range(6)]
    of_all, own = (
        settings(limit=2).for_task(TaskSpec(task="perplexity", limit=n)) for n in (None, 3)
    )
    assert len(TASK.run(scripted(), items, of_all)) == 6
    assert len(TASK.run(scripted(), items, own)) == 3


@pytest.fixture(scope="module")
def small_t5(real_tokenizers):
    """T5's own tokenizer, to which `<`, `~` and `{` are one and the same unknown token."""
    from medtune.models.encoder_decoder import Seq2SeqModel
    from tiny_t5 import real_t5_tokenizer, tiny_t5

    tokenizer = real_t5_tokenizer(real_tokenizers)
    return Seq2SeqModel(tiny_t5(len(tokenizer)), tokenizer, "t5", "f")


def test_answers_with_unknown_tokens_have_no_figure(small_t5, item, settings, capsys):
    items = [item("a", "The INR is low."), item("b", "INR < 2"), item("c", "{ ~ < { ~ < { ~ <")]
    samples = TASK.run(small_t5, items, settings())
    assert [sample.unknown for sample in samples] == [0, 1, 9]
    assert "perplexity: 2 of 3 answers hold tokens" in capsys.readouterr().err
    scores, alone = score(TASK, samples, 100, 0), score(TASK, samples[:1], 100, 0)
    assert {name: s.value for name, s in scores.items()} == {n: s.value for n, s in alone.items()}
    assert (scores["bits_per_byte"].n, scores["bits_per_byte"].left_out) == (1, 2)
    assert scores["bits_per_byte"].items == "1 (2 left out: unknown tokens)"
    assert "left_out" not in alone["bits_per_byte"].as_json()
    assert score(TASK, samples[1:], 100, 0) == {}  # no figure, and none that is better than English


def test_lost_line_breaks_are_no_bytes_to_be_paid_for(small_t5, item, settings):
    lines, line = TASK.run(small_t5, [item("a", "low\n\n\nINR"), item("a", "low INR")], settings())
    assert lines.loglikelihoods == pytest.approx(line.loglikelihoods)
    assert (lines.bytes, line.bytes) == (7, 7)


def test_what_one_model_does_not_know_is_left_out_for_both(scripted, item, settings):
    items = [item(f"q{n}", "word " * (n + 1)) for n in range(4)]
    known = TASK.run(scripted(), items, settings())
    strange = [s.model_copy(update={"unknown": 2} if n == 3 else {}) for n, s in enumerate(known)]
    change = compare({"perplexity": known}, {"perplexity": strange}, 100, 0)["perplexity"]
    assert change["bits_per_byte"].n == 3
    assert change["bits_per_byte"].value == 0
    models = [
        ModelSamples(name, {"perplexity": samples}, "t")
        for name, samples in (("a", known), ("b", strange))
    ]
    boards, _ = compare_all(models, {"perplexity": TASK}, 100, 0)
    rows = next(board for board in boards if board.metric == "bits_per_byte").rows
    assert [(row.n, row.value) for row in rows] == [(3, rows[0].value)] * 2
