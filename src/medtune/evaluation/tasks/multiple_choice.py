"""Questions with options: the likelihood of the letters and of the options' texts, or a
generated answer, read strictly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from medtune.conversation import Conversation, Message, options_block
from medtune.errors import DataError
from medtune.evaluation.results import Result, Sample
from medtune.evaluation.tasks.baseline_methods import CHANCE, CONSTANT, ChoiceItem
from medtune.evaluation.tasks.classification import (
    Advance,
    ChoiceSample,
    ChoiceScore,
    class_counts,
    given,
    macro_f1,
    required_whole,
)
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings
from medtune.evaluation.tasks.tied_choices import Weights, right_share, same_tokens, tied_best
from medtune.models.interface import (
    ChoiceLikelihoods,
    LanguageModel,
    choice_loglikelihoods,
    choices_with_ends,
)
from medtune.progress import say, track
from medtune.recipe.extensions import Need
from medtune.recipe.schema import TaskSpec
from medtune.text.answer_parsing import named_option

EXAMINATIONS = ("medqa", "medmcqa", "pubmedqa", "mmlu_medical")  # tasks by these names, too
PREMISE = "Answer:"  # what the options follow where the question is left out (PMI)
INSTRUCTION = "Answer with the letter of the right option alone."
NAMED = 5  # ids in a message
TEXT_SCORES = ("texts", "texts_per_byte", "texts_pmi")


class OptionScore(ChoiceScore):
    """The share that is right by every score, and over the cyclic orders of the options."""

    letters: float | int | None = None
    texts: float | int | None = None
    texts_per_byte: float | int | None = None
    texts_pmi: float | int | None = None
    permuted: float | None = None
    stable: float | None = None


class Form(Result):
    """One of two ways to score the options, letters or texts."""

    prompt: str
    continuations: list[str]
    loglikelihoods: list[float]
    tokens: list[int]
    bytes: list[int] | None = None
    end_loglikelihoods: list[float] | None = None
    premise_loglikelihoods: list[float] | None = None
    premise_end_loglikelihoods: list[float] | None = None


class Order(Result):
    """Letters of the options, turned by ``shift`` places, with their log-likelihoods."""

    shift: int
    loglikelihoods: list[float]


class OptionSample(ChoiceSample):
    """A question; ``options`` are letters, or the texts where these are fixed ``classes``.

    ``choices`` are the texts. ``continuations`` and what belongs to them are of the ``primary``
    form, ``beside`` holds the other one, ``primary_scores`` are one score an option.
    """

    choices: list[str] = Field(default_factory=list)
    classes: bool = False
    score: OptionScore = OptionScore()
    primary: str | None = None
    premise_loglikelihoods: list[float] | None = None
    premise_end_loglikelihoods: list[float] | None = None
    beside: dict[str, Form] | None = None
    orders: list[Order] | None = None


@dataclass(frozen=True)
class PromptWording:
    """How questions are put to a model, with the settings' worked examples before them."""

    settings: TaskSettings

    def lettered(
        self, item: Conversation, order: Sequence[int] | None = None, instruction: str = ""
    ) -> tuple[Message, ...]:
        """The question with its options as lines ``A. …`` in an ``order``; the worked examples
        answer with letters.
        """
        examples = self._examples(_lines, lambda example: example.answer or "")
        lines = "\n".join(filter(None, [_lines(item, order), instruction]))
        return self.settings.conversation(_user(item, lines), examples)

    def bare(self, item: Conversation) -> tuple[Message, ...]:
        """The question alone; the worked examples answer with the right option's text."""
        examples = self._examples(
            lambda example: example.stem,
            lambda example: (example.options or ("",))[key_of(example)],
        )
        return self.settings.conversation(_user(item, item.stem), examples)

    def _examples(
        self, question: Callable[[Conversation], str], answer: Callable[[Conversation], str]
    ) -> list[Message]:
        return [
            message
            for example in self.settings.examples
            for message in (
                *_user(example, question(example)),
                Message("assistant", answer(example)),
            )
        ]


def key_of(item: Conversation) -> int:
    """Index of the right option."""
    return ascii_uppercase.index(item.answer or "A")


def _user(item: Conversation, text: str) -> tuple[Message, ...]:
    """The item's prompt with ``text`` as its last user turn."""
    last = max(i for i, message in enumerate(item.prompt) if message.role == "user")
    return (*item.prompt[:last], Message("user", text))


