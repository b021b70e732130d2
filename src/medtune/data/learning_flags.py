"""Columns and fields of turns that say what is to be learnt: weights, masks, ``train: false``,
``exclude: true``, ``is_test``. A name is read by its words, so in any spelling.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

Flag = Literal["learnt", "left out", "weight", "mask"]

_LEARNT = """
    train training trainable trained learn learnt learned learnable supervised loss keep kept
    include included consent
"""
_LEFT_OUT = """
    masked ignore ignored exclude excluded skip skipped drop dropped discard discarded remove
    removed delete deleted omit omitted hide hidden reject rejected withdrawn optout holdout heldout
"""
# Alone these are contents (a test, a correct answer); `is_test` and `for_testing` are flags.
_WEAK = {
    **dict.fromkeys("use used correct approved accepted safe preferred desirable".split(), True),
    **dict.fromkeys("test testing validation val dev eval evaluation".split(), False),
    **dict.fromkeys("incorrect wrong unsafe harmful rejectable undesirable".split(), False),
}
_MARKING = frozenset("is was in for only set".split())
_SIGNS = {
    **dict.fromkeys(_LEARNT.split(), True),
    **dict.fromkeys(_LEFT_OUT.split(), False),
    **_WEAK,
}
_NEGATIONS = frozenset("no not dont never without".split())
_FILLING = frozenset(
    """
    to be do does should must may flag on from of the this at row rows turn turns sample example
    instance item record message msg data dataset split token tokens compute calculate input
    label labels answer answers response responses completion output learning importance
    detail details
    """.split()
)
_DETAILS = ("detail", "details")
_MASKS = frozenset("mask masks masking".split())
_KNOWN = _FILLING | _MARKING | _NEGATIONS | set(_SIGNS)
_TRUE = frozenset("1 1.0 true yes y t on x ja oui ✓".split())
_FALSE = frozenset("0 0.0 false no n f off nein non".split())
_EMPTY = ("", "none", "nan")
_IGNORED = "-100"  # a token without a loss, in PyTorch


def _words(name: str) -> list[str]:
    """The words of ``train_on_turn``, ``trainOnTurn``, ``Train on turn``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    plain = re.sub(r"[\W_]+", " ", apart.replace("'", "").lower())
    return re.sub(r"\b(opt|hold|held) out\b", r"\1out", plain).split()


def learning_flag(name: str) -> Flag | None:
    """What a field of this name says where it is true; None where it is no such flag."""
    words = _words(name)
    rest = frozenset(words) - {"weight", "weights"} - _MASKS
    if not words or not rest <= _KNOWN:
        return None
    if words[-1] in ("weight", "weights") or words == ["loss", "scale"]:
        return "weight"
    if "weight" in words or "weights" in words:
        return None  # the loss of a patient's weight
    signs = {word for word in words if word in _SIGNS}
    if set(words) & _MASKS or (signs and words[-1] in _DETAILS):
        return "mask"
    if not signs or (signs <= set(_WEAK) and not rest & _MARKING):
        return None
    negated = sum(word in _NEGATIONS for word in words) % 2 == 1
    return "learnt" if all(_SIGNS[word] for word in signs) != negated else "left out"


def _values(value: Any) -> Iterator[str]:
    """A value, or those of a list or object, as plain words."""
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _values(part)
    elif (word := str(value).strip().lower()) not in _EMPTY:
        yield word


def unlearnt(name: str, value: Any) -> str | None:
    """What a field says against learning its row or turn as all others are, for a message.

    None where it says nothing, or that it is learnt. A text that is neither yes nor no (``mask``:
    "surgical") is no flag.
    """
    flag, nested = learning_flag(name), isinstance(value, list | tuple | dict)
    words = set(_values(value))
    if not words:
        return None
    if flag == "weight" and words - _TRUE:
        return "gives a weight other than 1"
    if nested and name.strip().lower() == "labels" and _IGNORED in words:
        return "holds the tokens that are learnt, which are not read"
    if flag == "mask" and (nested or words & (_TRUE | _FALSE)):
        return "is a mask, and whether it marks what is learnt or what is not is unknown"
    if (flag == "learnt" and words & _FALSE) or (flag == "left out" and words & _TRUE):
        return "says that this is not to be learnt"
    return None


def says_learnt(name: str, value: Any) -> bool:
    """Whether a field says that its turn is learnt: ``train: true``, a weight above 0."""
    words = set(_values(value))
    flag = learning_flag(name)
    return flag == "learnt" and bool(words & _TRUE)
