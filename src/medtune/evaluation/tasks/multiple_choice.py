"""Questions with options: the likelihood of the letters and of the options' texts, or a
generated answer, read strictly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, ClassVar

import numpy as np

from medtune.conversation import Conversation, Message
from medtune.data.rows import bare_question
from medtune.errors import DataError
from medtune.evaluation.tasks.baselines import CHANCE, CONSTANT, ChoiceItem
from medtune.evaluation.tasks.classification import class_counts, macro_f1, tied_best
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.models.interface import LanguageModel, choice_loglikelihoods
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.recipe.tasks import Need
from medtune.text.answer_parsing import named_option

EXAMINATIONS = ("medqa", "medmcqa", "pubmedqa", "mmlu_medical")  # tasks by these names, too
PREMISE = "Answer:"  # what the options follow where the question is left out (PMI)
INSTRUCTION = "Answer with the letter of the right option alone."


def key_of(item: Conversation) -> int:
    """The place of the right option."""
    return ascii_uppercase.index(item.answer or "A")


@dataclass(frozen=True)
class Worded:
    """How the task's items are put to a model."""

    settings: TaskSettings

    def lettered(
        self, item: Conversation, order: Sequence[int] | None = None, instruction: str = ""
    ) -> tuple[Message, ...]:
        """The question with its options as lines ``A.

        …`` in an ``order``; the worked examples answer with letters.
        """
        examples = [
            message
            for example in self.settings.examples
            for message in (
                *_user(example, _lines(example)),
                Message("assistant", example.answer or ""),
            )
        ]
        asked = _user(item, "\n".join(filter(None, [_lines(item, order), instruction])))
        return self.settings.conversation(asked, examples)

    def bare(self, item: Conversation) -> tuple[Message, ...]:
        """The question alone; the worked examples answer with the right option's text."""
        examples = [
            message
            for example in self.settings.examples
            for message in (
                *_user(example, bare_question(example.question)),
                Message("assistant", _right(example)),
            )
        ]
        return self.settings.conversation(_user(item, bare_question(item.question)), examples)


def _user(item: Conversation, text: str) -> tuple[Message, ...]:
    """The item's prompt with ``text`` as its last user turn."""
    last = max(i for i, message in enumerate(item.prompt) if message.role == "user")
    return (*item.prompt[:last], Message("user", text))


def _right(item: Conversation) -> str:
    return (item.options or ("",))[key_of(item)]


def _lines(item: Conversation, order: Sequence[int] | None = None) -> str:
    options = item.options or ()
    places = range(len(options)) if order is None else order
    lines = [
        f"{letter}. {options[place]}"
        for letter, place in zip(ascii_uppercase, places, strict=False)
    ]
    return "\n".join([bare_question(item.question), "", *lines])


TEXT_SCORES = ("texts", "texts_per_byte", "texts_pmi")


def has_options(item: Conversation) -> bool:
    """Whether an item is a question with options and a known right one."""
    return bool(item.options) and item.answer is not None


def names_of(items: Sequence[Conversation]) -> list[str] | None:
    """The options' own texts, where they are the same fixed classes in all items (yes, no,
    maybe); else None.
    """
    first = items[0].options
    fixed = all(item.options == first and item.label in (first or ()) for item in items)
    return list(first) if first and fixed else None


def multiple_choice_sample(item: Conversation, names: Sequence[str] | None) -> Sample:
    """What every answerer's sample holds.

    ``options`` are letters, or the fixed classes where there are such.
    """
    options = list(names or ascii_uppercase[: len(item.options or ())])
    return {
        "id": item.id,
        "group": item.group,
        "source": item.source,
        "question": bare_question(item.question),
        "reference": options[key_of(item)],
        "labels": [options[key_of(item)]],
        "options": options,
        "choices": list(item.options or ()),
        "classes": names is not None,
    }


def chosen(sample: Sample, scores: Sequence[float]) -> dict[str, float]:
    """The options of the highest score, each with its share of 1."""
    return tied_best(sample["options"], np.asarray(scores, dtype=float))


def right_share(sample: Sample, top: dict[str, float]) -> float:
    """Expected accuracy of a choice: the share of it that is right (an untrained uniform model:
    exactly 1 / k).
    """
    return sum(weight for option, weight in top.items() if option in sample["labels"])


def _answered(sample: Sample, top: dict[str, float]) -> Sample:
    scores = {"correct": right_share(sample, top), "top": top, "predicted": top}
    return {**sample, "prompt_cut": 0, "score": scores}


def _described(name: str) -> Callable[[Sample], tuple[float, float]]:
    return lambda sample: (sample["score"][name], 1) if name in sample["score"] else (0, 0)


def _macro(sample: Sample) -> list[float]:
    return class_counts(sample) if sample["classes"] else [0.0, 0.0, 0.0]