def _lines(item: Conversation, order: Sequence[int] | None = None) -> str:
    options = item.options or ()
    indices = range(len(options)) if order is None else order
    return item.stem + options_block([options[index] for index in indices])


def fixed_classes(items: Sequence[Conversation]) -> list[str] | None:
    """The options' own texts, where they are the same classes in all items (yes, no, maybe)."""
    first = items[0].options
    fixed = all(item.options == first and item.label in (first or ()) for item in items)
    return list(first) if first and fixed else None


def option_sample(item: Conversation, classes: Sequence[str] | None) -> OptionSample:
    """What is known of a question before it is answered."""
    options = list(classes or ascii_uppercase[: len(item.options or ())])
    right = options[key_of(item)]
    return OptionSample(
        id=item.id,
        group=item.group,
        source=item.source,
        question=item.stem,
        reference=right,
        labels=[right],
        options=options,
        choices=list(item.options or ()),
        classes=classes is not None,
    )


def _tied(sample: OptionSample, scores: Sequence[float] | np.ndarray) -> Weights:
    return tied_best(sample.options, np.asarray(scores, dtype=float), sample.token_groups)


def _answered(sample: OptionSample, top: Weights, **scores: Any) -> OptionScore:
    """The score of a choice; ``scores`` are further ones."""
    correct = right_share(sample.labels, top)
    return OptionScore(**scores, correct=correct, top=top, predicted=top)


def _shown(name: str, title: str) -> Metric:
    """A description: the mean of one of the scores."""
    return Metric(
        name, title, lambda s: given(getattr(s.score, name.removeprefix("accuracy_"))), None
    )


def _indistinct(sample: OptionSample) -> tuple[float, float]:
    return (0, 0) if sample.loglikelihoods is None else (float(sample.token_groups is not None), 1)


def _macro(sample: OptionSample) -> list[float]:
    return class_counts(sample) if sample.classes else [0.0, 0.0, 0.0]


