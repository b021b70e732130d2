"""What a reader of an audit's figures must know, in sentences; labels, which are cells of a file,
are counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from medtune.data.audit import AnswerPositions, ContaminationAudit, SplitAudit, counted
from medtune.data.cleaning import Tally
from medtune.data.cleaning.cleaner import LONG
from medtune.data.index import Index
from medtune.data.selection import Selection
from medtune.data.splits import PARTS, widest_tie

SKEW = 0.05  # of the rows, above what even positions give
SKEW_DEVIATIONS = 3  # binomial standard deviations
LARGE_GROUP = 0.1  # of all rows
WIDE_INTERVALS = 30  # groups in the test split; with fewer a note says so


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


def data_warnings(
    index: Index,
    selection: Selection,
    splits: Mapping[str, SplitAudit],
    positions: AnswerPositions | None,
    group_by: Sequence[str] = PARTS,
) -> Iterator[str]:
    """What a reader of figures must know about these data."""
    yield from _shortage_warnings(selection.unfilled, set(index.source.tolist()))
    yield from _position_warnings(positions)
    labels = Counter(selection.label[selection.kept & index.labelled].tolist())
    yield from _label_warnings(labels, splits)
    largest = int(np.bincount(selection.group[selection.kept]).max())
    if largest > max(1, LARGE_GROUP * int(selection.kept.sum())):
        yield (
            f"one group holds {largest:,} rows: {_tie(selection, group_by)}, so it cannot be "
            "divided (fewer of data.split.group_by make smaller groups)"
        )
    groups = splits["test"].groups
    if 0 < groups < WIDE_INTERVALS:
        yield f"the test split has {counted(groups, 'group')}: intervals will be wide"
    if not labels and not index.has_entity[selection.kept].any():
        yield (
            "no column is read as what a row is about: rows on one disease are not tied together "
            "(data.columns.entity names it)"
        )


def _tie(selection: Selection, group_by: Sequence[str]) -> str:
    """What ties the rows of the largest group: one key, or many that chain them together."""
    groups = selection.group[selection.kept]
    members = groups == np.bincount(groups).argmax()
    part, rows = widest_tie(selection.keys.by(group_by).only(members))
    tied = "almost one text" if part == "near" else f"one {part}"
    if 2 * rows > int(members.sum()):
        return f"{rows:,} of them share {tied}"
    most = f" (no more than {rows:,} share {tied})" if rows else ""
    return f"shared questions, answers or subjects chain them together{most}"


def _position_warnings(positions: AnswerPositions | None) -> Iterator[str]:
    letter = skewed_letter(positions) if positions else None
    if positions and letter:
        share = positions.counts[letter] / positions.rows
        even = positions.even[letter] / positions.rows
        yield (
            f"answers lean to {letter}: always {letter} is right for {share:.0%} of the "
            f"multiple-choice rows (evenly spread {even:.0%}), so a model can gain by learning the "
            "letter"
        )


def _shortage_warnings(unfilled: Mapping[str, tuple[int, int]], sources: set[str]) -> Iterator[str]:
    """Sources with too few rows by their names; labels, which are cells of a file, by number."""
    for name, (asked, usable) in unfilled.items():
        if name in sources:
            yield (
                f"{name}: {counted(asked, 'row')} asked for and {usable:,} usable, so all of them "
                "are taken"
            )
    labels = [shortage for name, shortage in unfilled.items() if name not in sources]
    if labels:
        fewest = min(usable for _, usable in labels)
        yield (
            f"{counted(len(labels), 'label')} with fewer rows than the {labels[0][0]:,} asked for, "
            f"the fewest {fewest:,}: all of theirs are taken (named in audit.json, unfilled)"
        )


def _label_warnings(labels: Counter[str], splits: Mapping[str, SplitAudit]) -> Iterator[str]:
    """Classes that cannot be learnt or measured well; ``labels`` of all selected rows."""
    if len(labels) == 1:
        yield "there is one class only: nothing can be learnt to tell apart"
    tested = splits["test"].labels if labels else {}
    single = sum(count == 1 for count in tested.values())
    if single:
        verb = "has" if single == 1 else "have"
        yield f"{single} of {len(tested)} classes {verb} one test item, so a score there is 0 or 1"
    missing = len(set(splits["train"].labels) - set(tested)) if tested else 0
    if missing:
        verb = "is" if missing == 1 else "are"
        yield (
            f"{missing} of {len(tested) + missing} classes {verb} trained and not tested: too few "
            "groups"
        )


def long_text_warnings(tally: Tally) -> Iterator[str]:
    """Rows with a text of more than ``LONG`` characters, the longest by their places."""
    if number := tally.counted["long"]:
        named = "; ".join(f"{location}: {size:,} characters" for size, location in tally.longest)
        more = "" if number <= len(tally.longest) else ", the longest:"
        yield (
            f"{counted(number, 'row')} with a text of more than {LONG:,} characters{more} "
            f"({named}): is this one row, or a file that was not parted?"
        )


def overlap_warnings(contamination: ContaminationAudit) -> Iterator[str]:
    """A sentence for each benchmark of which training rows hold most of an item."""
    for name, overlap in contamination.sets.items():
        if name != "held_out" and overlap.mostly:
            yield (
                f"{overlap.mostly:,} of {overlap.items:,} items of {name} stand mostly in training "
                "rows: a score on them is not to be believed (listed in audit.json)"
            )
