"""What labels and options allow before anything is learnt: the ceiling of any classifier, and
where right options stand.
"""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import numpy as np

from medtune.data.index import Index
from medtune.data.selection import Selection

SKEW = 0.05  # of the rows, above what even positions give


def ceiling(prompts: np.ndarray, labels: Sequence[str | None]) -> dict[str, Any] | None:
    """What labels allow: the accuracy of a classifier that knows for every text its most
    frequent label.

    No classifier can do better, since it gives one answer to equal texts. None where nothing is
    labelled.
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
    return {
        "rows": len(known),
        "texts": len(most),
        "classes": len(classes),
        "largest": int(classes.max()),
        "smallest": int(classes.min()),
        "majority_share": int(classes.max()) / len(known),
        "texts_with_several_labels": int(several.sum()),
        "rows_sharing_text_with_another_label": int(counts[several[owner]].sum()),
        "ceiling": int(most.sum()) / len(known),
    }


def label_facts(index: Index, selection: Selection) -> dict[str, Any]:
    """The ceiling of all labelled rows as they came, and of those selected.

    Empty where the answer is no label.
    """
    if not index.labelled.any():
        return {}
    chosen = index.labelled & selection.kept
    return {
        "as_read": ceiling(index.prompt[index.labelled], index.label[index.labelled]),
        "selected": ceiling(index.prompt[chosen], selection.label[chosen]),
        "label_sets": len(selection.merged),
    }


def answer_positions(index: Index, selection: Selection) -> dict[str, Any]:
    """Where the right options of multiple-choice questions stand; empty where there are none.

    ``counts`` of each letter and what ``even`` answers would give it: of n options each letter has
    1/n.
    """
    chosen = selection.kept & (index.position >= 0) & (index.label == None)  # noqa: E711
    if not chosen.any():
        return {}
    options = index.options[chosen]
    letters = ascii_uppercase[: int(options.max())]
    found = np.bincount(index.position[chosen], minlength=len(letters)).tolist()
    even = [float((1 / options[options > place]).sum()) for place in range(len(letters))]
    return {
        "rows": len(options),
        "counts": dict(zip(letters, found, strict=True)),
        "even": dict(zip(letters, even, strict=True)),
    }


def leaning(positions: dict[str, Any]) -> str | None:
    """The letter that is right far more often than evenly: by five points, and three standard
    deviations.
    """
    for letter, count in positions.get("counts", {}).items():
        rows, even = positions["rows"], positions["even"][letter]
        spread = (even * (1 - even / rows)) ** 0.5
        if count - even > max(SKEW * rows, 3 * spread):
            return str(letter)
    return None
