"""Greedy answers to the held-out questions, compared with the references."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict, Field

from medtune.conversation import Conversation, Message
from medtune.errors import ModelError
from medtune.evaluation.confidence.scores import clusters
from medtune.evaluation.results import Result, Sample
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings
from medtune.evaluation.text_metrics import (
    NO_COUNTS,
    TextEncoder,
    bleu,
    bleu_counts,
    encoder_version,
    open_encoder,
    rouge_l,
    similarities,
    token_f1,
)
from medtune.models.interface import Generated, LanguageModel
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.text.quantities import dose_agreement
from medtune.text.words import repeated_words


class AnswerScore(Result):
    """Figures of one answer.

    ``bleu`` are ``bleu_counts``, ``doses`` quantities that agree and that were compared,
    ``repeated`` repeated words and all. What an older run or another setting lacks is None.
    """

    rouge_l: float
    token_f1: float
    bleu: Sequence[int] = NO_COUNTS
    doses: Sequence[int] = (0, 0)
    finished: int
    repeated: Sequence[int]
    words: int
    similarity: float | None = None
    bert_score: float | None = None
    sampled_rouge_l: list[float] | None = None


class DoseConflict(Result):
    """A quantity of an answer that its reference does not hold, and those of its kind that it
    does; ``tenfold``: they differ by a power of ten.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    text: str = Field(alias="said")
    kind: str
    reference: list[str]
    tenfold: bool


class AnswerSample(Sample):
    """A greedy answer; ``output_loglikelihood`` (nats) over ``output_tokens`` is its confidence.

    ``ambiguous_doses`` could not be compared ("1.000 mg": which convention?).
    ``sampled`` are further answers, ``sampled_clusters`` which of them say the same.
    """

    output: str
    dose_conflicts: list[DoseConflict] = Field(default_factory=list)
    ambiguous_doses: int = 0
    score: AnswerScore
    output_loglikelihood: float | None = None
    output_tokens: int | None = None
    sampled: list[str] | None = None
    sampled_clusters: list[int] | None = None


def _tenfold(sample: AnswerSample) -> tuple[float, float]:
    """Answers with a tenfold error, among those whose quantities could be compared."""
    wrong = any(conflict.tenfold for conflict in sample.dose_conflicts)
    return float(wrong), float(sample.score.doses[1] > 0)


def _mean(value: float | list[float] | None) -> tuple[float, float]:
    """The value, or the mean of several, of one item; nothing where there is none."""
    return (0.0, 0.0) if value is None or value == [] else (float(np.mean(value)), 1.0)


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
    version = "7"
    settings = ("limit", "shots", "samples", "confidence", "encoder")
    by_default = True
    side_by_side = 5
    sample = AnswerSample
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("rouge_l", "ROUGE-L F1", lambda s: (s.score.rouge_l, 1), "higher", label="ROUGE-L"),
        Metric(
            "sampled_rouge_l",
            "ROUGE-L F1, sampled answers",
            lambda s: _mean(s.score.sampled_rouge_l),
            "higher",
        ),
        Metric("token_f1", "Token F1", lambda s: (s.score.token_f1, 1), "higher", label="Token F1"),
        Metric("bleu", "BLEU", lambda s: s.score.bleu, None, unit="of 100", figure=bleu),
        Metric("bert_score", "BERTScore F1", lambda s: _mean(s.score.bert_score), None),
        Metric(
            "similarity",
            "Semantic similarity (cosine)",
            lambda s: _mean(s.score.similarity),
            "higher",
        ),
        Metric(
            "dose_agreement", "Quantities with units that agree", lambda s: s.score.doses, "higher"
        ),
        Metric("tenfold_errors", "Answers with a tenfold error", _tenfold, None),
        Metric(
            "finished",
            "Answers that end by themselves",
            lambda s: (s.score.finished, 1),
            "higher",
        ),
        Metric("repetition", "Repeated share of the words", lambda s: s.score.repeated, "lower"),
        Metric("words", "Words in an answer", lambda s: (s.score.words, 1), None),
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
        chosen, spec = settings.draw(items), settings.spec
        encoder = open_encoder(spec.encoder) if spec else None
        prompts = [settings.conversation(item.prompt) for item in chosen]
        with track("answers", len(chosen), "answers") as bar:
            answers = model.generate(prompts, settings.decoding_settings(), bar.advance)
        samples = [_sample(item, answer) for item, answer in zip(chosen, answers, strict=True)]
        if encoder:
            samples = _with_similarities(samples, encoder)
        if spec and spec.confidence:
            samples = _with_likelihoods(samples, model, prompts)
        if spec and spec.samples:
            rounds = _sampled_rounds(model, prompts, settings, spec.samples)
            samples = [
                _with_sampled(sample, list(texts), encoder)
                for sample, *texts in zip(samples, *rounds, strict=True)
            ]
        return list(samples)


