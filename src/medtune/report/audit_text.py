"""The data audit for a terminal: plain text of at most 80 columns."""

from collections.abc import Iterator
from textwrap import fill, shorten

from medtune.data.audit import Audit, LearnedPhrases, RunAudit, counts_in_words
from medtune.data.text_loss import loss_sentences

WIDTH = 79
RULES = {
    "encoding": "decoded wrongly before",
    "line_endings": "line endings",
    "literal_newlines": "backslash-n as text",
    "markup": "HTML and wiki markup",
    "brands": "brand names spliced in",
    "leftovers": "pointers to a web page",
    "tables": "flattened tables",
    "comma_breaks": "commas that were line breaks",
    "blanks": "runs of blanks, edges",
    "labels": "blanks in labels",
    "boilerplate": "boilerplate at the edges",
    "cut_off": "unfinished last sentence",
}


def audit_text(audit: Audit, *, examples: bool = False) -> str:
    """The whole audit in words; with ``examples``, before and after of every cleaning rule."""
    sections = (
        *(_sources, _rows, _cleaning, _duplicates, _labels, _positions),
        *(_leakage, _overlap, _identifiers, _tokens, _text_loss, _notes),
    )
    blocks = ["\n".join(lines) for section in sections if (lines := list(section(audit)))]
    if examples:
        blocks.append("\n".join(_examples(audit)))
    return "\n\n".join(blocks)


def _wrapped(text: str, indent: str = "  ") -> str:
    return fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _sources(audit: Audit) -> Iterator[str]:
    yield "Sources"
    for source in audit.sources:
        file = source.files[0]
        yield _wrapped(f"{source.name}: {source.rows:,} rows, {source.licence}; {file.name}")
        if source.columns:
            yield _wrapped(
                "columns: "
                + ", ".join(f"{part} = {name}" for part, name in source.columns.items()),
                "    ",
            )
        if source.unreadable:
            left_out = counts_in_words(source.unreadable)
            places = ", ".join(source.unreadable_at[:3])
            yield _wrapped(f"records left out, unreadable: {left_out} (at {places})", "    ")
        if source.not_read:
            yield _wrapped(f"not read: {counts_in_words(source.not_read)}", "    ")


def _rows(audit: Audit) -> Iterator[str]:
    rows = audit.rows
    yield "Rows"
    yield f"  {'read':<28}{rows.read:>10,}"
    for reason, count in audit.dropped.items():
        if count:
            yield f"  {'− ' + reason.replace('_', ' '):<28}{count:>10,}"
    if rows.not_drawn:
        yield f"  {'− not drawn':<28}{rows.not_drawn:>10,}"
    yield f"  {'= used':<28}{rows.drawn:>10,}"
    for name, split in audit.splits.items():
        noun = "group" if split.groups == 1 else "groups"
        yield (
            f"    {name:<24}{split.rows:>12,}{split.groups:>8,} {noun}; median answer "
            f"{split.answer_words.median:.0f} words"
        )
    if len(audit.sources) > 1:
        for source in audit.sources:
            used = sum(split.sources.get(source.name, 0) for split in audit.splits.values())
            lacking = audit.unfilled.get(source.name)
            yield f"    {'of ' + source.name:<26}{used:>10,}" + (
                f"  ({lacking.asked:,} asked for)" if lacking else ""
            )
    if audit.ending_with_a_user:
        yield (
            f"  {'of these ending with a user':<28}{audit.ending_with_a_user:>10,}  (that turn "
            "is not learnt)"
        )


def _cleaning(audit: Audit) -> Iterator[str]:
    facts = audit.cleaning
    yield "Cleaning (rows changed, characters more or fewer)"
    for rule, entry in facts.rules.items():
        yield f"  {RULES.get(rule, rule):<28}{entry.rows:>10,}{entry.characters:>12,}"
    if not facts.rules:
        yield "  nothing to repair"
    if facts.cut_off_answers:
        yield (
            f"  {'answers without a full stop':<28}{facts.cut_off_answers:>10,}  "
            f"({facts.cut_off_policy})"
        )
    if facts.off:
        yield _wrapped(f"switched off: {', '.join(facts.off)}")
    for source, learned in facts.boilerplate.items():
        for side, counts in _sides(learned):
            if counts:
                phrases = ", ".join(f"“{shorten(p, 44)}” {n}" for p, n in list(counts.items())[:6])
                more = f" and {len(counts) - 6} more" if len(counts) > 6 else ""
                yield _wrapped(f"{source}, {side} (times seen in a sample): {phrases}{more}")


def _sides(learned: LearnedPhrases) -> tuple[tuple[str, dict[str, int]], ...]:
    return (
        ("opening phrases learned", learned.opening),
        ("closing phrases learned", learned.closing),
        ("phrases proposed, not taken away", learned.proposed),
    )


def _duplicates(audit: Audit) -> Iterator[str]:
    facts, near = audit.duplicates, audit.near_duplicates
    yield "Duplicates among usable rows"
    yield f"  {'same question':<28}{facts.same_question:>10,}"
    yield f"  {'same answer':<28}{facts.same_answer:>10,}"
    if near.policy != "off":
        yield (
            f"  {'almost the same question':<28}{facts.near_question:>10,}  (similarity ≥ "
            f"{near.threshold:g}: group)"
        )
        yield f"  {'almost the same answer':<28}{facts.near_answer:>10,}  ({near.policy})"
    policy = audit.contradictions.policy
    yield (
        f"  {'questions, several answers':<28}{facts.questions_with_several_answers:>10,}  "
        f"({policy})"
    )
    if facts.texts_with_several_labels:
        yield f"  {'texts, several labels':<28}{facts.texts_with_several_labels:>10,}  ({policy})"


