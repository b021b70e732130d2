"""Classification: choices with known answers, metrics against scikit-learn, what the samples
hold.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from medtune.conversation import Conversation, Message
from medtune.errors import DataError
from medtune.evaluation.class_tables import class_tables, tables_of_run
from medtune.evaluation.comparison.paired import TEST, compare
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.classification import sample_of
from medtune.recipe.schema import TaskSpec

TASK = TASKS["classification"]


def note(number, label, labels=None, group=None):
    reference = "; ".join(labels) if labels else label
    messages = (Message("user", f"note {number}"), Message("assistant", reference))
    return Conversation(
        f"id-{number}", group or f"g-{number}", "test", messages, label=label, labels=labels
    )


def guesses(pairs, options, groups=None):
    """Samples of (right, named or None) pairs."""
    return [
        sample_of(
            note(i, right, group=groups and groups[i]),
            options,
            *[{named: 1.0} if named else {}] * 2,
        )
        for i, (right, named) in enumerate(pairs)
    ]


@pytest.fixture
def of(settings):
    def make(labels=(), set_size=1, limit=None, **spec):
        whole = replace(settings(limit=limit), labels=tuple(labels), set_size=set_size)
        return whole.for_task(TaskSpec(task="classification", **spec))

    return make


def scores_of(samples, resamples=300):
    return score(TASK, samples, resamples, 0)


# Figures


def test_always_the_majority_of_nine_to_one():
    samples = guesses([("common", "common")] * 9 + [("rare", "common")], ["common", "rare"])
    scores = scores_of(samples)
    assert scores["accuracy"].value == 0.9
    assert scores["macro_f1"].value == pytest.approx(0.4737, abs=5e-5)
    assert scores["macro_f1"].low <= 0.4737 <= scores["macro_f1"].high


def test_macro_f1_agrees_with_scikit_learn_and_unparsed_answers_are_wrong():
    rng = np.random.default_rng(0)
    options = ["a", "b", "c", "d", "never"]
    right = rng.choice(options[:4], 200)
    named = np.where(rng.random(200) < 0.6, right, rng.choice([*options[:4], "?"], 200))
    samples = guesses(
        [(r, None if n == "?" else n) for r, n in zip(right, named, strict=True)], options
    )
    wanted = f1_score(right, named, labels=options, average="macro", zero_division=np.nan)
    scores = scores_of(samples)
    assert scores["macro_f1"].value == pytest.approx(wanted)
    assert scores["accuracy"].value == pytest.approx((right == named).mean())


def test_accuracy_of_single_items_has_wilsons_interval_and_of_groups_a_wider_one():
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5
    alone = scores_of(guesses(pairs, ["a", "b"]))["accuracy"]
    assert (alone.low, alone.high) == pytest.approx(
        (0.609, 0.911), abs=5e-4
    )  # of 20/25, as published
    tied = scores_of(guesses(pairs, ["a", "b"], [f"g{i // 5}" for i in range(25)]))["accuracy"]
    assert tied.high - tied.low > alone.high - alone.low


def test_all_right_is_not_called_certain():
    grouped = scores_of(guesses([("a", "a")] * 10, ["a", "b"], [f"g{i // 2}" for i in range(10)]))[
        "accuracy"
    ]
    assert grouped.value == 1
    assert grouped.low < 0.6


def paired(b, c, both=5):
    """Before and after with b items right before alone and c right after alone."""
    pattern = [("x", "y")] * b + [("y", "x")] * c + [("x", "x")] * both
    return [guesses([("x", pair[side]) for pair in pattern], ["x", "y"]) for side in (0, 1)]


@pytest.mark.parametrize(("b", "c", "p"), [(60, 30, 0.00206), (5, 0, 0.0625), (10, 2, 0.038574)])
def test_the_change_of_accuracy_is_tested_by_mcnemar(b, c, p):
    before, after = paired(b, c)
    found = compare({"t": before}, {"t": after}, 200, 0, {"t": TASK})["t"]["accuracy"]
    assert found.p == pytest.approx(p, abs=5e-6)
    assert found.test == "exact McNemar"
    assert found.value == pytest.approx((c - b) / (b + c + 5))


def test_copies_of_an_item_are_one_witness():
    before, after = (
        [sample.model_copy(update={"group": f"g{i // 5}"}) for i, sample in enumerate(side)]
        for side in paired(0, 10)
    )
    found = compare({"t": before}, {"t": after}, 200, 0, {"t": TASK})["t"]["accuracy"]
    assert found.p >= 0.25  # three groups have eight patterns of signs; ten items would have 1,024
    assert found.test == TEST


def test_other_labels_are_another_task():
    before, after = paired(1, 1)
    after = [sample.model_copy(update={"options": ["x", "z"]}) for sample in after]
    with pytest.raises(Exception, match="different items"):
        compare({"t": before}, {"t": after}, 50, 0, {"t": TASK})


# By likelihood


def test_length_changes_the_choice_and_both_are_shown(scripted, of):
    model = scripted(nll={"a": (2.0, 1), "long label": (6.0, 2)})
    (sample,) = TASK.run(model, [note(1, "long label")], of(["a", "long label"]))
    assert sample["score"] | {"top": {"a": 1.0}, "correct": 0} == sample["score"]
    assert sample["score"]["per_byte"] == 1
    assert sample["continuations"] == ["a", "long label"]
    assert sample["loglikelihoods"] == [-2.0, -6.0]
    scores = scores_of([sample])
    assert (scores["accuracy"].value, scores["accuracy_per_byte"].value) == (0, 1)


@pytest.mark.parametrize("k", [2, 3, 7])
def test_a_uniform_model_scores_chance_exactly(scripted, of, k):
    options = [f"label {i}" for i in range(k)]
    model = scripted(nll={name: (2.0 + i * 1e-7, 1) for i, name in enumerate(options)})
    samples = TASK.run(model, [note(i, options[i % k]) for i in range(4 * k)], of(options))
    assert scores_of(samples)["accuracy"].value == pytest.approx(1 / k)


def test_labels_of_training_alone_are_offered_too(scripted, of):
    model = scripted(nll={"of train": (0.5, 1), "b": (1.0, 1)})
    (sample,) = TASK.run(model, [note(1, "b")], of(["b", "of train"]))
    assert sample["score"]["top"] == {"of train": 1.0}


def test_rows_without_labels_are_said_and_none_at_all_is_an_error(scripted, of, item, capsys):
    samples = TASK.run(scripted(), [note(1, "a"), item("What is it?", "A thing.")], of(["a"]))
    assert [sample["id"] for sample in samples] == ["id-1"]
    assert "1 of 2 items have no label" in capsys.readouterr().err
    with pytest.raises(DataError, match="no test row has a label"):
        TASK.run(scripted(), [item("What is it?", "A thing.")], of())


def test_a_topic_that_is_not_asked_for_is_no_label(scripted, of):
    messages = (Message("user", "What is it?"), Message("assistant", "A thing."))
    with pytest.raises(DataError):
        TASK.run(scripted(), [Conversation("i", "g", "s", messages, label="Cardiology")], of())


# By generation


def test_generated_answers_are_parsed_strictly(scripted, of):
    answers = {
        "note 1": "B",
        "note 2": "The answer is (C).",
        "note 3": "I don't know",
        "note 4": "A or B",
    }
    items = [note(n, gold) for n, gold in zip(range(1, 5), "BCDA", strict=True)]
    samples = TASK.run(scripted(answers=answers), items, of("ABCD", scoring="generation"))
    scores = scores_of(samples)
    assert (scores["accuracy"].value, scores["parse_rate"].value) == (0.5, 0.5)
    tables = class_tables(samples)
    assert tables.unparsed == 2
    assert [answer.output for answer in tables.unparsed_answers] == ["I don't know", "A or B"]
    assert [row[-1] for row in tables.confusion] == [1, 0, 0, 1]


def test_decoding_is_greedy_unless_a_temperature_is_given(scripted, of):
    model = scripted(answers={"note 1": "a"})
    TASK.run(model, [note(1, "a")], of("ab", scoring="generation"))
    (sampled,) = TASK.run(model, [note(1, "a")], of("ab", scoring="generation", temperature=0.8))
    (_, greedy), (_, warm) = model.asked
    assert greedy.temperature == 0
    assert (warm.temperature, warm.seed, warm.top_p) == (0.8, 7, 1.0)
    assert sampled["score"]["top"] == {"a": 1.0}


# Sets of labels


SET = ("Cardiology", "Surgery")


def test_sets_by_generation(scripted, of):
    items = [note(1, SET[0], SET), note(2, "Neurology")]
    model = scripted(answers={"note 1": "Surgery; Neurology", "note 2": "Neurology"})
    samples = TASK.run(
        model, items, of(["Cardiology", "Neurology", "Surgery"], 2, scoring="generation")
    )
    scores = scores_of(samples)
    assert scores["hit_at_1"].value == 1
    assert "accuracy" not in scores
    # Named 3, right 3, both 2; by class: Cardiology 0, Neurology 2·1/3, Surgery 1.
    assert scores["micro_f1"].value == pytest.approx(4 / 6)
    assert scores["macro_f1"].value == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert class_tables(samples).confusion is None


def test_sets_by_likelihood_go_on_the_likeliest_way(scripted, of):
    nll = {"Cardiology": (1.0, 1), "Neurology": (2.0, 1), "Surgery": (9.0, 1)}
    nll |= {"Cardiology; Neurology": (8.0, 1), "Cardiology; Surgery": (2.0, 1)}
    (sample,) = TASK.run(
        scripted(nll=nll), [note(1, SET[0], SET)], of(["Cardiology", "Neurology", "Surgery"], 2)
    )
    assert sample["score"]["predicted"] == {"Cardiology": 1.0, "Surgery": 1.0}
    assert sample["further"][0]["continuations"] == ["Cardiology; Neurology", "Cardiology; Surgery"]
    assert scores_of([sample])["micro_f1"].value == 1


# Tables


def test_tables_of_both_sides():
    before, after = paired(2, 3, both=4)
    found = tables_of_run({"t": before, "other": [{"id": "no classification"}]}, {"t": after})
    assert list(found) == ["t"]
    x, y = found["t"]["after"].classes
    assert (x.n, x.predicted, x.precision, x.recall) == (
        9,
        7,
        1.0,
        pytest.approx(7 / 9),
    )
    assert (y.n, y.predicted, y.precision, y.recall, y.f1) == (0, 2, 0.0, None, 0.0)
    assert found["t"]["after"].confusion == [[7, 2, 0], [0, 0, 0]]
    assert found["t"]["before"].confusion == [[6, 3, 0], [0, 0, 0]]
