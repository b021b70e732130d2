"""The figures of the audit, computed from the index of rows and what was selected of it.

With what labels and options allow before anything is learnt: the ceiling of any classifier, and
where right options stand.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase

import numpy as np

from medtune.data.audit import (
    AnswerPositions,
    Audit,
    CleaningAudit,
    ContaminationAudit,
    ContradictionAudit,
    DemonstrationAudit,
    DuplicateCounts,
    GroupAudit,
    IdentifierAudit,
    LabelAudit,
    LabelCeiling,
    LeakCounts,
    LearnedPhrases,
    ListedRow,
    NearDuplicateAudit,
    ProposedRepair,
    PublishedSplitAudit,
    RandomSplitLeaks,
    RowCounts,
    RuleAudit,
    Shortage,
    SourceAudit,
    SplitAudit,
    WordCounts,
)
from medtune.data.audit_warnings import data_warnings, long_text_warnings, overlap_warnings
from medtune.data.cleaning import Boilerplate, Tally
from medtune.data.index import Index
from medtune.data.published_split import NONE, TRAIN, UNKNOWN
from medtune.data.rows import Row, RowStore
from medtune.data.selection import SHARED, Selection, repeats_earlier
from medtune.data.splits import SPLITS, leaked_rows, random_split
from medtune.data.template_marks import audited_marks, mark_warnings
from medtune.recipe.schema import Data
from medtune.text.identifiers import mask_texts


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


LISTED = 10  # pairs and sets shown to a reader
EXCERPT = 160  # characters of a listed text
MANY_LABELS = 60  # of a split; more are not listed


def build_audit(
    sources: Sequence[SourceAudit],
    tally: Tally,
    phrases: Mapping[str, Boilerplate],
    undone: Sequence[ProposedRepair],
    identifiers: IdentifierAudit,
    rows: RowStore,
    index: Index,
    selection: Selection,
    contamination: ContaminationAudit,
    demonstrations: Sequence[str],
    settings: Data,
    seed: int,
) -> Audit:
    """The audit of prepared rows.

    Raises ``AssertionError`` where rows are lost or the group split leaks: faults of medtune.
    """
    read = sum(source.rows for source in sources)
    cleaning = cleaning_audit(tally, settings, phrases, undone)
    row_counts, dropped = row_audit(read, tally, selection)
    leaks, by_chance = leak_audit(selection, settings, seed)
    splits = {name: split_audit(index, selection, number) for number, name in enumerate(SPLITS)}
    near, contradictory = listings(rows, selection)
    published, marks = published_split_audit(index, selection, settings), audited_marks(tally.marks)
    positions = answer_positions(index, selection)
    return Audit(
        sources=list(sources),
        rows=row_counts,
        dropped=dropped,
        cleaning=cleaning,
        duplicates=duplicate_counts(index, selection),
        near_duplicates=NearDuplicateAudit(**settings.near_duplicates.model_dump()),
        contradictions=ContradictionAudit(
            policy=settings.contradictions, sets=len(selection.contradictory)
        ),
        labels=label_audit(index, selection),
        answer_positions=positions,
        ending_with_a_user=int((index.left_open & selection.kept).sum()),
        unfilled={
            name: Shortage(asked=asked, usable=usable)
            for name, (asked, usable) in selection.unfilled.items()
        },
        groups=group_audit(index, selection, settings),
        published_split=published,
        demonstrations=demonstration_audit(selection, demonstrations),
        leaked=leaks.any,
        leaked_by=leaks,
        leaked_share_of_a_random_split=by_chance.share,
        random_split=by_chance,
        identifiers=identifiers,
        splits=splits,
        warnings=[
            *(published.sentences() if published else ()),
            *repair_warnings(cleaning.proposed),
            *data_warnings(index, selection, splits, positions, settings.split.group_by),
            *long_text_warnings(tally),
            *mark_warnings(marks),
            *overlap_warnings(contamination),
        ],
        contamination=contamination,
        template_marks=marks,
        near_duplicates_listed=near,
        contradictions_listed=contradictory,
    )


def group_audit(index: Index, selection: Selection, settings: Data) -> GroupAudit:
    """The groups of the selected rows."""
    groups = selection.group[selection.kept]
    return GroupAudit(
        count=int(groups.max()) + 1,
        largest=int(np.bincount(groups).max()),
        group_by=list(settings.split.group_by),
        entities=bool(index.has_entity[selection.kept].any()),
    )


def published_split_audit(
    index: Index, selection: Selection, settings: Data
) -> PublishedSplitAudit | None:
    """How rows were published, and what was done with it."""
    usable = index.published[~repeats_earlier(index.conversation, selection.published)]
    if (usable == NONE).all():
        return None
    numbers = {"none": NONE} | {name: number for number, name in enumerate(SPLITS)}
    rows = {name: int((usable == number).sum()) for name, number in numbers.items()}
    rows = {name: count for name, count in rows.items() if count}
    held_out = (selection.published > TRAIN).any()
    missing = [name for name in SPLITS[1:] if held_out and name not in rows]
    return PublishedSplitAudit(
        policy=settings.published_split,
        rows=rows,
        unknown=int((usable == UNKNOWN).sum()),
        missing=[name for name in missing if getattr(settings.split, name)],
        leaked=selection.published_leaks,
        left_out=selection.dropped[SHARED],
    )


def demonstration_audit(selection: Selection, demonstrations: Sequence[str]) -> DemonstrationAudit:
    """The demonstration questions, and what they keep from training."""
    forced = np.isin(selection.group[selection.kept], list(selection.forced))
    return DemonstrationAudit(
        questions=list(demonstrations),
        rows_kept_out_of_training=int(forced.sum()) + selection.dropped["demonstration_subject"],
    )


def word_counts(counts: np.ndarray) -> WordCounts:
    """Median, 95th percentile and maximum of word counts [n]."""
    if not len(counts):
        return WordCounts(median=0, p95=0, max=0)
    ordered = np.sort(counts)
    return WordCounts(
        median=float(np.median(ordered)),
        p95=int(ordered[int(0.95 * (len(ordered) - 1))]),
        max=int(ordered[-1]),
    )


def split_audit(index: Index, selection: Selection, number: int) -> SplitAudit:
    """The split ``number`` of SPLITS: rows, groups, sources, labels, lengths."""
    rows = np.flatnonzero(selection.split == number)
    labels = Counter(label for label in selection.label[rows] if label is not None)
    return SplitAudit(
        rows=len(rows),
        groups=len(np.unique(selection.group[rows])),
        sources=dict(Counter(index.source[rows].tolist())),
        labels=dict(sorted(labels.items())) if len(labels) <= MANY_LABELS else {},
        question_words=word_counts(index.question_words[rows]),
        answer_words=word_counts(index.answer_words[rows]),
    )


def duplicate_counts(index: Index, selection: Selection) -> DuplicateCounts:
    """Among usable rows: how many repeat an earlier question or answer exactly, and almost."""
    usable = np.flatnonzero(~repeats_earlier(index.conversation))
    prose = usable[~index.choice[usable]]
    labelled = [bool(index.choice[rows[0]]) for rows in selection.contradictory]
    return DuplicateCounts(
        same_question=int(repeats_earlier(index.prompt[usable]).sum()),
        same_answer=int(repeats_earlier(index.answer[prose]).sum()),
        near_question=selection.near.get("question", 0),
        near_answer=selection.near.get("answer", 0),
        questions_with_several_answers=len(labelled) - sum(labelled),
        texts_with_several_labels=sum(labelled),
    )


def row_audit(read: int, tally: Tally, selection: Selection) -> tuple[RowCounts, dict[str, int]]:
    """Rows read, usable and drawn, and rows left out by reason.

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
    counts = RowCounts(read=read, usable=usable, drawn=drawn, not_drawn=selection.not_drawn)
    return counts, dropped


