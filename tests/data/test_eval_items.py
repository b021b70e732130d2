"""Items of a source that is only measured on: its test part, each question once, the rest for
examples.
"""

import json

import pytest

from medtune.data.eval_items import read_benchmark
from medtune.errors import DataError
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.multiple_choice import fixed_classes, option_sample


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def row(question, answer="A", split="test", options=("yes", "no")):
    return {
        "question": question,
        "options": dict(zip("ABCD", options, strict=False)),
        "answer_idx": answer,
        "split": split,
    }


def test_the_test_part_is_measured_and_the_rest_is_for_examples(tmp_path):
    place = write(
        tmp_path / "own.jsonl", [row("one"), row("two", split="dev"), row("three", split="train")]
    )
    found = read_benchmark(place, None, None)
    assert [item.prompt[0].content.split("\n")[0] for item in found.items] == ["one"]
    assert [item.prompt[0].content.split("\n")[0] for item in found.others] == ["three", "two"]
    assert [i.answer for i in read_benchmark(place, "dev", None).items] == ["A"]


def test_repeated_items_count_once_and_measured_questions_are_no_examples(tmp_path, capsys):
    rows = [row("one"), row("One "), row("one", split="train"), row("two", split="train")]
    found = read_benchmark(write(tmp_path / "own.jsonl", rows), None, None)
    assert (len(found.items), len(found.others)) == (1, 1)
    assert "1 of 2 items are repeated" in capsys.readouterr().err


def test_a_part_that_is_not_there_is_named_with_those_that_are(tmp_path):
    place = write(tmp_path / "own.jsonl", [row("one"), row("two", split="train")])
    with pytest.raises(DataError, match="no part 'dev'") as error:
        read_benchmark(place, "dev", None)
    assert "test, train" in str(error.value)


def asked(conversations):
    return [item.prompt[0].content.split("\n")[0] for item in conversations]


def test_only_rows_with_as_many_options_stand_beside_the_items(tmp_path, capsys):
    three = row("four", split="dev", options=("yes", "no", "maybe"))
    rows = [
        row("one"),
        three,
        row("two", split="dev"),
        row("five", split="train", options=("x", "y", "z")),
    ]
    found = read_benchmark(write(tmp_path / "own.jsonl", rows), None, None)
    assert (asked(found.others), asked(found.examples)) == (["two"], ["two"])
    assert "2 rows beside the items have another number of options" in capsys.readouterr().err
    mixed = read_benchmark(
        write(tmp_path / "mixed.jsonl", [*rows, {**three, "split": "test"}]), None, None
    )
    assert asked(mixed.others) == ["five", "two"]  # the items differ themselves


def test_worked_examples_are_of_the_first_part_alone(tmp_path):
    rows = [row("one"), row("odd", split="a"), row("two", split="dev"), row("three", split="train")]
    rows += [row("Three", split="train"), row("one", split="train"), row("four", split="train")]
    found = read_benchmark(write(tmp_path / "own.jsonl", rows), None, None)
    assert asked(found.examples) == ["three", "four"]
    assert asked(found.others) == ["three", "four", "two", "odd"]
    other = read_benchmark(
        write(tmp_path / "other.jsonl", [row("one"), row("b", split="b"), row("a", split="a")]),
        None,
        None,
    )
    assert asked(other.examples) == ["a"]
    assert read_benchmark(write(tmp_path / "bare.jsonl", [row("one")]), None, None).examples == []


def test_a_long_id_is_cut_and_the_digest_is_not(tmp_path):
    rows = [{**row(f"q{i}"), "id": "x" * 80} for i in range(3)]
    names = [
        item.id for item in read_benchmark(write(tmp_path / "own.jsonl", rows), None, None).items
    ]
    assert len(set(names)) == 3
    assert {len(name) for name in names} == {60}


def test_an_empty_option_is_an_error_that_names_the_row(tmp_path):
    place = write(tmp_path / "own.jsonl", [row("one"), row("two", options=("  ", "no"))])
    with pytest.raises(DataError, match="option A is empty") as error:
        read_benchmark(place, None, None)
    assert "own.jsonl, row 2" in str(error.value)
    place = write(tmp_path / "trimmed.jsonl", [row("one", options=(" yes ", "no"))])
    assert read_benchmark(place, None, None).items[0].options == ("yes", "no")
    place = write(
        tmp_path / "beside.jsonl", [row("one"), row("two", options=("", "no"), split="dev")]
    )
    assert read_benchmark(place, None, None).others == []


@pytest.mark.real
def test_medqa_gives_four_options_everywhere_and_examples_of_its_dev_part(real_data):
    found = read_benchmark("medqa", None, real_data, "off")
    assert {len(item.options) for item in [*found.items, *found.others]} == {4}
    assert {item.id.split("-")[1] for item in found.examples} == {"dev"}


