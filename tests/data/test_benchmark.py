"""Items of a source that is only measured on: its test part, each question once, the rest for examples."""

import json

import pytest

from medtune.data.benchmark import read_benchmark
from medtune.errors import DataError
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.multiple_choice import multiple_choice_sample, names_of


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
    place = write(tmp_path / "own.jsonl", [row("one"), row("two", split="dev"), row("three", split="train")])
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


@pytest.mark.real
def test_pubmedqa_always_yes_has_its_published_figures(real_data):
    """Majority 0.552 accuracy, 0.2371 macro-F1 on the 500 test items (Jin et al. 2019)."""
    items = read_benchmark("pubmedqa", None, real_data).items
    assert len(items) == 500
    task = TASKS["multiple_choice"]
    samples = [multiple_choice_sample(item, names_of(items)) for item in items]
    for sample in samples:
        right = float("yes" in sample["labels"])
        sample |= {"prompt_cut": 0, "score": {"correct": right, "top": {"yes": 1.0}, "predicted": {"yes": 1.0}}}
    found = score(task, samples, 200, 0)
    assert found["accuracy"]["value"] == pytest.approx(0.552)
    assert found["macro_f1"]["value"] == pytest.approx(0.2371, abs=5e-5)


@pytest.mark.real
@pytest.mark.parametrize("name", ["medqa", "medmcqa", "mmlu_medical"])
def test_the_examinations_load_with_an_answer_in_every_item(real_data, name):
    found = read_benchmark(name, None, real_data)
    assert len(found.items) > 1_000
    assert all(item.options and item.answer for item in found.items)
    assert not {i.group for i in found.items} & {i.group for i in found.others}
