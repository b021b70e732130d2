"""Greedy answers to the held-out questions, compared with the references."""

from collections.abc import Sequence

from medtune.conversation import Conversation
from medtune.evaluation.tasks.base import Metric, Sample, TaskSettings
from medtune.evaluation.text_metrics import repeated_words, rouge_l, token_f1
from medtune.models.protocol import LanguageModel
from medtune.progress import track


class Answers:
    """Overlap with the reference, whether the answer ends by itself, and how much of it is repetition."""

    name = "answers"
    title = "Answers to held-out questions"
    metrics: Sequence[Metric] = (
        Metric("rouge_l", "ROUGE-L F1", lambda s: (s["score"]["rouge_l"], 1), "higher"),
        Metric("token_f1", "Token F1", lambda s: (s["score"]["token_f1"], 1), "higher"),
        Metric("finished", "Answers that end by themselves", lambda s: (s["score"]["finished"], 1), "higher"),
        Metric("repetition", "Repeated share of the words", lambda s: s["score"]["repeated"], "lower"),
        Metric("words", "Words in an answer", lambda s: (s["score"]["words"], 1), None),
    )

    def run(self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings) -> list[Sample]:
        """One greedy answer an item; with a limit, to items drawn by seed."""
        chosen = settings.drawn(items)
        decoding = settings.decoding_settings()
        with track("answers", len(chosen), "answers") as bar:
            outputs = model.generate([settings.asked(item.prompt) for item in chosen], decoding, bar.advance)
        return [
            {
                "id": item.id,
                "group": item.group,
                "question": item.question,
                "prompt": made.prompt,
                "prompt_cut": made.prompt_cut,
                "output": made.text,
                "reference": item.reference,
                "score": {
                    "rouge_l": rouge_l(made.text, item.reference),
                    "token_f1": token_f1(made.text, item.reference),
                    "finished": int(made.finished),
                    "repeated": list(repeated_words(made.text)),
                    "words": len(made.text.split()),
                },
            }
            for item, made in zip(chosen, outputs, strict=True)
        ]
