"""The audit: every figure of preparation in plain values, as an ethics board could read it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.data.cleaning import Boilerplate, Tally
from medtune.data.index import Index
from medtune.data.label_statistics import answer_positions, label_facts, leaning
from medtune.data.row_store import RowStore
from medtune.data.rows import Row
from medtune.data.selection import Selection, repeated
from medtune.data.splits import leaked_rows, random_split
from medtune.recipe.schema import Data
from medtune.text.identifiers import mask_texts

LISTED = 10
EXCERPT = 160
MANY_LABELS = 60
LARGE_GROUP = 0.1  # of all rows


def words(counts: np.ndarray) -> dict[str, float]:
    """Median, 95th percentile and maximum of word counts [n]."""
    if not len(counts):
        return {"median": 0, "p95": 0, "max": 0}
    ordered = np.sort(counts)
    return {
        "median": float(np.median(ordered)),
        "p95": int(ordered[int(0.95 * (len(ordered) - 1))]),
        "max": int(ordered[-1]),
    }


def split_facts(index: Index, selection: Selection, number: int) -> dict[str, Any]:
    """One split: rows, groups, sources, labels, lengths."""
    rows = np.flatnonzero(selection.place == number)
    labels = Counter(label for label in selection.label[rows] if label is not None)
    return {
        "rows": len(rows),
        "groups": len(np.unique(selection.group[rows])),
        "sources": dict(Counter(index.source[rows].tolist())),
        "labels": dict(sorted(labels.items())) if len(labels) <= MANY_LABELS else {},
        "question_words": words(index.question_words[rows]),
        "answer_words": words(index.answer_words[rows]),
    }


def duplicate_facts(index: Index, selection: Selection) -> dict[str, int]:
    """Among usable rows: how many repeat an earlier question or answer exactly, and almost."""
    usable = np.flatnonzero(~repeated(index.conversation))
    prose = usable[~index.choice[usable]]
    return {
        "same_question": int(repeated(index.prompt[usable]).sum()),
        "same_answer": int(repeated(index.answer[prose]).sum()),
        "near_question": selection.near.get("question", 0),
        "near_answer": selection.near.get("answer", 0),
        "questions_with_several_answers": sum(
            not index.choice[rows[0]] for rows in selection.contradictory
        ),
        "texts_with_several_labels": sum(
            bool(index.choice[rows[0]]) for rows in selection.contradictory
        ),
    }


def warnings(index: Index, selection: Selection, splits: dict[str, dict[str, Any]]) -> list[str]:
    """What a reader of figures must know about these data."""
    found = [
        f"{name}: {some(asked, 'row')} asked for and {there:,} usable, so all of them are taken"
        for name, (asked, there) in selection.unfilled.items()
    ]
    positions = answer_positions(index, selection)
    if letter := leaning(positions):
        count, rows, even = (
            positions["counts"][letter],
            positions["rows"],
            positions["even"][letter],
        )
        found.append(
            f"answers lean to {letter}: always {letter} is right for {count / rows:.0%} of the multiple-choice rows (evenly "
            f"spread {even / rows:.0%}), so a model can gain by learning the letter"
        )
    labels = Counter(selection.label[selection.kept & index.labelled].tolist())
    if len(labels) == 1:
        found.append(
            f"there is one class only ({next(iter(labels))}): nothing can be learnt to tell apart"
        )
    tested = Counter(splits["test"]["labels"]) if labels else Counter[str]()
    single = sorted(label for label, count in tested.items() if count == 1)
    if single:
        verb = "has" if len(single) == 1 else "have"
        found.append(
            f"{len(single)} of {len(tested)} classes {verb} one test item, so a score there is 0 or 1"
        )
    missing = sorted(set(splits["train"]["labels"]) - set(tested)) if tested else []
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        found.append(
            f"{len(missing)} of {len(tested) + len(missing)} classes {verb} trained and not tested: too few groups"
        )
    largest = int(np.bincount(selection.group[selection.kept]).max())
    if largest > LARGE_GROUP * int(selection.kept.sum()):
        found.append(
            f"one group holds {largest:,} rows: shared answers or subjects chain them together, so it cannot be divided "
            "(fewer of data.split.group_by make smaller groups)"
        )
    if 0 < splits["test"]["groups"] < 30:
        found.append(
            f"the test split has {some(splits['test']['groups'], 'group')}: intervals will be wide"
        )
    if not labels and not index.has_entity[selection.kept].any():
        found.append(
            "no subject column: rows on one disease are not tied together (data.columns.entity names it)"
        )
    return found


def row_facts(read: int, tally: Tally, selection: Selection) -> dict[str, Any]:
    """Rows read, usable, drawn, and left out by reason.

    They add up, or this is a fault of medtune.
    """
    reasons = {name: tally.dropped.get(name, 0) for name in ("empty_question", "empty_answer")}
    dropped = reasons | dict(tally.dropped) | dict(selection.dropped)
    drawn = int(selection.kept.sum())
    if read != drawn + selection.not_drawn + sum(dropped.values()):
        raise AssertionError(
            f"rows are lost: {read} read, {drawn} drawn, {selection.not_drawn} not drawn, {dropped}"
        )
    usable = drawn + selection.not_drawn + selection.dropped["demonstration_subject"]
    return {
        "rows": {"read": read, "usable": usable, "drawn": drawn, "not_drawn": selection.not_drawn},
        "dropped": dropped,
    }


def cleaning_facts(
    tally: Tally, settings: Data, habits: Mapping[str, Boilerplate]
) -> dict[str, Any]:
    """What each rule changed, with examples; what is off; what was learned."""
    return {
        "rules": tally.as_dict(),
        "off": [name for name, value in settings.clean if value is False or value == []],
        "boilerplate": {source: learned.as_dict() for source, learned in habits.items()},
        "cut_off_answers": tally.counted["cut_off"],
        "cut_off_policy": settings.clean.cut_off,
    }


def selection_facts(
    index: Index, selection: Selection, settings: Data, seed: int, demonstrations: Sequence[str]
) -> dict[str, Any]:
    """Duplicates, contradictions, labels, groups, demonstrations, and the proof that nothing
    leaks.
    """
    places = selection.place[selection.kept]
    parted = leaked_rows(selection.keys.by(settings.split.group_by), places)
    if parted["any"]:
        raise AssertionError(f"group split leaked: {parted}")
    # What the recipe does not group by may lie on both sides: that is counted, and said.
    leaked = leaked_rows(selection.keys, places)
    chance = random_split(len(places), settings.split, seed)
    by_chance = leaked_rows(selection.keys, chance)
    share = by_chance["any"] / max(1, int((chance != 0).sum()))
    groups = selection.group[selection.kept]
    forced = int(np.isin(groups, list(selection.forced)).sum())
    return {
        "duplicates": duplicate_facts(index, selection),
        "near_duplicates": settings.near_duplicates.model_dump(),
        "contradictions": {"policy": settings.contradictions, "sets": len(selection.contradictory)},
        "labels": label_facts(index, selection),
        "answer_positions": answer_positions(index, selection),
        "ending_with_a_user": int((index.left_open & selection.kept).sum()),
        "unfilled": {
            name: {"asked": asked, "there": there}
            for name, (asked, there) in selection.unfilled.items()
        },
        "groups": {
            "count": int(groups.max()) + 1,
            "largest": int(np.bincount(groups).max()),
            "group_by": list(settings.split.group_by),
            "entities": bool(index.has_entity[selection.kept].any()),
        },
        "demonstrations": {
            "questions": list(demonstrations),
            "rows_kept_out_of_training": forced + selection.dropped["demonstration_subject"],
        },
        "leaked": leaked["any"],
        "leaked_by": leaked,
        "leaked_share_of_a_random_split": share,
        "random_split": by_chance | {"share": share},
    }


def listings(rows: RowStore, selection: Selection) -> dict[str, Any]:
    """Near-duplicate pairs and contradictory sets for a reader, identifiers masked."""
    wanted = {
        "near_duplicates_listed": [members[:2] for members in selection.clusters[:LISTED]],
        "contradictions_listed": [members[:4] for members in selection.contradictory[:LISTED]],
    }
    found = rows.rows_at(row for sets in wanted.values() for members in sets for row in members)
    return {
        name: [[_shown(found[row]) for row in members] for members in sets]
        for name, sets in wanted.items()
    }


def _shown(row: Row) -> dict[str, str]:
    question, answer = mask_texts([row.question, row.answer])  # whole: a cut identifier would stay
    return {"place": row.place, "question": question[:EXCERPT], "answer": answer[:EXCERPT]}


def some(count: int, noun: str) -> str:
    """A count with its noun: 1 group, 2 groups."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(counts: dict[str, int]) -> str:
    """Counts in words, zeros left out."""
    return (
        ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)
        or "nothing"
    )


def overlap_warnings(contamination: dict[str, Any]) -> list[str]:
    """A sentence for each benchmark of which training rows hold most of an item."""
    return [
        f"{entry['mostly']:,} of {entry['items']:,} items of {name} stand mostly in training rows: a score on them is not to be "
        "believed (listed in audit.json)"
        for name, entry in contamination.get("sets", {}).items()
        if name != "held_out" and entry["mostly"]
    ]
