"""A judge: a model asked about one criterion after another, a bounded number of times; what stays unread is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medtune.conversation import Message
from medtune.errors import ModelError, RunError
from medtune.evaluation.judging.asking import asked, verdict
from medtune.models.protocol import DecodingSettings, Generated, LanguageModel, Messages, Progress
from medtune.recipe.schema import Judge as Named
from medtune.recipe.schema import Model

WARM = 0.5  # temperature of the second and later attempts: the first is greedy, and again would be the same
FAILURES = 3  # requests in a row that may fail before the service is taken for gone
BATCH = 8


@dataclass(frozen=True)
class Case:
    """One thing to be judged."""

    conversation: tuple[Message, ...]
    answer: str
    criterion: str


class Judge:
    """``model`` as a judge."""

    def __init__(self, model: LanguageModel, attempts: int, max_new_tokens: int) -> None:
        self.model, self.attempts, self.max_new_tokens = model, attempts, max_new_tokens
        self._has_answered = False

    def judge(self, cases: Sequence[Case], progress: Progress | None = None) -> list[bool | None]:
        """Whether each criterion is met; None where no attempt gave a verdict that can be read.

        A judge that had no room for the whole question is not believed. ``progress`` counts first attempts. Raises
        ``RunError`` where the judge's service is gone, ``ModelError`` where it refuses from the beginning.
        """
        found: list[bool | None] = [None] * len(cases)
        unread = list(range(len(cases)))
        for attempt in range(self.attempts):
            decoding = DecodingSettings(self.max_new_tokens, WARM if attempt else 0.0, seed=attempt)
            prompts = [asked(cases[i].conversation, cases[i].answer, cases[i].criterion) for i in unread]
            for i, made in zip(unread, self._replies(prompts, decoding, None if attempt else progress), strict=True):
                found[i] = verdict(made.text) if made and not made.prompt_cut else None
            unread = [i for i in unread if found[i] is None]
            if not unread:
                break
        return found

    def _replies(
        self, prompts: Sequence[Messages], decoding: DecodingSettings, progress: Progress | None
    ) -> list[Generated | None]:
        """A reply to each; None where its request failed for good while others went through."""
        try:
            replies: list[Generated | None] = list(self.model.generate(prompts, decoding, progress))
        except (ModelError, RunError):
            return self._one_by_one(prompts, decoding)
        self._has_answered = self._has_answered or bool(replies)
        return replies

    def _one_by_one(self, prompts: Sequence[Messages], decoding: DecodingSettings) -> list[Generated | None]:
        """What was answered already is kept by the model, so only the rest is asked for again.

        A service may refuse single texts (a content filter) or fall over them. It is gone where requests in a row fail,
        and never was there where it refuses and has answered nothing.
        """
        replies: list[Generated | None] = []
        failed = 0
        for number, prompt in enumerate(prompts, 1):
            try:
                replies += self.model.generate([prompt], decoding)
                self._has_answered, failed = True, 0
            except (ModelError, RunError) as error:
                failed += 1
                last = number == len(prompts) and not self._has_answered
                gone = failed >= FAILURES and (isinstance(error, RunError) or not self._has_answered)
                if gone or last:
                    raise
                replies.append(None)
        return replies


def open_judge(named: Named, cache: Path | None = None) -> Judge:
    """The judge that a recipe names, ready. With ``cache``, a directory, what it said is kept there and not asked again.

    Raises ``ModelError`` where the model is not to be had.
    """
    from medtune.models.opening import find, open_model

    model = Model(name=named.name, endpoint=named.endpoint)
    opened = open_model(find(model), model, batch_size=BATCH, cache=cache)
    return Judge(opened, named.attempts, named.max_new_tokens)
