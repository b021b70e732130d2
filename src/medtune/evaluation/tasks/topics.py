"""Fixed demonstration questions, answered greedily and by seeded sampling: for reading, with a
few plain counts.
"""

from collections.abc import Sequence
from typing import ClassVar

from medtune.conversation import Conversation, user_asks
from medtune.evaluation.results import Result, Sample
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings, system_message
from medtune.models.interface import Generated, LanguageModel
from medtune.progress import track
from medtune.text.words import distinct_n, repeated_words, sentence_count, words


class TopicCounts(Result):
    """Counts of a greedy answer; pairs are a part and its whole. Older runs hold fewer."""

    words: int
    sentences: int | None = None
    unique_words: int | None = None
    distinct_2: tuple[int, int]
    repeated: tuple[int, int]


class TopicSample(Sample):
    """The greedy answer, and a sampled one."""

    sampled_output: str = ""
    score: TopicCounts


def _count(value: int | None) -> tuple[float, float]:
    return (0, 0) if value is None else (value, 1)


class Topics(Task):
    """Counts of the greedy answers; preparation proves the questions' subjects absent from
    training.
    """

    name = "topics"
    title = "Demonstration questions"
    missing = "behaviour on demonstration questions"
    version = "2"
    settings = ()
    by_default = True
    own_items = "demonstration questions"
    benefit = False
    in_variants = False
    side_by_side = 50
    sample = TopicSample
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("words", "Words in an answer", lambda s: _count(s.score.words), None),
        Metric("sentences", "Sentences in an answer", lambda s: _count(s.score.sentences), None),
        Metric(
            "unique_words",
            "Different words in an answer",
            lambda s: _count(s.score.unique_words),
            None,
        ),
        Metric("distinct_2", "Different word pairs", lambda s: s.score.distinct_2, None),
        Metric("repetition", "Repeated share of the words", lambda s: s.score.repeated, None),
    )

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """A greedy and a sampled answer to each question, after the data's system message."""
        system = system_message(items)
        prompts = [settings.conversation(user_asks(topic, system)) for topic in settings.topics]
        with track("topics", 2 * len(prompts), "answers") as bar:
            greedy = model.generate(prompts, settings.decoding_settings(), bar.advance)
            sampled = model.generate(prompts, settings.decoding_settings(sampled=True), bar.advance)
        answers = zip(settings.topics, greedy, sampled, strict=True)
        return [_sample(number, *answer) for number, answer in enumerate(answers, 1)]


def _sample(number: int, question: str, greedy: Generated, sampled: Generated) -> Sample:
    name = f"topic-{number}"
    return TopicSample(
        id=name,
        group=name,
        question=question,
        prompt=greedy.prompt,
        prompt_cut=greedy.prompt_cut,
        output=greedy.text,
        sampled_output=sampled.text,
        reference=None,
        score=TopicCounts(
            words=len(greedy.text.split()),
            sentences=sentence_count(greedy.text),
            unique_words=len(set(words(greedy.text))),
            distinct_2=distinct_n(greedy.text),
            repeated=repeated_words(greedy.text),
        ),
    )
