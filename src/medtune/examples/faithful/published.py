"""Figures and prompts of published projects, mistakes included, for the -faithful recipes."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from medtune.conversation import Conversation
from medtune.evaluation.evaluate import PublishedFigure
from medtune.evaluation.tasks import TASKS, Sample, TaskSettings
from medtune.files import read_json_lines, write_json_lines
from medtune.models.causal import CausalModel
from medtune.recipe.schema import Recipe
from medtune.tokens.chat_templates import FamilyTemplate
from medtune.tokens.render import PLAIN_END

FIRST_ROWS = 100
NOT_MEASURED = (
    "Not measured: it is computed from the samples of the task perplexity, which this recipe does "
    "not run."
)


def _key(recipe: Recipe, task: str) -> str:
    """The key of the first such task in the recipe's figures; empty where there is none."""
    return next((spec.key for spec in recipe.evaluate.tasks if spec.task == task), "")


def row_mean_perplexity(samples: Sequence[Sample], rows: int = FIRST_ROWS) -> float | None:
    """Exp of the mean over the first rows of each row's mean NLL a token, question and answer
    together.

    A short row weighs as much as a long one, and the first rows are no sample. None where no row
    was scored as a text.
    """
    scored = [s for s in samples[:rows] if s.get("text_tokens")]
    if not scored:
        return None
    means = (-s["text_loglikelihood"] / s["text_tokens"] for s in scored)
    return math.exp(sum(means) / len(scored))


class RowMeanPerplexity(PublishedFigure):
    """Perplexity as the mean of row means, before and after."""

    plot_label = "as published\n(mean of row means)"

    def compute(
        self,
        recipe: Recipe,
        before: Mapping[str, Sequence[Sample]],
        after: Mapping[str, Sequence[Sample]],
        directory: Path,
    ) -> dict[str, object]:
        """``before`` and ``after`` are null where the recipe does not run perplexity."""
        key = _key(recipe, "perplexity")
        sides = {"before": before.get(key, []), "after": after.get(key, [])}
        figures = {name: row_mean_perplexity(samples) for name, samples in sides.items()}
        n = min(FIRST_ROWS, max(len(samples) for samples in sides.values()))
        sentence = (
            f"The exponential of the mean of {n} row means: every row weighs the same however long "
            "it is, only the first rows count, and the question's own words (with whatever is the "
            "same in every row) count like the answer's. The right figure sums over all tokens of "
            "all test rows and exponentiates once."
        )
        return {
            "title": "Perplexity as published",
            **figures,
            "n": n,
            "sentence": sentence if key else NOT_MEASURED,
        }


class BeforeAfterTraining(PublishedFigure):
    """The answers called "before", taken from the trained model in training mode.

    An adapter changes its base in place, so a model that is asked for "before" after training is
    the tuned one; and in training mode dropout is on.
    """

    needs_trained_model = True

    @staticmethod
    def file(directory: Path) -> Path:
        """Where the answers lie, as samples."""
        return directory / "topics.samples.jsonl"

    def measure(
        self,
        trained: CausalModel,
        rows: Sequence[Conversation],
        settings: TaskSettings,
        directory: Path,
    ) -> None:
        """Write the answers, as samples of the task topics."""
        trained.model.train()
        try:
            samples = TASKS["topics"].run(trained, list(rows), settings)
        finally:
            trained.model.eval()
        write_json_lines(self.file(directory), [sample.as_json() for sample in samples])

    def compute(
        self,
        recipe: Recipe,
        before: Mapping[str, Sequence[Sample]],
        after: Mapping[str, Sequence[Sample]],
        directory: Path,
    ) -> dict[str, object] | None:
        """The answers, each beside what the untouched model says."""
        file = self.file(directory)
        mistaken = read_json_lines(file) if file.exists() else []
        if not mistaken:
            return None
        samples = before.get(_key(recipe, "topics"), ())
        untouched = {sample["question"]: sample["output"] for sample in samples}
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
                "Taken after training, from the model whose adapter was on, in training mode with "
                f"dropout. {differ} of {len(answers)} are not what the untouched model says."
            ),
        }


ROW_MEAN_PERPLEXITY = RowMeanPerplexity()
BEFORE_AFTER_TRAINING = BeforeAfterTraining()


def _turns(user: str, assistant: str) -> str:
    """A template of user and assistant turns; a system message goes before the first user turn."""
    return (
        "{% set ns = namespace(system='') %}{% for m in messages %}"
        "{% if m['role'] == 'system' %}{% set ns.system = m['content'] | trim + ' ' %}"
        "{% elif m['role'] == 'user' %}{{ " + user + " }}{% set ns.system = '' %}"
        "{% else %}{{ " + assistant + " }}{% endif %}{% endfor %}"
    )


_ASKED = "ns.system + m['content'] | trim"
# In a Jinja text, two backslashes and n are a backslash and n.
LLAMA_2 = FamilyTemplate(
    PLAIN_END
    + _turns(
        rf"'[s][INST] ' + {_ASKED} + ' [/INST] \\n'",
        "' ' + m['content'] | trim + '[/s]'",
    )
)
MISTRAL = FamilyTemplate(
    "{{ bos_token }}"
    + _turns(
        rf"bos_token + '[INST] ' + {_ASKED} + ' [/INST] \\n'",
        "' ' + m['content'] | trim + eos_token",
    ),
    bos="<s>",
    eos="</s>",
)
GEMMA = FamilyTemplate(
    PLAIN_END
    + "{{ bos_token }}"
    + _turns(
        rf"'<start_of_turn>user\\n' + {_ASKED} + '<end_of_turn>\\n<start_of_turn>model\\n'",
        r"m['content'] | trim + '<end_of_turn>\\nmodel'",
    )
)
