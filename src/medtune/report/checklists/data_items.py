"""What a run's audit says to the items of reporting checklists about data."""

from medtune.data.audit import IdentifierAudit, SplitAudit, TokenLengths
from medtune.report.checklists.base import Facts

COUNTED_BY_ITEM = "counted in the samples of each task (prompt_cut)"
ROLES = {"train": "training", "validation": "tuning", "test": "evaluation"}


def names(facts: Facts) -> str:
    """Names of the data sources, separated by commas."""
    return ", ".join(source.name for source in facts.figures.audit.sources)


def benchmarks(facts: Facts) -> list[str]:
    """Sources that tasks alone are measured on."""
    return [f"{key}: {spec.source}" for key, spec in facts.figures.specs.items() if spec.source]


def counts_text(counts: dict[str, int]) -> str:
    """Reasons with their counts, such as "empty answer 45, repeated 7".

    What counts nothing is left out.
    """
    return (
        ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)
        or "none"
    )


def sources(facts: Facts) -> str:
    """Item 5a: publisher, licence, file and hash of each source, and which role it has."""
    lines = []
    for source in facts.figures.audit.sources:
        files = "; ".join(f"{f.name}, {f.rows:,} rows, SHA-256 {f.sha256}" for f in source.files)
        published = source.published or "where it was published: not stated"
        lines.append(f"{source.name} ({published}; licence: {source.licence}): {files}.")
    splits = facts.figures.audit.splits
    roles = ", ".join(f"{ROLES[name]} {split.rows:,} rows" for name, split in splits.items())
    lines.append(f"Divided into {roles}, by seed {facts.recipe.seed}.")
    return "\n".join([*lines, *(f"Evaluation alone: {name}." for name in benchmarks(facts))])


def distribution(facts: Facts) -> str:
    """Item 5b: rows, lengths, labels and repeats."""
    audit = facts.figures.audit
    lines = [
        _split_line(name, audit.splits[name], audit.tokens.splits[name]) for name in audit.splits
    ]
    repeats = f"Repeats among usable rows: {counts_text(audit.duplicates.model_dump())}."
    return "\n".join([*lines, repeats, "The language of the texts was not examined."])


def _split_line(name: str, split: SplitAudit, tokens: TokenLengths) -> str:
    labels = f", {len(split.labels)} labels" if split.labels else ""
    return (
        f"{ROLES[name]}: {split.rows:,} rows in {split.groups:,} groups{labels}; tokens: "
        f"median {tokens.median:,.0f}, 95 % {tokens.p95:,.0f}, longest {tokens.max:,.0f}; "
        f"words of an answer: median {split.answer_words.median:,.0f}."
    )


def cleaning(facts: Facts) -> str:
    """Item 5d: what was repaired, in rows, the same rules for every source."""
    audit = facts.figures.audit
    repaired = counts_text({rule: entry.rows for rule, entry in audit.cleaning.rules.items()})
    off = audit.cleaning.off
    seen = _seen(audit.identifiers, "rows")
    items = facts.figures.metrics.item_identifiers
    of_items = "".join(f"; items of {key}: {_seen(one, 'items')}" for key, one in items.items())
    return (
        f"The same rules for every source. Rows repaired: {repaired}. "
        f"Switched off: {', '.join(off) or 'none'}. "
        f"Identifiers of patients: {seen}{of_items}. "
        f"Near-duplicates: {audit.near_duplicates.policy} "
        f"(similarity from {audit.near_duplicates.threshold}). "
        f"Contradictions: {audit.contradictions.policy.replace('_', ' ')}."
    )


def _seen(identifiers: IdentifierAudit, noun: str) -> str:
    if identifiers.policy == "off":
        return "not scanned for"
    return f"found in {identifiers.rows:,} {noun} (policy: {identifiers.policy})"