def _sample(item: Conversation, answer: Generated) -> AnswerSample:
    agreement = dose_agreement(answer.text, item.reference, item.question)
    return AnswerSample(
        id=item.id,
        group=item.group,
        question=item.question,
        prompt=answer.prompt,
        prompt_cut=answer.prompt_cut,
        output=answer.text,
        reference=item.reference,
        dose_conflicts=[
            DoseConflict(text=c.text, kind=c.kind, reference=[*c.reference], tenfold=c.tenfold)
            for c in agreement.conflicts
        ],
        ambiguous_doses=agreement.ambiguous,
        score=AnswerScore(
            rouge_l=rouge_l(answer.text, item.reference),
            token_f1=token_f1(answer.text, item.reference),
            bleu=bleu_counts(answer.text, item.reference),
            doses=agreement.pair,
            finished=int(answer.finished),
            repeated=repeated_words(answer.text),
            words=len(answer.text.split()),
        ),
    )


def _scored(sample: AnswerSample, **scores: float | list[float]) -> AnswerSample:
    """The sample with further scores."""
    return sample.model_copy(update={"score": sample.score.model_copy(update=scores)})


def _with_similarities(samples: Sequence[AnswerSample], encoder: TextEncoder) -> list[AnswerSample]:
    with track("similarity", len(samples), "answers") as bar:
        pairs = [(sample.output, sample.reference or "") for sample in samples]
        scores = similarities(encoder, pairs, bar.advance)
    return [
        _scored(sample, similarity=cosine, bert_score=bert)
        for sample, (cosine, bert) in zip(samples, scores, strict=True)
    ]


def _with_likelihoods(
    samples: Sequence[AnswerSample], model: LanguageModel, prompts: Sequence[Sequence[Message]]
) -> list[AnswerSample]:
    """Log-likelihood of the model's own answers, where it gives any and the answer has words."""
    pairs = {
        sample.id: (prompt, sample.output)
        for sample, prompt in zip(samples, prompts, strict=True)
        if sample.output.strip()
    }
    try:
        with track("answers' likelihood", len(pairs), "answers") as bar:
            scores = model.loglikelihoods(list(pairs.values()), bar.advance)
    except ModelError as error:
        say(f"answers: confidence is not measured ({error.what})")
        return list(samples)
    by_id = {
        name: {"output_loglikelihood": score.loglikelihood, "output_tokens": score.tokens}
        for name, score in zip(pairs, scores, strict=True)
    }
    return [sample.model_copy(update=by_id.get(sample.id, {})) for sample in samples]


def _sampled_rounds(
    model: LanguageModel,
    prompts: Sequence[Sequence[Message]],
    settings: TaskSettings,
    rounds: int,
) -> list[list[str]]:
    """Sampled answers to all prompts, each round with a seed of its own [rounds][prompts]."""
    decoding = replace(settings.decoding_settings(sampled=True), beams=1)
    with track("sampled answers", rounds * len(prompts), "answers") as bar:
        return [
            [
                answer.text
                for answer in model.generate(
                    prompts, replace(decoding, seed=decoding.seed + number), bar.advance
                )
            ]
            for number in range(1, rounds + 1)
        ]


def _with_sampled(
    sample: AnswerSample, texts: list[str], encoder: TextEncoder | None
) -> AnswerSample:
    """The sample with sampled answers; with an encoder, which of them say the same."""
    scores = [rouge_l(text, sample.reference or "") for text in texts]
    update: dict[str, object] = {"sampled": texts}
    if encoder:
        update["sampled_clusters"] = clusters(
            texts, lambda chunk: np.stack([embedded.mean for embedded in encoder.encode(chunk)])
        )
    return _scored(sample, sampled_rouge_l=scores).model_copy(update=update)
