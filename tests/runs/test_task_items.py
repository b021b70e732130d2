"""What tasks are measured on, and that nothing else is prepared."""

import json

import pytest

from medtune.recipe.read import read_run_recipe
from medtune.runs import evaluate_model as module
from medtune.runs.task_items import TaskItems, needs_splits, source_hashes

ROW = {"question": "Which?", "A": "one", "B": "two", "answer": "B"}


def recipe(*tasks):
    """The quickstart with other tasks."""
    overrides = [f"evaluate.tasks=[{', '.join(tasks)}]", "evaluate.margin={}"]
    return read_run_recipe("quickstart", overrides, None)


@pytest.mark.parametrize(
    ("task", "needed"),
    [
        ("perplexity", True),
        ("answers", True),
        ("multiple_choice", True),  # of the run's own rows
        ("'{task: multiple_choice, source: exam.jsonl}'", False),
        ("'{task: multiple_choice, source: exam.jsonl, shots: 2}'", False),
        ("medqa", False),
        ("safety", False),
        ("topics", False),
        ("forgetting", False),
    ],
)
def test_a_task_of_other_items_needs_no_rows_of_the_run(task, needed):
    assert needs_splits(recipe(task.strip("'"))) == needed
    other = "answers" if task == "perplexity" else "perplexity"
    assert needs_splits(recipe(task.strip("'"), other))


def test_evaluating_on_a_file_prepares_nothing(tmp_path, monkeypatch, capsys):
    exam = tmp_path / "exam.jsonl"
    exam.write_text("".join(json.dumps(ROW | {"question": f"Which {i}?"}) + "\n" for i in range(3)))
    monkeypatch.setattr(module, "open_model", lambda *args, **facts: None)
    monkeypatch.setattr(module, "evaluate", lambda model, jobs, *rest: {"jobs": jobs})
    settings = recipe(f"{{task: multiple_choice, source: {exam}}}")
    (job,) = module.evaluate_model(settings, "medtune-base", None, None)["jobs"]
    assert len(job.items) == 3
    assert "curated" not in capsys.readouterr().err


def test_the_policy_on_identifiers_holds_for_the_items_of_a_task(tmp_path):
    exam = tmp_path / "exam.jsonl"
    named = "Mr. Karl Testmann is here. Which?"
    exam.write_text("".join(json.dumps(ROW | {"question": q}) + "\n" for q in (named, "Which?")))
    spec = f"{{task: multiple_choice, source: {exam}}}"
    policies = {}
    for policy in ("report", "mask", "drop"):
        settings = recipe(spec)
        settings = settings.model_copy(
            update={"data": settings.data.model_copy(update={"identifiers": policy})}
        )
        (job,) = TaskItems(settings, None, None).jobs()
        policies[policy] = [item.stem for item in job.items], source_hashes(settings, None)
    masked = "Mr. [NAME-1] is here. Which?"
    assert policies["report"][0] == [named, "Which?"]
    assert policies["mask"][0] == [masked, "Which?"]
    assert policies["drop"][0] == ["Which?"]
    assert len({tuple(hashes) for _, hashes in policies.values()}) == 3