class MultipleChoice(Task):
    """Accuracy of the score that the recipe names; ties count by their share, unread answers are
    wrong.

    Of texts the end of the turn is scored, too: one that begins with another could never win
    without. PMI is the log-likelihood given the question less that given ``Answer:`` alone
    (Holtzman et al. 2021, arXiv:2104.08315); per byte divides by the option's UTF-8 size. The other
    scores stand beside it as descriptions. Options whose texts are the same tokens to the model
    share every choice of one of them, by letters as well: it read the same under both.
    """

    name = "multiple_choice"
    version = "4"
    title = "Questions with options"
    missing = "medical knowledge (multiple-choice examinations)"
    settings = ("limit", "source", "split", "shots", "primary", "permutations", "confidence")
    aliases: ClassVar = {source: {"source": source} for source in EXAMINATIONS}
    without_likelihoods = "Set its primary to generation."
    source_holds = "rows"
    baselines = (CONSTANT, CHANCE)
    sample = OptionSample
    metrics: ClassVar[Sequence[Metric]] = (
        Metric(
            "accuracy", "Accuracy", lambda s: (s.score.correct, 1), "higher", right_or_wrong=True
        ),
        Metric(
            "parse_rate",
            "Answers that name one option",
            lambda s: given(s.score.parsed),
            "higher",
            right_or_wrong=True,
        ),
        Metric("macro_f1", "Macro-F1 over the classes", _macro, None, figure=macro_f1),
        _shown("accuracy_letters", "Accuracy by the letters"),
        _shown("accuracy_texts", "Accuracy by the options' texts"),
        _shown("accuracy_texts_per_byte", "Accuracy by the texts, per byte"),
        _shown("accuracy_texts_pmi", "Accuracy by the texts, PMI"),
        _shown("accuracy_permuted", "Accuracy by letters, mean of all orders"),
        _shown("stable", "Same choice in every order of the options"),
        Metric(
            "prompts_cut",
            "Prompts cut to the model's context",
            lambda s: (float(s.prompt_cut > 0), 1),
            None,
        ),
        Metric(
            "indistinct_options",
            "Questions with options that are the same tokens",
            _indistinct,
            None,
        ),
    )

    def check(self, spec: TaskSpec) -> None:
        """A generated answer has no likelihoods to be sure by, or to turn."""
        if spec.primary == "generation" and (spec.confidence or spec.permutations > 1):
            raise ValueError(
                "primary: generation has no likelihoods: it goes without confidence and "
                "permutations"
            )

    def needs(self, spec: TaskSpec) -> Need:
        """What the primary score needs."""
        return "generation" if spec.primary == "generation" else "likelihood"

    def scored_by(self, spec: TaskSpec) -> str:
        """The texts whose log-likelihood is compared."""
        return f"log-likelihood of {spec.primary.replace('_', ' ')}"

    def can_demonstrate(self, item: Conversation) -> bool:
        """A worked example needs options and a right one."""
        return bool(item.options and item.answer)

    def select(
        self, items: Sequence[Conversation], settings: TaskSettings
    ) -> Sequence[Conversation]:
        """The questions with options and a right one, at most ``limit`` of them."""
        answerable = [item for item in items if item.options and item.answer is not None]
        if not answerable:
            raise DataError(
                "no row has options and a right one",
                where="evaluate.tasks: multiple_choice",
                fix="Name a source that has: {task: multiple_choice, source: medqa}, or a file "
                "(docs/own-data.md).",
            )
        if without := len(items) - len(answerable):
            say(f"multiple_choice: {without:,} of {len(items):,} rows have no options or no answer")
        return settings.draw(answerable)

    def baseline_samples(
        self, train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings
    ) -> dict[str, list[Sample]]:
        """One sample a question and baseline; none of them looks at the training rows."""
        items = self.select(items, settings)
        classes = fixed_classes(items)
        samples = [option_sample(item, classes) for item in items]
        asked = [ChoiceItem(s.question or "", s.labels, s.options) for s in samples]
        return {
            baseline.name: [
                sample.model_copy(update={"prompt_cut": 0, "score": _answered(sample, choice.top)})
                for sample, choice in zip(samples, baseline.choose((), asked), strict=True)
            ]
            for baseline in self.baselines
        }

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample a question. Raises ``DataError`` where no item has options and a right one."""
        spec = settings.spec or TaskSpec(task=self.name)
        drawn = self.select(items, settings)
        classes, wording = fixed_classes(drawn), PromptWording(settings)
        samples = [option_sample(item, classes) for item in drawn]
        if spec.primary == "generation":
            samples = _generated(model, drawn, samples, wording)
        else:
            samples = _scored(model, drawn, samples, wording, spec)
        if cut := sum(sample.prompt_cut > 0 for sample in samples):
            say(
                f"{spec.key}: {cut:,} of {len(samples):,} prompts lost their beginning to the "
                "model's context"
            )
        if indistinct := [sample.id for sample in samples if sample.token_groups]:
            say(
                f"{spec.key}: {len(indistinct):,} of {len(samples):,} questions have options that "
                "are the same tokens to this model's tokenizer, and share a choice of one of them "
                f"({', '.join(indistinct[:NAMED])}{' …' if len(indistinct) > NAMED else ''})"
            )
        return list(samples)


def _scored(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[OptionSample],
    wording: PromptWording,
    spec: TaskSpec,
) -> list[OptionSample]:
    with track(spec.key, (spec.permutations + 2) * len(items), "questions") as bar:
        by_letters = _letters(model, items, wording, 0, bar.advance)
        bare = [(wording.bare(item), item.options or ()) for item in items]
        texts = choices_with_ends(model, bare, bar.advance)
        premise = wording.settings.conversation((Message("user", PREMISE),), ())
        alone = [(premise, item.options or ()) for item in items]
        priors = choices_with_ends(model, alone, bar.advance)
        scored = [
            _by_likelihood(sample, spec.primary, *forms)
            for sample, *forms in zip(samples, by_letters, texts, priors, strict=True)
        ]
        if spec.permutations == 1:
            return scored
        rounds = [
            [Order(shift=0, loglikelihoods=list(letters.loglikelihoods))] for letters in by_letters
        ]
        for shift in range(1, spec.permutations):
            able = [i for i, sample in enumerate(samples) if shift < len(sample.options)]
            turned = _letters(model, [items[i] for i in able], wording, shift, bar.advance)
            for i, letters in zip(able, turned, strict=True):
                order = Order(shift=shift, loglikelihoods=list(letters.loglikelihoods))
                rounds[i].append(order)
    return [_in_orders(sample, orders) for sample, orders in zip(scored, rounds, strict=True)]


def _letters(
    model: LanguageModel,
    items: Sequence[Conversation],
    wording: PromptWording,
    shift: int,
    advance: Advance,
) -> list[ChoiceLikelihoods]:
    """Likelihoods of the letters, with the options turned by ``shift`` places."""
    requests = []
    for item in items:
        k = len(item.options or ())
        order = [(index + shift) % k for index in range(k)]
        requests.append((wording.lettered(item, order), list(ascii_uppercase[:k])))
    return choice_loglikelihoods(model, requests, advance)


def _by_likelihood(
    sample: OptionSample,
    primary: str,
    letters: ChoiceLikelihoods,
    text: ChoiceLikelihoods,
    prior: ChoiceLikelihoods,
) -> OptionSample:
    """The sample with what was scored, so that anybody can score it again: the primary form, and
    the other beside it.
    """
    sample = sample.model_copy(update=same_tokens(text))
    scores = {"letters": np.array(letters.loglikelihoods)}
    whole = required_whole(text) if primary in TEXT_SCORES else text.whole()
    if whole is not None:
        scores |= {
            "texts": whole,
            "texts_per_byte": whole / np.maximum(1, text.bytes),
            "texts_pmi": whole - required_whole(prior),
        }
    tops = {name: _tied(sample, values) for name, values in scores.items()}
    shares = {name: right_share(sample.labels, top) for name, top in tops.items()}
    of_texts = {
        "bytes": list(text.bytes),
        "premise_loglikelihoods": list(prior.loglikelihoods),
    }
    if text.ends is not None and prior.ends is not None:
        of_texts["end_loglikelihoods"] = list(text.ends)
        of_texts["premise_end_loglikelihoods"] = list(prior.ends)
    forms = {"letters": _form(letters), "texts": _form(text).model_copy(update=of_texts)}
    main, other = ("texts", "letters") if primary in TEXT_SCORES else ("letters", "texts")
    return sample.model_copy(
        update={
            **{name: getattr(forms[main], name) for name in forms[main].model_fields_set},
            "primary": primary,
            "prompt_cut": max(letters.prompt_cut, text.prompt_cut),
            "beside": {other: forms[other]},
            "primary_scores": scores[primary].tolist(),
            "score": _answered(sample, tops[primary], **shares),
        }
    )


def _form(choice: ChoiceLikelihoods) -> Form:
    return Form(
        prompt=choice.prompt,
        continuations=list(choice.texts),
        loglikelihoods=list(choice.loglikelihoods),
        tokens=list(choice.tokens),
    )


def _in_orders(sample: OptionSample, orders: Sequence[Order]) -> OptionSample:
    """The sample with the letters' mean accuracy over all orders, and whether the choice is the
    same in each.
    """
    k = len(sample.options)
    # Turned back, so that a score belongs to its option again.
    turned = [
        [order.loglikelihoods[(index - order.shift) % k] for index in range(k)] for order in orders
    ]
    tops = [_tied(sample, scores) for scores in turned]
    figures = {
        "permuted": float(np.mean([right_share(sample.labels, top) for top in tops])),
        "stable": float(all(top == tops[0] for top in tops)),
    }
    score = sample.score.model_copy(update=figures)
    return sample.model_copy(update={"orders": list(orders), "score": score})


def _generated(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[OptionSample],
    wording: PromptWording,
) -> list[OptionSample]:
    decoding = wording.settings.decoding_settings()
    prompts = [wording.lettered(item, instruction=INSTRUCTION) for item in items]
    with track("multiple_choice", len(items), "answers") as bar:
        answers = model.generate(prompts, decoding, bar.advance)
    answered = []
    for sample, answer in zip(samples, answers, strict=True):
        named = named_choice(answer.text, sample.choices)
        top: Weights = {} if named is None else {sample.options[named]: 1.0}
        update = {
            "prompt": answer.prompt,
            "prompt_cut": answer.prompt_cut,
            "output": answer.text,
            "score": _answered(sample, top, parsed=int(bool(top))),
        }
        answered.append(sample.model_copy(update=update))
    return answered


def named_choice(text: str, choices: Sequence[str]) -> int | None:
    """Index of the option that an answer names by its letter or is in so many words.

    None where it names none or two.
    """
    return named_option(text, choices, list(ascii_uppercase[: len(choices)]))