def _labels(audit: Audit) -> Iterator[str]:
    if not audit.labels:
        return
    yield "Labels"
    for facts, title in (
        (audit.labels.as_read, "as they came"),
        (audit.labels.selected, "as selected"),
    ):
        if facts:
            yield _wrapped(
                f"{title}: {facts.rows:,} rows, {facts.texts:,} texts, {facts.classes} classes of "
                f"{facts.smallest:,} to {facts.largest:,} rows; "
                f"{facts.rows_sharing_text_with_another_label:,} rows share their text with "
                f"another label; no classifier can pass {facts.ceiling:.1%}; always the largest "
                f"class: {facts.majority_share:.1%}"
            )


def _positions(audit: Audit) -> Iterator[str]:
    facts = audit.answer_positions
    if not facts:
        return
    yield f"Right options of {facts.rows:,} multiple-choice rows (evenly spread)"
    yield _wrapped(
        ", ".join(
            f"{letter} {n:,} ({facts.even[letter]:,.0f})" for letter, n in facts.counts.items()
        )
    )


def _leakage(audit: Audit) -> Iterator[str]:
    groups, chance = audit.groups, audit.random_split
    yield "Leakage"
    ties = [part for part in groups.group_by if part != "entity" or groups.entities]
    if audit.near_duplicates.policy != "off":
        ties.append("near-duplicate")
    many = "group" if groups.count == 1 else "groups"
    yield _wrapped(
        f"{groups.count:,} {many} (largest {groups.largest:,}), tied by "
        f"{', '.join(ties) or 'nothing'}"
    )
    meaning = "no held-out row shares one of these with a training row"
    if audit.leaked:
        shared = counts_in_words(audit.leaked_by.parts() if audit.leaked_by else {})
        meaning = (
            "held-out rows that share with a training row what the recipe does not group by: "
            f"{shared}"
        )
    yield _wrapped(f"leaked: {audit.leaked:,} ({meaning})")
    parts = counts_in_words(chance.parts())
    yield _wrapped(
        f"a random split would leak {chance.share:.0%} of its held-out rows (shared: {parts})"
    )


def _overlap(audit: Audit) -> Iterator[str]:
    facts = audit.contamination
    if not facts.checked:
        yield "Overlap with held-out rows and benchmarks: not checked"
        return
    yield f"Overlap of training rows (a run of {facts.ngram} words, or the same short question)"
    for name, entry in facts.sets.items():
        mostly = f", {entry.mostly:,} of them mostly" if entry.overlapping else ""
        title, overlapping = name.replace("_", " "), entry.overlapping or "none"
        yield f"  {title:<28}{overlapping:>10} of {entry.items:,} items{mostly}"
    yield _wrapped(
        "Phrases that a source repeats everywhere overlap too, in rows of different groups; "
        "mostly: over half of an item's runs."
    )
    if facts.not_compared:
        yield _wrapped(f"not compared: {', '.join(facts.not_compared)}")


def _identifiers(audit: Audit) -> Iterator[str]:
    facts = audit.identifiers
    if facts.policy == "off":
        yield "Identifiers of patients: not scanned"
        return
    yield f"Identifiers of patients (policy: {facts.policy}; an aid, not a guarantee)"
    yield _wrapped(f"{counts_in_words(facts.counts)}; in {facts.rows:,} rows")


def _tokens(audit: Audit) -> Iterator[str]:
    if not isinstance(audit, RunAudit):
        return
    facts = audit.tokens
    train = facts.splits["train"]
    yield "Tokens of training rows"
    yield _wrapped(
        f"median {train.median:.0f}, 95 % {train.p95:.0f}, longest {train.max:,}; "
        f"limit {facts.max_length:,}: {facts.truncated_rows:,} cut, "
        f"{facts.overlong_dropped:,} left out; learnt {train.supervised_share:.0%}"
    )


def _text_loss(audit: Audit) -> Iterator[str]:
    if audit.text_loss:
        yield "What the tokenizer loses of the texts"
        yield from (
            _wrapped(sentence) for sentence in loss_sentences(audit.text_loss) or ["nothing"]
        )


def _notes(audit: Audit) -> Iterator[str]:
    if audit.warnings:
        yield "Notes"
        yield from (_wrapped(f"- {warning}") for warning in audit.warnings)


def _examples(audit: Audit) -> Iterator[str]:
    yield "Examples (identifiers masked; more in audit.json)"
    for rule, entry in audit.cleaning.rules.items():
        yield f"  {RULES.get(rule, rule)}"
        for example in entry.examples:
            yield _wrapped(example.location, "    ")
            yield _wrapped(f"before  {example.before!r}", "    ")
            yield _wrapped(f"after   {example.after!r}", "    ")
    for sets, title in (
        (audit.contradictions_listed, "answered in several ways"),
        (audit.near_duplicates_listed, "almost the same"),
    ):
        if sets:
            yield f"  {title}"
        for members in sets:
            for row in members:
                yield _wrapped(f"{row.location}: {row.question!r} → {row.answer!r}", "    ")
    for name, overlap in audit.contamination.sets.items():
        if overlap.examples:
            yield f"  overlap with {name.replace('_', ' ')}"
        for pair in overlap.examples[:5]:
            yield _wrapped(f"{pair.training}  ~  {pair.item}", "    ")
