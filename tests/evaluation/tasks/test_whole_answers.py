"""Where answers are compared, one that begins with another can win: the end of the turn counts."""

from dataclasses import replace

import numpy as np
import pytest

from medtune.conversation import Conversation, Message, user_asks
from medtune.errors import ModelError
from medtune.evaluation.tasks import TASKS
from medtune.models.interface import ChoiceLikelihoods
from medtune.recipe.schema import TaskSpec

SHORT, LONG = "diabetes", "diabetes insipidus"


class Chain:
    """Says ``diabetes``, and then the end or ``insipidus`` as its question would have it.

    What it says after ``;`` is as likely as at the beginning.
    """

    name = fingerprint = "chain"
    ends = True

    def __init__(self, stops, then=0.0):
        self.stops, self.then = stops, then

    def _of(self, messages, answer):
        total = 0.0
        stop = self.stops(messages[-1].content)
        *earlier, last = [part.strip() for part in answer.split(";")]
        for part in [*earlier, *([last] if last else [])]:
            total += np.log(1 - stop) if part == LONG else 0.0
        # after the words: nothing follows "insipidus", so the end is sure but for a further label
        going_on = len(earlier) * np.log(self.then) if earlier else 0.0
        closed = [np.log(stop) for part in earlier if part == SHORT]
        end = np.log(1 - self.then) + (np.log(stop) if last == SHORT else 0.0)
        return total + going_on + sum(closed), end if last else -50.0

    def choices_with_ends(self, asked, progress=None):
        results = []
        for messages, answers in asked:
            pairs = [self._of(messages, answer) for answer in answers]
            results.append(
                ChoiceLikelihoods(
                    messages[-1].content,
                    tuple(answers),
                    tuple(float(text) for text, _ in pairs),
                    (1,) * len(answers),
                    tuple(len(answer.encode()) for answer in answers),
                    ends=tuple(float(end) for _, end in pairs),
                )
            )
        return results

    def choice_loglikelihoods(self, asked, progress=None):
        return [replace(choice, ends=None) for choice in self.choices_with_ends(asked)]

    generate = loglikelihoods = text_loglikelihoods = None


class WithoutEnds:
    """The same, but for the ends."""

    name = fingerprint = "without ends"
    generate = loglikelihoods = text_loglikelihoods = None

    def __init__(self, chain):
        self.choice_loglikelihoods = chain.choice_loglikelihoods


def sugar(text):
    return 0.9 if "SUGAR" in text else 0.1


def note(text, label, labels=None):
    reference = "; ".join(labels) if labels else label
    messages = (*user_asks(text), Message("assistant", reference))
    return Conversation(f"id-{text}", f"g-{text}", "test", messages, label=label, labels=labels)


def question(text, right):
    options = (SHORT, LONG)
    lines = [f"{letter}. {option}" for letter, option in zip("AB", options, strict=True)]
    answer = "AB"[options.index(right)]
    messages = (
        *user_asks("\n".join([text, "", *lines])),
        Message("assistant", f"{answer}. {right}"),
    )
    return Conversation(f"id-{text}", f"g-{text}", "test", messages, None, options, answer)


NOTES = [note("SUGAR", SHORT), note("WATER", LONG)]
QUESTIONS = [question("SUGAR", SHORT), question("WATER", LONG)]


def run(task, model, items, settings, **fields):
    spec = TaskSpec(
        task=task, **{k: v for k, v in fields.items() if k not in ("labels", "set_size")}
    )
    more = {k: v for k, v in fields.items() if k in ("labels", "set_size")}
    return TASKS[task].run(model, items, replace(settings(), **more).for_task(spec))


def test_a_label_that_begins_with_another_wins_where_it_is_right(settings):
    samples = run("classification", Chain(sugar), NOTES, settings, labels=(SHORT, LONG))
    assert [sample.score.top for sample in samples] == [{SHORT: 1.0}, {LONG: 1.0}]
    assert [sample.score.per_byte for sample in samples] == [1, 1]


def test_samples_name_the_ends_and_what_was_compared(settings):
    sample, _ = run("classification", Chain(sugar), NOTES, settings, labels=(SHORT, LONG))
    assert sample["end_loglikelihoods"] == pytest.approx([np.log(0.9), 0.0])
    assert sample["loglikelihoods"] == pytest.approx([0.0, np.log(0.1)])
    assert sample["primary_scores"] == pytest.approx(
        np.add(sample["loglikelihoods"], sample["end_loglikelihoods"])
    )


@pytest.mark.parametrize("primary", ["texts", "texts_per_byte"])
def test_so_does_an_option_s_text(settings, primary):
    samples = run("multiple_choice", Chain(sugar), QUESTIONS, settings, primary=primary)
    assert [sample.score.correct for sample in samples] == [1, 1]
    assert samples[0]["end_loglikelihoods"] == pytest.approx([np.log(0.9), 0.0])
    assert len(samples[0]["premise_end_loglikelihoods"]) == 2


def test_letters_are_compared_without_the_end_as_the_harness_does(settings):
    (sample, _) = run("multiple_choice", Chain(sugar), QUESTIONS, settings, primary="letters")
    assert sample["end_loglikelihoods"] is None
    assert sample.beside["texts"].end_loglikelihoods is not None


def test_in_a_set_a_label_may_end_or_another_may_follow(settings):
    """The first label is the right one although the set goes on after it."""
    items = [note("SUGAR", SHORT, (SHORT, "cold")), note("WATER", LONG, (LONG, "cold"))]
    model = Chain(sugar, then=0.99)
    samples = run("classification", model, items, settings, labels=(SHORT, LONG), set_size=1)
    assert [sample.score.top for sample in samples] == [{SHORT: 1.0}, {LONG: 1.0}]


def test_a_model_without_ends_is_refused_where_they_would_decide(settings):
    model = WithoutEnds(Chain(sugar))
    with pytest.raises(ModelError, match="begins with another") as error:
        run("classification", model, NOTES, settings, labels=(SHORT, LONG))
    assert SHORT not in str(error.value)
    with pytest.raises(ModelError, match="begins with another"):
        run("multiple_choice", model, QUESTIONS, settings, primary="texts")


def test_without_ends_letters_are_measured_and_texts_are_not(settings):
    sample, _ = run(
        "multiple_choice", WithoutEnds(Chain(sugar)), QUESTIONS, settings, primary="letters"
    )
    assert sample.score.letters is not None
    assert sample.score.texts is None


def test_without_ends_other_labels_are_compared_as_they_are(settings):
    items = [note("SUGAR", "gout")]
    (sample,) = run(
        "classification", WithoutEnds(Chain(sugar)), items, settings, labels=("gout", "flu")
    )
    assert sample["end_loglikelihoods"] is None
