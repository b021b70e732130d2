"""What labels and options allow before anything is learnt: the ceiling of any classifier, and
where right options stand.
"""

from collections.abc import Sequence
from string import ascii_uppercase

import numpy as np

from medtune.data.audit import AnswerPositions, LabelAudit, LabelCeiling
from medtune.data.index import Index
from medtune.data.selection import Selection

SKEW = 0.05  # of the rows, above what even positions give
SKEW_DEVIATIONS = 3  # binomial standard deviations


def label_ceiling(prompts: np.ndarray, labels: Sequence[str | None]) -> LabelCeiling | None:
    """The accuracy of a classifier that knows for every text its most frequent label.

    No classifier can do better, since it gives one answer to equal texts. ``prompts`` [n] are
    hashes of the texts. None where nothing is labelled.
    """
    known = [
        (prompt, label)
        for prompt, label in zip(prompts.tolist(), labels, strict=True)
        if label is not None
    ]
    if not known:
        return None
    names = {label: number for number, label in enumerate(sorted({label for _, label in known}))}
    text = np.unique(np.array([prompt for prompt, _ in known]), return_inverse=True)[1]
    label = np.array([names[label] for _, label in known])
    pairs, counts = np.unique(text * len(names) + label, return_counts=True)
    owner = pairs // len(names)
    most = np.zeros(int(text.max()) + 1, np.int64)  # rows of each text's most frequent label
    np.maximum.at(most, owner, counts)
    several = np.bincount(owner) > 1
    classes = np.bincount(label)
    return LabelCeiling(
        rows=len(known),
        texts=len(most),
        classes=len(classes),
        largest=int(classes.max()),
        smallest=int(classes.min()),
        majority_share=int(classes.max()) / len(known),
        texts_with_several_labels=int(several.sum()),
        rows_sharing_text_with_another_label=int(counts[several[owner]].sum()),
        ceiling=int(most.sum()) / len(known),
    )


def label_audit(index: Index, selection: Selection) -> LabelAudit | None:
    """The ceiling of all labelled rows as they came, and of those selected.

    None where the answer is no label.
    """
    if not index.labelled.any():
        return None
    chosen = index.labelled & selection.kept
    return LabelAudit(
        as_read=label_ceiling(index.prompt[index.labelled], index.label[index.labelled]),
        selected=label_ceiling(index.prompt[chosen], selection.label[chosen]),
        label_sets=len(selection.merged),
    )


def answer_positions(index: Index, selection: Selection) -> AnswerPositions | None:
    """Where the right options of the selected multiple-choice questions stand, if there are any."""
    chosen = selection.kept & (index.position >= 0) & (index.label == None)  # noqa: E711
    if not chosen.any():
        return None
    options = index.options[chosen]
    letters = ascii_uppercase[: int(options.max())]
    counts = np.bincount(index.position[chosen], minlength=len(letters)).tolist()
    even = [float((1 / options[options > number]).sum()) for number in range(len(letters))]
    return AnswerPositions(
        rows=len(options),
        counts=dict(zip(letters, counts, strict=True)),
        even=dict(zip(letters, even, strict=True)),
    )


def skewed_letter(positions: AnswerPositions) -> str | None:
    """The letter that is right far more often than evenly.

    A rule of thumb for a note, no test: by five points of the rows, and by three standard
    deviations.
    """
    for letter, count in positions.counts.items():
        rows, even = positions.rows, positions.even[letter]
        deviation = (even * (1 - even / rows)) ** 0.5
        if count - even > max(SKEW * rows, SKEW_DEVIATIONS * deviation):
            return letter
    return None
