"""Figures computed the way a published project computed them, mistakes included, to stand beside
the right ones.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from medtune.evaluation.tasks.task import Sample
from medtune.recipe.schema import Recipe

FIRST_ROWS = 100


def row_mean_perplexity(samples: Sequence[Sample], rows: int = FIRST_ROWS) -> float | None:
    """Exp of the mean over the first rows of each row's mean NLL a token, question and answer
    together.

    A short row weighs as much as a long one, and the first rows are no sample. None where no row
    was scored as a text.
    """
    found = [s for s in samples[:rows] if s.get("text_tokens")]
    if not found:
        return None
    return math.exp(sum(-s["text_loglikelihood"] / s["text_tokens"] for s in found) / len(found))


def published_figures(
    recipe: Recipe,
    before: Mapping[str, Sequence[Sample]],
    after: Mapping[str, Sequence[Sample]],
    mistaken: Sequence[Sample] = (),
) -> dict[str, Any]:
    """The recipe's ``evaluate.published`` figures, from saved samples: each a ``title`` and a
    ``sentence``.

    A figure has ``before``, ``after`` and ``n``; answers are ``answers``: of ``mistaken``, those
    that the trained model gave in training mode, beside what the untouched model says.
    """
    found: dict[str, Any] = {}
    if "row_mean_perplexity" in recipe.evaluate.published:
        found["row_mean_perplexity"] = _row_mean(recipe, before, after)
    if mistaken:
        found["before_after_training"] = _mistaken(recipe, before, mistaken)
    return found


def _mistaken(
    recipe: Recipe, before: Mapping[str, Sequence[Sample]], mistaken: Sequence[Sample]
) -> dict[str, Any]:
    key = next((spec.key for spec in recipe.evaluate.tasks if spec.task == "topics"), "")
    untouched = {sample["question"]: sample["output"] for sample in before.get(key, ())}
    answers = [
        {
            "question": s["question"],
            "published": s["output"],
            "untouched": untouched.get(s["question"], ""),
        }
        for s in mistaken
    ]
    differ = sum(answer["published"] != answer["untouched"] for answer in answers)
    return {
        "title": "Answers “before”",
        "answers": answers,
        "n": len(answers),
        "sentence": (
            "Taken after training, from the model whose adapter was on, in training mode with dropout. "
            f"{differ} of {len(answers)} are not what the untouched model says."
        ),
    }


def _row_mean(
    recipe: Recipe, before: Mapping[str, Sequence[Sample]], after: Mapping[str, Sequence[Sample]]
) -> dict[str, Any]:
    key = next((spec.key for spec in recipe.evaluate.tasks if spec.task == "perplexity"), "")
    sides = {"before": before.get(key, []), "after": after.get(key, [])}
    figures = {name: row_mean_perplexity(samples) for name, samples in sides.items()}
    n = min(FIRST_ROWS, max(len(samples) for samples in sides.values()))
    return {"title": "Perplexity as published", **figures, "n": n, "sentence": _sentence(key, n)}


def _sentence(key: str, n: int) -> str:
    if not key:
        return "Not measured: it is computed from the samples of the task perplexity, which this recipe does not run."
    return (
        f"The exponential of the mean of {n} row means: every row weighs the same however long it is, only the first rows "
        "count, and the question's own words (with whatever is the same in every row) count like the answer's. The right "
        "figure sums over all tokens of all test rows and exponentiates once."
    )