@pytest.mark.real
def test_pubmedqa_always_yes_has_its_published_figures(real_data):
    """Majority 0.552 accuracy, 0.2371 macro-F1 on the 500 test items (Jin et al. 2019)."""
    items = read_benchmark("pubmedqa", None, real_data, "off").items
    assert len(items) == 500
    task = TASKS["multiple_choice"]
    samples = [option_sample(item, fixed_classes(items)) for item in items]
    yes = {"top": {"yes": 1.0}, "predicted": {"yes": 1.0}}
    rows = [
        sample.as_json()
        | {"prompt_cut": 0, "score": {"correct": float("yes" in sample.labels), **yes}}
        for sample in samples
    ]
    found = score(task, [task.sample.model_validate(row) for row in rows], 200, 0)
    assert found["accuracy"].value == pytest.approx(0.552)
    assert found["macro_f1"].value == pytest.approx(0.2371, abs=5e-5)


@pytest.mark.real
@pytest.mark.parametrize("name", ["medqa", "medmcqa", "mmlu_medical"])
def test_the_examinations_load_with_an_answer_in_every_item(real_data, name):
    found = read_benchmark(name, None, real_data, "off")
    assert len(found.items) > 1_000
    assert all(item.options and item.answer for item in found.items)
    assert not {i.group for i in found.items} & {i.group for i in found.others}


PATIENTS = ("Karl Testmann", "Olga Musterfrau", "Max Beispiel")


def visit(name, **fields):
    """A question that names a patient, in the stem, in an option and in the id."""
    asked = row(
        f"Mr. {name} has a sore throat. What helps?", options=(f"Rest for Mr. {name}", "no")
    )
    return asked | {"id": f"MRN-{name}"} | fields


def test_identifiers_of_items_are_counted_and_said(tmp_path, capsys):
    place = write(tmp_path / "own.jsonl", [*map(visit, PATIENTS), row("What is gout?")])
    found = read_benchmark(place, None, None)
    assert len(found.items) == 4
    assert (found.identifiers.policy, found.identifiers.rows) == ("report", 3)
    assert found.identifiers.counts["name"] >= 6
    said = capsys.readouterr().err
    assert "in 3 of 4 items (data.identifiers: report): name" in said
    assert not any(name.split()[1] in said for name in PATIENTS)
    unscanned = read_benchmark(place, None, None, "off")
    assert unscanned.items == found.items
    assert unscanned.identifiers.model_dump() == {"policy": "off", "found": {}, "rows": 0}


def test_items_are_masked_everywhere_and_their_groups_are_of_before(tmp_path):
    rows = [*map(visit, PATIENTS), visit(PATIENTS[0], answer_idx="B")]
    found = read_benchmark(write(tmp_path / "own.jsonl", rows), None, None, "mask")
    asked = {item.stem for item in found.items}
    assert asked == {"Mr. [NAME-1] has a sore throat. What helps?"}
    assert {item.options for item in found.items} == {("Rest for Mr. [NAME-1]", "no")}
    # Of three patients with one text one item is left, and the other answer is an item of the
    # first patient's group.
    assert [item.answer for item in found.items] == ["A", "B"]
    assert len({item.group for item in found.items}) == 1
    told = str([item.as_dict() for item in found.items])
    assert not any(word in told for name in PATIENTS for word in (*name.split(), "MRN"))


def test_patients_with_one_masked_question_stay_apart(tmp_path):
    rows = [visit(name, answer_idx="AB"[n % 2]) for n, name in enumerate(PATIENTS)]
    found = read_benchmark(write(tmp_path / "own.jsonl", rows), None, None, "mask")
    assert len({item.group for item in found.items}) == len(found.items) == 2
    plain = read_benchmark(write(tmp_path / "plain.jsonl", rows), None, None)
    assert not {item.group for item in found.items} & {item.group for item in plain.items}


def test_what_reads_like_a_measured_item_once_masked_is_no_example(tmp_path):
    rows = [visit(PATIENTS[0]), visit(PATIENTS[1], split="train"), row("two", split="train")]
    place = write(tmp_path / "own.jsonl", rows)
    assert asked(read_benchmark(place, None, None, "mask").examples) == ["two"]
    assert len(read_benchmark(place, None, None).examples) == 2


def test_items_with_identifiers_are_left_out_or_refused(tmp_path):
    rows = [visit(PATIENTS[0]), row("What is gout?"), visit(PATIENTS[1], split="train")]
    place = write(tmp_path / "own.jsonl", rows)
    found = read_benchmark(place, None, None, "drop")
    assert asked(found.items) == ["What is gout?"]
    assert (found.others, found.identifiers.rows) == ([], 1)
    with pytest.raises(DataError, match="identifiers found") as error:
        read_benchmark(place, None, None, "refuse")
    assert "own.jsonl, row 1" in str(error.value)
    assert "Testmann" not in str(error.value)
    only = write(tmp_path / "only.jsonl", [visit(PATIENTS[0])])
    with pytest.raises(DataError, match="all 1 items hold identifiers"):
        read_benchmark(only, None, None, "drop")


def test_a_part_of_an_unusual_name_is_counted(tmp_path):
    rows = [row("one", split="held-out"), row("two", split="Testmann test")]
    with pytest.raises(DataError, match="no part 'dev'") as error:
        read_benchmark(write(tmp_path / "own.jsonl", rows), "dev", None)
    assert "Parts here: held-out, 1 of unusual names." in str(error.value)
