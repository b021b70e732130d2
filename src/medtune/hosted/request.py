"""What a hosted service is sent to train on: JSON lines made from the splits, checked line by
line, tokens and cost known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from medtune.conversation import Conversation, iter_conversations
from medtune.errors import DataError, RecipeError
from medtune.files import sha256_file, sha256_json
from medtune.hosted.chat_file import MIN_EXAMPLES, ChatReport, check_chat_lines, write_chat_lines
from medtune.progress import say
from medtune.recipe.schema import Recipe
from medtune.tokens.lengths import ChatCounter, wrap_questions

# The service takes these: it cuts what is too long, and trains on a line as often as it occurs.
TOLERATED = ("over_limit", "duplicate_line")
SHOWN = 3


@dataclass(frozen=True)
class JobRequest:
    """A job before it is sent: its files, what they hold, and the parameters of the job.

    ``files`` and ``reports`` are by split: train, and validation where it has rows.
    """

    files: dict[str, Path]
    reports: dict[str, ChatReport]
    model: str
    parameters: dict[str, Any]

    @property
    def epochs(self) -> int:
        """Passes: those asked for, or those that the service would choose."""
        return self.reports["train"].epochs

    @property
    def tokens(self) -> int:
        """Tokens that are billed for one pass."""
        counted = self.reports["train"].tokens
        return counted.billed if counted else 0

    @property
    def learnt_tokens(self) -> int:
        """Tokens of the assistant's texts in one pass."""
        counted = self.reports["train"].tokens
        return counted.learnt if counted else 0

    @property
    def cost(self) -> float:
        """US dollars, at the price that the recipe names."""
        return self.reports["train"].cost or 0.0

    @cached_property
    def identity(self) -> str:
        """SHA-256 over all that is sent: equal for one and the same job."""
        return sha256_json(
            [
                self.model,
                self.parameters,
                {name: sha256_file(path) for name, path in self.files.items()},
            ]
        )


def write_job_request(recipe: Recipe, splits: Path, directory: Path) -> JobRequest:
    """Write ``train.jsonl`` and ``validation.jsonl`` to ``directory``, checked as the service will.

    Raises ``DataError`` for lines that it would refuse, ``RecipeError`` for parameters.
    """
    settings = recipe.train.hosted
    epochs = None if settings.n_epochs == "auto" else settings.n_epochs
    files, reports = {}, {}
    for split, least in (("train", MIN_EXAMPLES), ("validation", 1)):
        path = directory / f"{split}.jsonl"
        path.unlink(missing_ok=True)
        overlong = recipe.data.overlong if split == "train" else "truncate"
        if (
            not write_chat_lines(path, _rows(splits / f"{split}.parquet", recipe, overlong))
            and split != "train"
        ):
            path.unlink()
            continue
        price = settings.usd_per_million_tokens
        report = check_chat_lines(path, settings.encoding, price=price, epochs=epochs, least=least)
        _refuse_faults(report)
        files[split], reports[split] = path, report
    return JobRequest(files, reports, recipe.model.name, _parameters(recipe))


def _rows(path: Path, recipe: Recipe, overlong: str) -> Iterator[Conversation]:
    """The conversations as they are sent.

    Those over the service's limit are left out where the recipe says so.
    """
    counter = ChatCounter(recipe.train.hosted.encoding, recipe.model.prompt)
    for chunk in iter_conversations(path):
        for conversation, length in zip(chunk, counter.lengths(chunk), strict=True):
            if overlong != "drop" or length.tokens <= counter.max_length:
                yield replace(
                    conversation,
                    messages=wrap_questions(conversation.messages, recipe.model.prompt),
                )


def _refuse_faults(report: ChatReport) -> None:
    faults = {kind: count for kind, count in report.counts.items() if kind not in TOLERATED}
    for kind in TOLERATED:
        if report.counts[kind]:
            say(
                f"{Path(report.path).name}: {report.counts[kind]:,} × {kind.replace('_', ' ')}, "
                "sent as it is"
            )
    if faults:
        listed = [str(problem) for problem in report.problems if problem.kind in faults]
        raise DataError(
            f"{sum(faults.values()):,} faults that the service would refuse: "
            f"{'; '.join(listed[:SHOWN])}",
            where=Path(report.path).name,
            fix="All of them: medtune data export RECIPE --to openai --out DIR",
        )


def _parameters(recipe: Recipe) -> dict[str, Any]:
    """The parameters of the job, without the ids of its files and the mark in its metadata."""
    settings = recipe.train.hosted
    suffix = settings.suffix or recipe.name
    if len(suffix) > 64:
        raise RecipeError(
            f"the recipe's name has {len(suffix)} characters, and a suffix at most 64",
            where="train.hosted.suffix",
            fix="Name a shorter suffix.",
        )
    values = {
        "n_epochs": settings.n_epochs,
        "batch_size": settings.batch_size,
        "learning_rate_multiplier": settings.learning_rate_multiplier,
    }
    method = {"type": "supervised", "supervised": {"hyperparameters": values}}
    return {"model": recipe.model.name, "method": method, "suffix": suffix, "seed": recipe.seed}