class MultipleChoice(Task):
    """Accuracy of the score that the recipe names.

    Ties count by their share, unread answers are wrong.

    Of texts, PMI is the log-likelihood given the question less that given ``Answer:`` alone
    (Holtzman et al. 2021, arXiv:2104.08315); per byte divides by the option's UTF-8 size. The other
    scores stand beside it as descriptions.
    """

    name = "multiple_choice"
    title = "Questions with options"
    missing = "medical knowledge (multiple-choice examinations)"
    settings = ("limit", "source", "split", "shots", "primary", "permutations", "confidence")
    aliases: ClassVar = {source: {"source": source} for source in EXAMINATIONS}
    without_likelihoods = "Set its primary to generation."
    source_holds = "rows"
    baselines = (CONSTANT, CHANCE)
    metrics: ClassVar[Sequence[Metric]] = (
        Metric(
            "accuracy",
            "Accuracy",
            lambda s: (s["score"]["correct"], 1),
            "higher",
            right_or_wrong=True,
        ),
        Metric(
            "parse_rate",
            "Answers that name one option",
            _described("parsed"),
            "higher",
            right_or_wrong=True,
        ),
        Metric("macro_f1", "Macro-F1 over the classes", _macro, None, figure=macro_f1),
        Metric("accuracy_letters", "Accuracy by the letters", _described("letters"), None),
        Metric("accuracy_texts", "Accuracy by the options' texts", _described("texts"), None),
        Metric(
            "accuracy_texts_per_byte",
            "Accuracy by the texts, per byte",
            _described("texts_per_byte"),
            None,
        ),
        Metric("accuracy_texts_pmi", "Accuracy by the texts, PMI", _described("texts_pmi"), None),
        Metric(
            "accuracy_permuted",
            "Accuracy by letters, mean of all orders",
            _described("permuted"),
            None,
        ),
        Metric("stable", "Same choice in every order of the options", _described("stable"), None),
        Metric(
            "prompts_cut",
            "Prompts cut to the model's context",
            lambda s: (float(s["prompt_cut"] > 0), 1),
            None,
        ),
    )

    def check(self, spec: TaskSpec) -> None:
        """A generated answer has no likelihoods to be sure by, or to turn."""
        if spec.primary == "generation" and (spec.confidence or spec.permutations > 1):
            raise ValueError(
                "primary: generation has no likelihoods: it goes without confidence and permutations"
            )

    def needs(self, spec: TaskSpec) -> Need:
        """By the primary score."""
        return "generation" if spec.primary == "generation" else "likelihood"

    def scored_by(self, spec: TaskSpec) -> str:
        """Of which texts."""
        return f"log-likelihood of {spec.primary.replace('_', ' ')}"

    def can_demonstrate(self, item: Conversation) -> bool:
        """A worked example needs options and a right one."""
        return bool(item.options and item.answer)

    def select(
        self, items: Sequence[Conversation], settings: TaskSettings
    ) -> Sequence[Conversation]:
        """The questions with options and a right one, at most ``limit`` of them."""
        return answerable(items, settings)

    def baseline_samples(
        self, train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings
    ) -> dict[str, list[Sample]]:
        """One sample a question and baseline; none of them looks at the training rows."""
        items = self.select(items, settings)
        samples = [multiple_choice_sample(item, names_of(items)) for item in items]
        asked = [ChoiceItem(s["question"], s["labels"], s["options"]) for s in samples]
        return {
            baseline.name: [
                _answered(sample, choice.top)
                for sample, choice in zip(samples, baseline.choose((), asked), strict=True)
            ]
            for baseline in self.baselines
        }

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample a question. Raises ``DataError`` where no item has options and a right one."""
        spec = settings.spec or TaskSpec(task="multiple_choice")
        drawn = answerable(items, settings)
        names, worded = names_of(drawn), Worded(settings)
        samples = [multiple_choice_sample(item, names) for item in drawn]
        if spec.primary == "generation":
            _generated(model, drawn, samples, worded)
        else:
            _scored(model, drawn, samples, worded, spec)
        if cut := sum(sample["prompt_cut"] > 0 for sample in samples):
            say(
                f"{spec.key}: {cut:,} of {len(samples):,} prompts lost their beginning to the model's context"
            )
        return samples


def answerable(items: Sequence[Conversation], settings: TaskSettings) -> list[Conversation]:
    """The items that are measured: those with options and a right one, at most ``limit``."""
    found = [item for item in items if has_options(item)]
    if not found:
        raise DataError(
            "no row has options and a right one",
            where="evaluate.tasks: multiple_choice",
            fix="Name a source that has: {task: multiple_choice, source: medqa}, or a file (docs/own-data.md).",
        )
    if len(found) < len(items):
        say(
            f"multiple_choice: {len(items) - len(found):,} of {len(items):,} rows have no options or no answer"
        )
    return settings.draw(found)


def _scored(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[Sample],
    worded: Worded,
    spec: TaskSpec,
) -> None:
    orders = spec.permutations
    with track(spec.key, (orders + 2) * len(items), "questions") as bar:
        by_letters = _letters(model, items, worded, 0, bar.advance)
        texts = choice_loglikelihoods(
            model, [(worded.bare(item), item.options or ()) for item in items], bar.advance
        )
        premise = worded.settings.conversation((Message("user", PREMISE),), ())
        alone = choice_loglikelihoods(
            model, [(premise, item.options or ()) for item in items], bar.advance
        )
        for sample, letters, text, prior in zip(samples, by_letters, texts, alone, strict=True):
            raw = np.array(text.loglikelihoods)
            scores = {
                "letters": np.array(letters.loglikelihoods),
                "texts": raw,
                "texts_per_byte": raw / np.maximum(1, text.bytes),
                "texts_pmi": raw - np.array(prior.loglikelihoods),
            }
            sample |= _as_sample(spec.primary, letters, text, prior)
            sample["primary_scores"] = scores[spec.primary].tolist()
            tops = {name: chosen(sample, values) for name, values in scores.items()}
            sample["score"] = {name: right_share(sample, top) for name, top in tops.items()}
            top = tops[spec.primary]
            sample["score"] |= {"correct": right_share(sample, top), "top": top, "predicted": top}
        if orders > 1:
            _permute(model, items, samples, worded, orders, bar.advance)


def _letters(
    model: LanguageModel, items: Sequence[Conversation], worded: Worded, shift: int, advance: Any
) -> list[Any]:
    """Likelihoods of the letters, with the options turned by ``shift`` places."""
    asked = []
    for item in items:
        k = len(item.options or ())
        order = [(place + shift) % k for place in range(k)]
        asked.append((worded.lettered(item, order), list(ascii_uppercase[:k])))
    return choice_loglikelihoods(model, asked, advance)


def _as_sample(primary: str, letters: Any, text: Any, prior: Any) -> Sample:
    """What was scored, so that anybody can score it again: of the primary form on top, of the
    other beside it.
    """
    forms = {
        "letters": {"prompt": letters.prompt, "continuations": list(letters.texts), "loglikelihoods": list(letters.loglikelihoods), "tokens": list(letters.tokens)},
        "texts": {"prompt": text.prompt, "continuations": list(text.texts), "loglikelihoods": list(text.loglikelihoods), "tokens": list(text.tokens)},
    }  # fmt: skip
    main = "texts" if primary in TEXT_SCORES else "letters"
    forms["texts"] |= {
        "bytes": list(text.bytes),
        "premise_loglikelihoods": list(prior.loglikelihoods),
    }
    other = "letters" if main == "texts" else "texts"
    cut = max(letters.prompt_cut, text.prompt_cut)
    return {**forms[main], "primary": primary, "prompt_cut": cut, "beside": {other: forms[other]}}


def _permute(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[Sample],
    worded: Worded,
    orders: int,
    advance: Any,
) -> None:
    """Score the letters in further cyclic orders: the mean accuracy, and whether the choice is
    the same in all.
    """
    found = [[(0, _letters_of(sample))] for sample in samples]
    for shift in range(1, orders):
        able = [i for i, sample in enumerate(samples) if shift < len(sample["options"])]
        made = _letters(model, [items[i] for i in able], worded, shift, advance)
        for i, letters in zip(able, made, strict=True):
            found[i].append((shift, list(letters.loglikelihoods)))
    for sample, rounds in zip(samples, found, strict=True):
        k = len(sample["options"])
        # Turned back, so that a score belongs to its option again.
        turned = [[scores[(place - shift) % k] for place in range(k)] for shift, scores in rounds]
        tops = [chosen(sample, scores) for scores in turned]
        sample["orders"] = [{"shift": shift, "loglikelihoods": scores} for shift, scores in rounds]
        sample["score"]["permuted"] = float(np.mean([right_share(sample, top) for top in tops]))
        sample["score"]["stable"] = float(all(top == tops[0] for top in tops))


def _letters_of(sample: Sample) -> list[float]:
    form = sample if sample["primary"] not in TEXT_SCORES else sample["beside"]["letters"]
    return list(form["loglikelihoods"])


def _generated(
    model: LanguageModel, items: Sequence[Conversation], samples: Sequence[Sample], worded: Worded
) -> None:
    decoding = worded.settings.decoding_settings()
    asked = [worded.lettered(item, instruction=INSTRUCTION) for item in items]
    with track("multiple_choice", len(items), "answers") as bar:
        made = model.generate(asked, decoding, bar.advance)
    for sample, answer in zip(samples, made, strict=True):
        named = read_answer(answer.text, sample["choices"])
        top = {} if named is None else {sample["options"][named]: 1.0}
        sample |= {"prompt": answer.prompt, "prompt_cut": answer.prompt_cut, "output": answer.text}
        sample["score"] = {
            "correct": right_share(sample, top),
            "top": top,
            "predicted": top,
            "parsed": int(bool(top)),
        }


def read_answer(text: str, choices: Sequence[str]) -> int | None:
    """The place of the option that an answer names by its letter or is in so many words.

    None where it names none or two.
    """
    return named_option(text, choices, list(ascii_uppercase[: len(choices)]))