_LEARNED = ("opening", "closing")


def cleaning_audit(
    tally: Tally, settings: Data, phrases: Mapping[str, Boilerplate], held: Sequence[ProposedRepair]
) -> CleaningAudit:
    """What each rule changed, with examples; what is off; the phrases that were learned.

    ``held`` are repairs that were left undone.
    """
    proposed = [*held, *_proposed_phrases(phrases)]
    return CleaningAudit(
        rules={rule: RuleAudit.model_validate(vars(entry)) for rule, entry in tally.rules.items()},
        off=[
            name
            for name, value in settings.clean
            if value is False or (name == "brands" and not value)
        ],
        boilerplate={
            source: LearnedPhrases(
                **{side: seen for side, seen in shown.items() if seen or side in _LEARNED}
            )
            for source, learned in phrases.items()
            for shown in [learned.masked()]
        },
        **({"proposed": proposed} if proposed else {}),
        cut_off_answers=tally.counted["cut_off"],
        cut_off_policy=settings.clean.cut_off,
    )


def _proposed_phrases(phrases: Mapping[str, Boilerplate]) -> Iterator[ProposedRepair]:
    for source, learned in phrases.items():
        if learned.proposed:
            answers, of = sum(learned.proposed.values()), learned.sampled
            yield ProposedRepair(source=source, rule="boilerplate", answers=min(answers, of), of=of)


