"""Evaluation: what is written, what is kept of an interrupted one, and what is measured again."""

import json
from dataclasses import replace

import pytest

from medtune.evaluation.evaluate import Job, evaluate, read_samples, score
from medtune.evaluation.results import plain
from medtune.evaluation.tasks import TASKS
from medtune.files import read_json
from medtune.recipe.schema import Decoding, TaskSpec

ALL = ["perplexity", "answers", "topics"]


@pytest.fixture
def items(item):
    return [
        item(
            f"What is thing {n}?", f"Thing {n} is a sickness of the {'skin' if n % 2 else 'heart'}."
        )
        for n in range(8)
    ]


@pytest.fixture
def measure(items, settings, tmp_path):
    usual = settings()

    def run(model, tasks=ALL, items=items, settings=usual, resamples=100):
        return evaluate(
            model,
            Job.of_all([TaskSpec(task=name) for name in tasks], items, settings),
            resamples,
            tmp_path,
        )

    return run


def test_scores_are_those_of_the_saved_samples(scripted, measure, tmp_path):
    results = measure(scripted())
    for name in ALL:
        written = read_json(tmp_path / f"{name}.json")["scores"]
        samples = read_samples(tmp_path, name)
        assert written == plain(results[name])
        assert results[name] == score(TASKS[name], samples, 100, 7)


def test_every_score_has_n_and_interval_and_every_item_its_line(scripted, measure, tmp_path):
    results = measure(scripted())
    for name, count in (("perplexity", 8), ("answers", 8), ("topics", 2)):
        lines = [
            json.loads(line)
            for line in (tmp_path / f"{name}.samples.jsonl").read_text().splitlines()
        ]
        assert len({line["id"] for line in lines}) == len(lines) == count
        assert all({"id", "group", "prompt", "reference", "score"} <= set(line) for line in lines)
        for entry in results[name].values():
            assert entry.n == count
            assert entry.low <= entry.value <= entry.high


def test_items_of_one_group_count_as_one_in_the_interval(scripted, measure, items):
    alone = measure(scripted(), ["perplexity"])["perplexity"]["perplexity"]
    nll = {item.reference: (5.0 + n // 2, 2) for n, item in enumerate(items)}
    pairs = [replace(item, group=f"pair-{n // 2}") for n, item in enumerate(items)]
    apart, grouped = (
        measure(scripted(nll=nll, fingerprint="other"), ["perplexity"], items=chosen)["perplexity"][
            "perplexity"
        ]
        for chosen in (items, pairs)
    )
    assert (alone.groups, grouped.groups, grouped.n) == (8, 4, 8)
    assert grouped.value == pytest.approx(apart.value)
    assert grouped.high - grouped.low > apart.high - apart.low


def test_score_file_names_model_settings_and_decoding(scripted, measure, tmp_path):
    measure(scripted(), ["answers"])
    found = read_json(tmp_path / "answers.json")
    assert (found["model"], found["model_fingerprint"]) == ("scripted", "weights-1")
    assert found["settings"]["decoding"] == Decoding().model_dump()


def test_finished_tasks_are_not_run_again(scripted, measure):
    first = measure(scripted())
    again = scripted(default_answer="something else")
    assert measure(again) == first
    assert again.calls == []


def test_an_interrupted_evaluation_goes_on_where_it_stopped(scripted, measure, tmp_path):
    class Stops(scripted):
        def generate(self, prompts, decoding, progress=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(Stops())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "perplexity.json",
        "perplexity.samples.jsonl",
    ]
    model = scripted()
    measure(model)
    assert set(model.calls) == {"generate"}


def test_another_model_is_measured_again(scripted, measure):
    measure(scripted(), ["answers"])
    other = scripted(fingerprint="weights-2", default_answer="Thing is a sickness.")
    found = measure(other, ["answers"])
    assert other.calls == ["generate"]
    assert found["answers"]["rouge_l"].value > 0.5


def test_other_items_settings_or_resamples_are_measured_again(scripted, measure, items, settings):
    measure(scripted(), ["answers"])
    changed = [replace(items[0], group="elsewhere"), *items[1:]]
    for change in (
        {"items": changed},
        {"settings": settings(max_new_tokens=5)},
        {"resamples": 50},
        {"items": items[1:]},
    ):
        model = scripted()
        measure(model, ["answers"], **change)
        assert model.calls == ["generate"], change


def test_a_task_whose_samples_are_gone_is_run_again(scripted, measure, tmp_path):
    measure(scripted(), ["answers"])
    (tmp_path / "answers.samples.jsonl").unlink()
    measure(scripted(), ["answers"])
    assert len(read_samples(tmp_path, "answers")) == 8


def test_an_empty_answer_among_others_does_not_stop_the_evaluation(scripted, measure, settings):
    model = scripted(
        answers={"What is gout?": "", "What is flu?": "Flu is a sickness of the whole body."}
    )
    found = measure(model, ["topics"], settings=settings(topics=["What is gout?", "What is flu?"]))
    assert found["topics"]["distinct_2"].value == 1.0


def test_unwritable_figures_are_refused_and_leave_no_score_file(scripted, measure, items, tmp_path):
    model = scripted(nll={items[0].reference: (float("nan"), 3)})
    with pytest.raises(ValueError, match="JSON"):
        measure(model, ["perplexity"])
    assert not list(tmp_path.iterdir())


def test_a_model_on_disk_gives_the_same_bytes_twice(tiny_model, items, settings, tmp_path):
    import torch

    from medtune.models.causal import CausalModel
    from medtune.models.load import locate

    model = CausalModel.load(locate(str(tiny_model)), torch.float32, 4)
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        evaluate(
            model,
            Job.of_all([TaskSpec(task=name) for name in ALL], items, settings(max_new_tokens=6)),
            100,
            place,
        )
    for path in places[0].iterdir():
        assert path.read_bytes() == (places[1] / path.name).read_bytes()
