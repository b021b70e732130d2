"""Tasks of a recipe: short names, and settings that would be ignored."""

import pytest
from pydantic import ValidationError

from medtune.data.sources import choice_forms as multiple_choice
from medtune.evaluation.tasks.multiple_choice import EXAMINATIONS
from medtune.recipe.evaluate import Evaluate, TaskSpec


def test_an_examination_is_named_by_its_source():
    assert set(EXAMINATIONS) == set(multiple_choice.FORMS)
    (spec,) = Evaluate(tasks=["medqa"]).tasks
    assert (spec.task, spec.key, spec.source) == ("multiple_choice", "medqa", "medqa")
    assert Evaluate(tasks=[spec.model_dump()]).tasks == [spec]
    (few,) = Evaluate(tasks=[{"task": "pubmedqa", "limit": 5, "primary": "texts"}]).tasks
    assert (few.task, few.key, few.source, few.limit) == (
        "multiple_choice",
        "pubmedqa",
        "pubmedqa",
        5,
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"task": "topics", "limit": 1}, "limit is not for topics"),
        (
            {"task": "multiple_choice", "primary": "generation", "permutations": 4},
            "goes without confidence and perm",
        ),
        (
            {"task": "multiple_choice", "primary": "generation", "confidence": True},
            "goes without confidence",
        ),
        (
            {"task": "classification", "scoring": "generation", "confidence": True},
            "goes without confidence",
        ),
        ({"task": "classification", "temperature": 0.7}, "temperature is for scoring: generation"),
        ({"task": "safety", "permutations": 2}, "permutations is not for safety"),
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(values, said):
    with pytest.raises(ValidationError, match=said):
        TaskSpec(**values)


def test_an_unknown_task_is_answered_with_all_names():
    with pytest.raises(
        ValidationError, match=r"no such task; tasks: perplexity, .* pubmedqa, mmlu_medical"
    ):
        Evaluate(tasks=["medqaa"])


@pytest.mark.parametrize(
    "task", ["perplexity", "answers", "classification", "multiple_choice", "safety", "forgetting"]
)
def test_every_other_task_takes_a_limit(task):
    assert TaskSpec(task=task, limit=3).limit == 3


@pytest.mark.parametrize("margin", [{"rouge_l": 0.02}, {"answers.rouge_l": 0.02}])
def test_a_margin_is_of_a_figure_in_all_tasks_or_in_one(margin):
    section = Evaluate(tasks=["perplexity", "answers"], margin=margin)
    assert section.margin_of("answers", "rouge_l") == 0.02
    assert section.margin_of("answers", "token_f1") is None
    assert section.margin_of("other", "rouge_l") == (0.02 if "rouge_l" in margin else None)


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        ({"rougeL": 0.02}, "rouge_l"),
        ({"perplexity.rouge_l": 0.02}, "did you mean rouge_l"),
        ({"accuracy": 0.02}, "perplexity: bits_per_byte, perplexity"),
        ({"bleu": 0.02}, "no task of this recipe tests"),  # a description
        ({"rouge_l": 0}, "greater than 0"),
        ({"rouge_l": float("inf")}, "finite"),
        ({"rouge_l": -0.1}, "greater than 0"),
        (0.02, "dictionary"),
    ],
)
def test_a_margin_of_no_figure_or_no_size_is_refused(margin, said):
    with pytest.raises(ValidationError, match=said):
        Evaluate(tasks=["perplexity", "answers"], margin=margin)
