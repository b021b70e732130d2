"""Greedy answers to the held-out questions, compared with the references."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from medtune.conversation import Conversation, Message
from medtune.errors import ModelError
from medtune.evaluation.confidence.scores import clusters
from medtune.evaluation.encoders import encoder_version, open_encoder
from medtune.evaluation.similarity import Encoder, similarities
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.evaluation.text_metrics import NO_COUNTS, bleu, bleu_counts, rouge_l, token_f1
from medtune.models.interface import Generated, LanguageModel
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.text.quantities import dose_agreement
from medtune.text.word_counts import repeated_words


def _doses(sample: Sample) -> tuple[float, float]:
    agreeing, compared = sample["score"].get("doses", (0, 0))
    return agreeing, compared


def _tenfold(sample: Sample) -> tuple[float, float]:
    """Answers with a tenfold error, among those whose quantities could be compared."""
    return float(any(c["tenfold"] for c in sample.get("dose_conflicts", ()))), float(
        _doses(sample)[1] > 0
    )


def _sampled_overlap(sample: Sample) -> tuple[float, float]:
    found = sample["score"].get("sampled_rouge_l", ())
    return float(np.mean(found)) if found else 0.0, float(bool(found))


def _mean_of(name: str) -> Metric:
    titles = {"similarity": "Semantic similarity (cosine)", "bert_score": "BERTScore F1"}
    tested: Literal["higher"] | None = "higher" if name == "similarity" else None
    return Metric(
        name, titles[name], lambda s: (s["score"].get(name, 0), name in s["score"]), tested
    )


class Answers(Task):
    """Overlap with the reference, nearness in meaning, its quantities, whether the answer ends
    by itself and repeats itself.

    ``sampled_rouge_l`` is the mean over the sampled answers to each question, where such were asked
    for: several seeds of decoding, pooled within their item. ``similarity`` and ``bert_score`` are
    there where an encoder is. ``dose_agreement`` counts quantities with units, of kinds that the
    reference names too; ``tenfold_errors`` is a description, and so are BLEU and BERTScore, which
    say much the same as ROUGE-L and the similarity: the family of tests stays small.
    """

    name = "answers"
    title = "Answers to test questions"
    missing = "overlap of generated answers with references"
    version = "4"
    settings = ("limit", "shots", "samples", "confidence", "encoder")
    by_default = True
    side_by_side = 5
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("rouge_l", "ROUGE-L F1", lambda s: (s["score"]["rouge_l"], 1), "higher"),
        Metric("sampled_rouge_l", "ROUGE-L F1, sampled answers", _sampled_overlap, "higher"),
        Metric("token_f1", "Token F1", lambda s: (s["score"]["token_f1"], 1), "higher"),
        Metric(
            "bleu",
            "BLEU",
            lambda s: s["score"].get("bleu", NO_COUNTS),
            None,
            unit="of 100",
            figure=bleu,
        ),
        _mean_of("bert_score"),
        _mean_of("similarity"),
        Metric("dose_agreement", "Quantities with units that agree", _doses, "higher"),
        Metric("tenfold_errors", "Answers with a tenfold error", _tenfold, None),
        Metric(
            "finished",
            "Answers that end by themselves",
            lambda s: (s["score"]["finished"], 1),
            "higher",
        ),
        Metric(
            "repetition", "Repeated share of the words", lambda s: s["score"]["repeated"], "lower"
        ),
        Metric("words", "Words in an answer", lambda s: (s["score"]["words"], 1), None),
    )

    def depends_on(self, spec: TaskSpec) -> Sequence[str]:
        """The encoder: results without it are not taken for whole once it is there."""
        return [encoder_version(spec.encoder)]

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One greedy answer an item; with a limit, to items drawn by seed.

        What more is kept, the task's settings say.
        """
        chosen = settings.draw(items)
        encoder = open_encoder(settings.spec.encoder) if settings.spec else None
        asked = [settings.conversation(item.prompt) for item in chosen]
        with track("answers", len(chosen), "answers") as bar:
            outputs = model.generate(asked, settings.decoding_settings(), bar.advance)
        samples = [_sample(item, made) for item, made in zip(chosen, outputs, strict=True)]
        if encoder:
            _add_similarities(samples, encoder)
        if settings.spec and settings.spec.confidence:
            _add_likelihoods(samples, model, asked)
        if settings.spec and settings.spec.samples:
            _add_sampled(samples, model, asked, settings, encoder)
        return samples


def _sample(item: Conversation, made: Generated) -> Sample:
    agreement = dose_agreement(made.text, item.reference, item.question)
    return {
        "id": item.id,
        "group": item.group,
        "question": item.question,
        "prompt": made.prompt,
        "prompt_cut": made.prompt_cut,
        "output": made.text,
        "reference": item.reference,
        "dose_conflicts": agreement.as_dicts(),
        "score": {
            "rouge_l": rouge_l(made.text, item.reference),
            "token_f1": token_f1(made.text, item.reference),
            "bleu": bleu_counts(made.text, item.reference),
            "doses": agreement.pair,
            "finished": int(made.finished),
            "repeated": list(repeated_words(made.text)),
            "words": len(made.text.split()),
        },
    }


def _add_similarities(samples: Sequence[Sample], encoder: Encoder) -> None:
    with track("similarity", len(samples), "answers") as bar:
        found = similarities(encoder, [(s["output"], s["reference"]) for s in samples], bar.advance)
    for sample, (near, matched) in zip(samples, found, strict=True):
        sample["score"] |= {"similarity": near, "bert_score": matched}


def _add_likelihoods(
    samples: Sequence[Sample], model: LanguageModel, asked: Sequence[Sequence[Message]]
) -> None:
    """Log-likelihood of the model's own answers, where it gives any."""
    spoken = [
        (sample, prompt)
        for sample, prompt in zip(samples, asked, strict=True)
        if sample["output"].strip()
    ]
    try:
        with track("answers' likelihood", len(spoken), "answers") as bar:
            found = model.loglikelihoods(
                [(prompt, sample["output"]) for sample, prompt in spoken], bar.advance
            )
    except ModelError as error:
        say(f"answers: confidence is not measured ({error.what})")
        return
    for (sample, _), likelihood in zip(spoken, found, strict=True):
        sample["output_loglikelihood"], sample["output_tokens"] = (
            likelihood.loglikelihood,
            likelihood.tokens,
        )


def _add_sampled(
    samples: Sequence[Sample],
    model: LanguageModel,
    asked: Sequence[Sequence[Message]],
    settings: TaskSettings,
    encoder: Encoder | None,
) -> None:
    """Sampled answers, each round with a seed of its own.

    With an encoder, which of them say the same.
    """
    assert settings.spec
    decoding = settings.decoding_settings(sampled=True)
    with track("sampled answers", settings.spec.samples * len(asked), "answers") as bar:
        rounds = [
            model.generate(
                asked, replace(decoding, seed=decoding.seed + number, beams=1), bar.advance
            )
            for number in range(1, settings.spec.samples + 1)
        ]
    for index, sample in enumerate(samples):
        sample["sampled"] = [one[index].text for one in rounds]
        sample["score"]["sampled_rouge_l"] = [
            rouge_l(text, sample["reference"]) for text in sample["sampled"]
        ]
        if encoder:
            sample["sampled_clusters"] = clusters(
                sample["sampled"], lambda texts: _means(encoder, texts)
            )


def _means(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    return np.stack([embedded.mean for embedded in encoder.encode(texts)])
