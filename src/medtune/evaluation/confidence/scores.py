"""Confidence scores of saved samples: of chosen options and of written answers, as arrays.

Of options from their log-likelihoods, of an answer from its own likelihood or from several answers
(semantic entropy, self-consistency).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from medtune.data.dedup import normalize
from medtune.evaluation.results import Sample

Array = np.ndarray
Embed = Callable[[Sequence[str]], Array]  # texts to vectors [texts, width]
ALIKE = 0.85  # cosine from which two answers count as one meaning


def softmax(scores: Array) -> Array:
    """Probabilities of options from their log-likelihoods (or other scores) [..., options].

    −inf is no option.
    """
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def margin(probabilities: Sequence[float] | Array) -> float:
    """The likeliest option's probability less the second's; 1 where there is one option."""
    ordered = sorted((float(p) for p in probabilities), reverse=True)
    return ordered[0] - ordered[1] if len(ordered) > 1 else 1.0


def token_confidence(loglikelihood: float, tokens: int) -> float | None:
    """exp(mean log-likelihood a token): the geometric mean of the tokens' probabilities.

    None without tokens.

    The length-normalised likelihood of Malinin and Gales 2021 (section 3).
    """
    return math.exp(min(0.0, loglikelihood / tokens)) if tokens > 0 else None


def clusters(texts: Sequence[str], embed: Embed | None = None, alike: float = ALIKE) -> list[int]:
    """The number of its cluster for each text, in order of first appearance.

    Equal after normalisation (NFKC, lower case, letters and digits); with ``embed``, also where the
    cosine with the cluster's first member is at least ``alike``, in the one pass over the texts of
    Farquhar et al. 2024.
    """
    if embed is None or not texts:
        keys = [normalize(text) for text in texts]
        seen = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return [seen[key] for key in keys]
    vectors = np.asarray(embed(texts), dtype=float)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    firsts: list[int] = []
    owners = []
    for index in range(len(texts)):
        near = (
            number
            for number, first in enumerate(firsts)
            if vectors[index] @ vectors[first] >= alike
        )
        owner = next(near, len(firsts))
        if owner == len(firsts):
            firsts.append(index)
        owners.append(owner)
    return owners


def semantic_entropy(owners: Sequence[int]) -> float:
    """Discrete semantic entropy in nats: −Σ p ln p over the shares of clusters among sampled
    answers.

    Farquhar, Kossen, Kuhn and Gal 2024 (Nature 630, 625–630), the estimate that needs no
    likelihoods.
    """
    shares = np.array(list(Counter(owners).values())) / len(owners)
    return float(abs(-(shares * np.log(shares)).sum()))


def self_consistency(owners: Sequence[int]) -> float:
    """Share of the sampled answers in the largest cluster (Wang et al. 2023)."""
    return max(Counter(owners).values()) / len(owners)


RIGHT_FROM = (
    0.3  # ROUGE-L from which a written answer counts as right, as in Kuhn, Gal and Farquhar 2023
)


@dataclass(frozen=True)
class ConfidenceScores:
    """Items with a confidence, and how many had none (``without``).

    ``scores`` [items, options] are padded with −inf; ``answer`` is the index of the right option,
    −1 where it is none of them. Both are None for texts with several right labels. A written answer
    has two options, right (0) and wrong (1), with the log-odds of its confidence. ``further`` are
    other scores by name, NaN where an item has none.
    """

    kind: str
    confidence: Array
    right: Array
    lengths: Array
    groups: list[str]
    without: int
    scores: Array | None
    answer: Array | None
    further: dict[str, Array]


def read_confidence_scores(samples: Sequence[Sample]) -> ConfidenceScores | None:
    """The confidences that are in the samples of a task; None where there are none."""
    chosen = [
        s
        for s in samples
        if s.get("options") and option_scores(s) is not None and s["score"].get("top")
    ]
    if chosen:
        return _of_options(chosen, len(samples) - len(chosen))
    spoken = [
        s for s in samples if answer_confidence(s) is not None and "rouge_l" in s.get("score", {})
    ]
    return _of_answers(spoken, len(samples) - len(spoken)) if spoken else None


def option_scores(sample: Sample) -> list[float] | None:
    """One score an option: the primary one where a task names it, else the log-likelihoods."""
    scores = sample.get("primary_scores") or sample.get("loglikelihoods")
    return scores if scores and len(scores) == len(sample["options"]) else None


def answer_confidence(sample: Sample) -> float | None:
    """exp(mean log-likelihood a token) of the model's own answer.

    None where it said nothing or was not scored.
    """
    if sample.get("output_loglikelihood") is None or not sample.get("output_tokens"):
        return None
    return token_confidence(sample["output_loglikelihood"], sample["output_tokens"])


def _of_options(samples: Sequence[Sample], without: int) -> ConfidenceScores:
    width = max(len(s["options"]) for s in samples)
    scores = np.full((len(samples), width), -np.inf)
    for row, sample in zip(scores, samples, strict=True):
        row[: len(sample["options"])] = option_scores(sample)
    probabilities = softmax(scores)
    several = any(len(s["labels"]) > 1 or s.get("sets") for s in samples)
    answer = np.array([_right_option(s) for s in samples])
    return ConfidenceScores(
        kind="options",
        confidence=probabilities.max(axis=1),
        right=np.array([s["score"]["correct"] for s in samples], dtype=float),
        lengths=np.array([_length(s) for s in samples]),
        groups=[s["group"] for s in samples],
        without=without,
        scores=None if several else scores,
        answer=None if several else answer,
        further={"margin": np.array([margin(row) for row in probabilities])}
        | _likelihoods(samples),
    )


def _length(sample: Sample) -> float:
    """UTF-8 bytes of the chosen option (the mean where several tie).

    Of its text where the options are letters.
    """
    texts = dict(zip(sample["options"], sample.get("choices") or sample["options"], strict=True))
    return float(
        sum(
            weight * len(texts[option].encode())
            for option, weight in sample["score"]["top"].items()
        )
    )


def _right_option(sample: Sample) -> int:
    return next((i for i, option in enumerate(sample["options"]) if option in sample["labels"]), -1)


def _likelihoods(samples: Sequence[Sample]) -> dict[str, Array]:
    """The chosen option's likelihood a token, where every sample tells its options' tokens."""
    if not all(
        len(s.get("tokens") or ()) == len(s.get("loglikelihoods") or ()) == len(s["options"])
        for s in samples
    ):
        return {}
    chosen = [int(np.argmax(option_scores(s) or [])) for s in samples]
    likelihoods = [
        token_confidence(s["loglikelihoods"][i], s["tokens"][i])
        for i, s in zip(chosen, samples, strict=True)
    ]
    return {"likelihood_per_token": np.array(likelihoods, dtype=float)}


def _of_answers(samples: Sequence[Sample], without: int) -> ConfidenceScores:
    confidence = np.array([answer_confidence(s) for s in samples], dtype=float)
    right = np.array([s["score"]["rouge_l"] >= RIGHT_FROM for s in samples], dtype=float)
    inside = np.clip(confidence, 1e-6, 1 - 1e-6)
    return ConfidenceScores(
        kind="answers",
        confidence=confidence,
        right=right,
        lengths=np.array([len(s["output"].split()) for s in samples], dtype=float),
        groups=[s["group"] for s in samples],
        without=without,
        scores=np.stack([np.log(inside) - np.log1p(-inside), np.zeros(len(samples))], axis=1),
        answer=(1 - right).astype(int),
        further=_agreement(samples),
    )


def _agreement(samples: Sequence[Sample]) -> dict[str, Array]:
    """From several sampled answers.

    ``sampled_clusters`` (a number a text) where a task clustered them by meaning.
    """
    if not any(s.get("sampled") for s in samples):
        return {}
    clusterings = [s.get("sampled_clusters") or clusters(s.get("sampled") or []) for s in samples]
    return {
        "self_consistency": np.array(
            [self_consistency(ids) if ids else np.nan for ids in clusterings]
        ),
        "semantic_entropy": np.array(
            [-semantic_entropy(ids) if ids else np.nan for ids in clusterings]
        ),
    }