def missing(facts: Facts) -> str:
    """Item 5e: rows left out by reason, rows cut, and how even the classes are."""
    audit = facts.figures.audit
    tokens = audit.tokens
    labels = audit.labels.selected if audit.labels else None
    classes = (
        f"{labels.classes} classes of {labels.smallest:,} to {labels.largest:,} rows, "
        "not reweighted."
        if labels
        else "No label is learnt."
    )
    return (
        f"Left out: {counts_text(audit.dropped)}; "
        f"not drawn because of a limit: {audit.rows.not_drawn:,}. "
        f"Longer than {tokens.max_length:,} tokens ({tokens.overlong}): "
        f"{tokens.truncated_rows:,} rows cut, "
        f"{tokens.overlong_dropped:,} left out. {classes}"
    )


def shortening(facts: Facts) -> str:
    """Item 10: what was cut."""
    tokens = facts.figures.audit.tokens
    cut = [
        f"{row.task}: {row.after.value:.1%}" for row in facts.rows if row.metric == "prompts_cut"
    ]
    return (
        f"Texts are not summarised. Training rows longer than {tokens.max_length:,} tokens "
        f"({tokens.overlong}): {tokens.truncated_rows:,} cut by {tokens.truncated_tokens:,} tokens "
        f"in all, {tokens.lost_terminators:,} of them without their end. "
        f"Prompts cut to the model's context: {', '.join(cut) or COUNTED_BY_ITEM}."
    )


def flow(facts: Facts) -> str:
    """Item 16a: from what was read to what was measured."""
    audit = facts.figures.audit
    rows = audit.rows
    splits = ", ".join(f"{name} {split.rows:,}" for name, split in audit.splits.items())
    return (
        f"Read {rows.read:,} rows; left out {counts_text(audit.dropped)}; "
        f"usable {rows.usable:,}; used {rows.drawn:,} "
        f"in {audit.groups.count:,} groups; {splits}. Drawn as a picture in the report."
    )


def shift(facts: Facts) -> str:
    """Item 16c: what development and evaluation share, and how far they differ."""
    audit = facts.figures.audit
    train, test = audit.splits["train"], audit.splits["test"]
    labels, others = set(train.labels), set(test.labels)
    unseen = (
        f" Labels of the test rows that training has not: {len(others - labels)}." if others else ""
    )
    return (
        f"Answer words, median: training {train.answer_words.median:,.0f}, "
        f"test {test.answer_words.median:,.0f}; question words: "
        f"{train.question_words.median:,.0f} and {test.question_words.median:,.0f}.{unseen} "
        + overlap(facts)
    )


def overlap(facts: Facts) -> str:
    """What held-out rows share with training."""
    audit = facts.figures.audit
    shared = audit.contamination
    sets = ", ".join(
        f"{name.replace('_', ' ')} {entry.overlapping:,} of {entry.items:,}"
        for name, entry in shared.sets.items()
    )
    runs = (
        f"Items that share a run of {shared.ngram} words with a training row: {sets}."
        if shared.checked
        else "Overlap of phrases: not measured."
    )
    return (
        f"Held-out rows that share a text or subject with training: {audit.leaked:,} "
        "(a random split: "
        f"{audit.leaked_share_of_a_random_split:.1%}). {runs}"
    )


def data_problems(facts: Facts) -> str:
    """Item 19c: what the audit found wrong or narrow."""
    audit = facts.figures.audit
    faults = [f"{warning[:1].upper()}{warning[1:]}." for warning in audit.warnings]
    repeats = {
        name: count
        for name, count in audit.duplicates.model_dump().items()
        if "several" in name and count
    }
    if repeats:
        faults.append(f"Contradictions: {counts_text(repeats)}.")
    if len(audit.sources) == 1:
        faults.append(f"All development data come from one source ({names(facts)}).")
    if audit.tokens.truncated_rows:
        faults.append(f"{audit.tokens.truncated_rows:,} training rows were cut.")
    return " ".join([*faults, "Whom the texts represent was not examined."])


def annotation(facts: Facts) -> str:
    """Item 8: who labelled the texts."""
    if facts.figures.audit.labels:
        return "The labels are those published with the sources; nothing was labelled for this run."
    return "No text was labelled for this run."