def repair_warnings(proposed: Sequence[ProposedRepair]) -> Iterator[str]:
    """A sentence for each repair that was not done, and how it is."""
    for repair in proposed:
        share = f"{repair.answers:,} of {repair.of:,}"
        many = f"{repair.source}: {repair.rule} was left undone in {share} "
        if repair.rule == "boilerplate":
            yield (
                f"{many}sampled answers: sentences that many begin or end with, and that may say "
                "something (listed as proposed); data.clean.approve=[boilerplate] takes them away"
            )
        else:
            yield (
                f"{many}answers: it would change figures, units, signs or denials; "
                f"data.clean.approve=[{repair.rule}] does it"
            )


def leak_audit(
    selection: Selection, settings: Data, seed: int
) -> tuple[LeakCounts, RandomSplitLeaks]:
    """The proof that nothing leaks, and what a random split would leak.

    What the recipe does not group by may lie on both sides: that is counted.
    """
    splits = selection.split[selection.kept]
    parted = leaked_rows(selection.keys.by(settings.split.group_by), splits)
    if parted["any"]:
        raise AssertionError(f"group split leaked: {parted}")
    chance = random_split(len(splits), settings.split, seed)
    by_chance = leaked_rows(selection.keys, chance)
    share = by_chance["any"] / max(1, int((chance != 0).sum()))
    leaks = leaked_rows(selection.keys, splits)
    return LeakCounts(**leaks), RandomSplitLeaks(**by_chance, share=share)


def listings(
    rows: RowStore, selection: Selection
) -> tuple[list[list[ListedRow]], list[list[ListedRow]]]:
    """Near-duplicate pairs and contradictory sets for a reader, identifiers masked."""
    near = [members[:2] for members in selection.clusters[:LISTED]]
    contradictory = [members[:4] for members in selection.contradictory[:LISTED]]
    texts = rows.rows_at(row for members in (*near, *contradictory) for row in members)
    return _listed(near, texts), _listed(contradictory, texts)


def _listed(sets: Sequence[Sequence[int]], texts: Mapping[int, Row]) -> list[list[ListedRow]]:
    return [[_listed_row(texts[row]) for row in members] for members in sets]


def _listed_row(row: Row) -> ListedRow:
    question, answer = mask_texts([row.question, row.answer])  # whole: a cut identifier would stay
    return ListedRow(location=row.location, question=question[:EXCERPT], answer=answer[:EXCERPT])
