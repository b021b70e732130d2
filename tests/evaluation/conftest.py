"""A language model that says what a test wrote down, and items to ask it."""

from dataclasses import dataclass, field

import pytest

from medtune.conversation import Conversation, Message
from medtune.evaluation.tasks import TaskSettings
from medtune.models.interface import Generated, Likelihood
from medtune.recipe.schema import Decoding


@dataclass
class ScriptedModel:
    """Answers by question, (negative log-likelihood, tokens) by text.

    Whatever is not written down gets the default.
    """

    answers: dict = field(default_factory=dict)
    nll: dict = field(default_factory=dict)
    default_answer: str = "It depends."
    unfinished: frozenset = frozenset()
    fingerprint: str = "weights-1"
    name: str = "scripted"
    calls: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    def generate(self, prompts, decoding, progress=None):
        self.calls.append("generate")
        made = []
        for messages in prompts:
            self.asked.append((tuple(messages), decoding))
            question = messages[-1].content
            text = self.answers.get(question, self.default_answer)
            if decoding.temperature:
                text = f"sampled with seed {decoding.seed}: {text}"
            made.append(
                Generated(
                    rendered(messages), text, len(text.split()), question not in self.unfinished
                )
            )
        return made

    def loglikelihoods(self, pairs, progress=None):
        self.calls.append("loglikelihoods")
        return [self._likelihood(rendered(messages), answer) for messages, answer in pairs]

    def text_loglikelihoods(self, texts, progress=None):
        self.calls.append("text_loglikelihoods")
        return [self._likelihood("", text) for text in texts]

    def _likelihood(self, prompt, text):
        nll, tokens = self.nll.get(text, (2.0 * len(text.split()), len(text.split())))
        return Likelihood(prompt, text, -nll, tokens, len(text.encode()))


def rendered(messages):
    return "".join(f"<{m.role}>{m.content}\n" for m in messages) + "<assistant>"


def make_item(question, answer, group=None, system=None):
    head = (Message("system", system),) if system else ()
    messages = (*head, Message("user", question), Message("assistant", answer))
    return Conversation(f"id-{question}", group or f"g-{question}", "test", messages)


@pytest.fixture
def scripted():
    return ScriptedModel


@pytest.fixture
def item():
    return make_item


@pytest.fixture
def settings():
    def make(topics=("What is gout?", "What is flu?"), limit=None, seed=7, **decoding):
        return TaskSettings(seed, Decoding(**decoding), tuple(topics), limit)

    return make
