"""Fixed demonstration questions, answered greedily and by seeded sampling: for reading, with a
few plain counts.
"""

from collections.abc import Sequence
from typing import ClassVar

from medtune.conversation import Conversation, user_asks
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.models.interface import LanguageModel
from medtune.progress import track
from medtune.text.word_counts import distinct_n, repeated_words, sentence_count, words


def _count(sample: Sample, name: str) -> tuple[float, float]:
    return float(sample["score"].get(name, 0)), float(name in sample["score"])


def _ratio(pair: Sequence[int]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


class Topics(Task):
    """Counts of the greedy answers.

    Preparation proves the questions' subjects absent from training.
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
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("words", "Words in an answer", lambda s: (s["score"]["words"], 1), None),
        Metric("sentences", "Sentences in an answer", lambda s: _count(s, "sentences"), None),
        Metric(
            "unique_words",
            "Different words in an answer",
            lambda s: _count(s, "unique_words"),
            None,
        ),
        Metric(
            "distinct_2", "Different word pairs", lambda s: _ratio(s["score"]["distinct_2"]), None
        ),
        Metric(
            "repetition",
            "Repeated share of the words",
            lambda s: _ratio(s["score"]["repeated"]),
            None,
        ),
    )

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """A greedy and a sampled answer to each question.

        The data's system message is asked with.
        """
        system = next(
            (m.content for item in items[:1] for m in item.messages if m.role == "system"), None
        )
        prompts = [
            settings.conversation(user_asks(question, system)) for question in settings.topics
        ]
        with track("topics", 2 * len(prompts), "answers") as bar:
            greedy_answers = model.generate(prompts, settings.decoding_settings(), bar.advance)
            sampled_answers = model.generate(
                prompts, settings.decoding_settings(sampled=True), bar.advance
            )
        return [
            {
                "id": f"topic-{number}",
                "group": f"topic-{number}",
                "question": question,
                "prompt": greedy.prompt,
                "prompt_cut": greedy.prompt_cut,
                "output": greedy.text,
                "sampled_output": sample.text,
                "reference": None,
                "score": {
                    "words": len(greedy.text.split()),
                    "sentences": sentence_count(greedy.text),
                    "unique_words": len(set(words(greedy.text))),
                    "distinct_2": list(distinct_n(greedy.text)),
                    "repeated": list(repeated_words(greedy.text)),
                },
            }
            for number, (question, greedy, sample) in enumerate(
                zip(settings.topics, greedy_answers, sampled_answers, strict=True), 1
            )
        ]
