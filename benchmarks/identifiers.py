"""How well the scan for identifiers works: recall and precision on planted ones, false alarms on
text that holds none.

The planted set (``planted_identifiers.jsonl``, all of it invented and marked by hand) was written
without sight of the scanner. Its development half, chosen by hash, was then shown to the scanner's
author; the figures are of the unseen half unless ``--half`` says otherwise. It marks the shortest
stretch: anybody's name without the title, a date finer than a year without weekday and hour, an age
over 89 with its unit, the street line without the town, a number without its label. An identifier
counts as found when the found spans cover at least half of its letters and digits; it is whole when
they cover every one.

With MedQuAD at hand, also what the scan finds per 1,000 words of public text. Where
``presidio_analyzer`` can be imported, the same figures stand beside it: its predefined recognizers
without a trained entity model, so it finds no names and no places there.

    python benchmarks/identifiers.py --data-dir DATA [--half all] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

PLANTED = Path(__file__).with_name("planted_identifiers.jsonl")
KINDS = """
name date age phone fax email url ip address zip record account licence device vehicle ssn
""".split()
PRESIDIO = {
    "PERSON": "name",
    "DATE_TIME": "date",
    "AGE": "age",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "URL": "url",
    "IP_ADDRESS": "ip",
    "LOCATION": "address",
    "UK_NHS": "record",
    "CREDIT_CARD": "account",
    "IBAN_CODE": "account",
    "US_BANK_NUMBER": "account",
    "MEDICAL_LICENSE": "licence",
    "US_DRIVER_LICENSE": "licence",
    "US_SSN": "ssn",
}
QUICK_ANSWERS = 3_000
Figures = dict[str, Any]


class MarkedSpan(NamedTuple):
    """A stretch of text that a scanner, or the planted set, calls an identifier."""

    kind: str
    start: int
    end: int


Scanner = Callable[[str], Sequence[MarkedSpan]]


def ours() -> Scanner:
    """Medtune's own scan."""
    from medtune.text.identifiers import find_spans

    return lambda text: [
        MarkedSpan(str(span.kind), span.start, span.end) for span in find_spans(text)
    ]


def presidio() -> Scanner:
    """Presidio's predefined recognizers over a blank English pipeline, without the network."""
    import spacy  # type: ignore[import-not-found]
    import tldextract  # type: ignore[import-not-found]
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # type: ignore[import-not-found]
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # type: ignore[import-not-found]

    # its e-mail recognizer would fetch the list of public suffixes from the network
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    pipeline = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    pipeline.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=pipeline)
    engine = AnalyzerEngine(registry=registry, nlp_engine=pipeline, supported_languages=["en"])

    def scan(text: str) -> list[MarkedSpan]:
        results = engine.analyze(text, language="en")
        return [MarkedSpan(PRESIDIO.get(r.entity_type, "other"), r.start, r.end) for r in results]

    return scan


def half_of(identity: str) -> str:
    """The half of the set a sentence belongs to.

    The scanner's author saw the development half, never the other.
    """
    return (
        "development"
        if int(hashlib.sha256(identity.encode()).hexdigest(), 16) % 2 == 0
        else "unseen"
    )


def planted(half: str = "unseen") -> list[tuple[str, list[MarkedSpan]]]:
    """The sentences of a half of the planted set (or of ``all``), each with its identifiers."""
    with PLANTED.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if half in ("all", half_of(row["id"]))]
    return [(row["text"], [MarkedSpan(**span) for span in row["spans"]]) for row in rows]


def coverage(text: str, span: MarkedSpan, spans_found: Iterable[MarkedSpan]) -> float:
    """The share of the letters and digits of ``span`` that ``spans_found`` covers together."""
    signs = [i for i in range(span.start, span.end) if text[i].isalnum()]
    near = [f for f in spans_found if f.start < span.end and span.start < f.end]
    return sum(any(f.start <= i < f.end for f in near) for i in signs) / len(signs)


def proportion(hits: int, n: int) -> Figures:
    """A share in percent with its 95 % interval after Wilson."""
    from medtune.evaluation.statistics import wilson

    if n == 0:
        return {"hits": 0, "n": 0, "percent": None, "low": None, "high": None}
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "percent": 100 * hits / n, "low": 100 * low, "high": 100 * high}


def recall(
    rows: Sequence[tuple[str, list[MarkedSpan]]], finds: Sequence[Sequence[MarkedSpan]]
) -> Figures:
    """Per kind: found as that kind, found as any kind (enough to mask it), and covered whole."""
    n, same, any_kind, whole = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for (text, spans), spans_found in zip(rows, finds, strict=True):
        for span in spans:
            of_kind = coverage(text, span, [f for f in spans_found if f.kind == span.kind])
            of_any = coverage(text, span, spans_found)
            for key in (span.kind, "all"):
                n[key] += 1
                same[key] += of_kind >= 0.5
                any_kind[key] += of_any >= 0.5
                whole[key] += of_any == 1
    tables = {"same_kind": same, "any_kind": any_kind, "whole": whole}
    return {
        kind: {name: proportion(table[kind], n[kind]) for name, table in tables.items()}
        for kind in [*KINDS, "all"]
    }


def precision(
    rows: Sequence[tuple[str, list[MarkedSpan]]], finds: Sequence[Sequence[MarkedSpan]]
) -> Figures:
    """Per found kind: the share of found spans that touch a planted identifier, of that kind and
    of any.
    """
    n, same, any_kind = Counter[str](), Counter[str](), Counter[str]()
    for (_, spans), spans_found in zip(rows, finds, strict=True):
        for f in spans_found:
            touched = {span.kind for span in spans if span.start < f.end and f.start < span.end}
            for key in (f.kind, "all"):
                n[key] += 1
                same[key] += f.kind in touched
                any_kind[key] += bool(touched)
    return {
        kind: {
            "same_kind": proportion(same[kind], n[kind]),
            "any_kind": proportion(any_kind[kind], n[kind]),
        }
        for kind in [*KINDS, *sorted(n.keys() - {*KINDS, "all"}), "all"]
    }


def on_planted(scan: Scanner, half: str = "unseen") -> Figures:
    """Every figure on a half of the planted set."""
    rows = planted(half)
    scan(rows[0][0])  # the first call may load things
    began = time.perf_counter()
    finds = [scan(text) for text, _ in rows]
    seconds = time.perf_counter() - began
    negatives = [
        spans_found for (_, spans), spans_found in zip(rows, finds, strict=True) if not spans
    ]
    return {
        "sentences": len(rows),
        "recall": recall(rows, finds),
        "precision": precision(rows, finds),
        "false_alarms": dict(
            Counter(f.kind for spans_found in negatives for f in spans_found).most_common()
        ),
        "negatives_flagged": proportion(sum(map(bool, negatives)), len(negatives)),
        "characters_per_second": sum(len(text) for text, _ in rows) / seconds,
    }


def on_medquad(scan: Scanner, table: Path, quick: bool) -> Figures:
    """Found spans per 1,000 words of MedQuAD's answers, by kind."""
    import pyarrow.parquet as parquet

    answers = [
        a
        for a in parquet.read_table(table, columns=["answer"])["answer"].to_pylist()
        if a and a.strip()
    ]
    if quick and len(answers) > QUICK_ANSWERS:
        answers = random.Random(0).sample(answers, QUICK_ANSWERS)
    began = time.perf_counter()
    counts = Counter(f.kind for answer in answers for f in scan(answer))
    seconds = time.perf_counter() - began
    words = sum(len(answer.split()) for answer in answers)
    return {
        "answers": len(answers),
        "words": words,
        "per_1000_words": {kind: 1000 * count / words for kind, count in counts.most_common()},
        "found": dict(counts.most_common()),
        "characters_per_second": sum(map(len, answers)) / seconds,
    }


def shown(share: Figures) -> str:
    """A share as a person reads it, in a fixed width."""
    if share["percent"] is None:
        return f"{'–':>5}".ljust(15)
    return f"{share['percent']:5.1f} [{share['low']:.0f}–{share['high']:.0f}]".ljust(15)


def print_figures(name: str, figures: Figures) -> None:
    """Print the figures of one scanner within 80 columns."""
    planted_set, alarms = figures["planted"], figures["planted"]["negatives_flagged"]
    print(
        f"\n{name}: {planted_set['sentences']} sentences, "
        f"{planted_set['characters_per_second']:,.0f} characters/s"
    )
    print("Percent [95 % interval]; precision counts a find that touches any identifier.")
    print(
        f"{'kind':8}{'n':>4} "
        f"{'same kind':>10}{'any kind':>14}{'whole':>12}{'precision':>19}{'finds':>10}"
    )
    for kind, row in planted_set["recall"].items():
        right = planted_set["precision"][kind]["any_kind"]
        shares = "".join(map(shown, [row["same_kind"], row["any_kind"], row["whole"], right]))
        print(f"{kind:8}{row['any_kind']['n']:4} {shares}{right['n']:5}")
    print(
        f"Hard negatives flagged: {alarms['hits']} of {alarms['n']}, "
        f"{shown(alarms).strip()} percent"
    )
    print(
        "  by kind:",
        ", ".join(f"{kind} {count}" for kind, count in planted_set["false_alarms"].items())
        or "none",
    )
    if medquad := figures.get("medquad"):
        print(
            f"MedQuAD, {medquad['answers']:,} answers, {medquad['words']:,} words: found "
            f"per 1,000 words"
        )
        rates = [f"{kind} {rate:.2f}" for kind, rate in medquad["per_1000_words"].items()]
        for start in range(0, len(rates), 5):
            print("  " + ", ".join(rates[start : start + 5]))
        print("  Public text about no patient: nearly all are false alarms, though its URLs,")
        print("  telephone numbers and addresses of institutions are real ones.")


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Measure the scan for identifiers.")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ANSWERS:,} answers of MedQuAD instead of all"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("MEDTUNE_DATA"), help="where MedQuAD lies"
    )
    parser.add_argument(
        "--half",
        choices=["unseen", "development", "all"],
        default="unseen",
        help="of the planted set",
    )
    arguments = parser.parse_args()
    scanners = {"medtune": ours()} | (
        {"presidio": presidio()} if find_spec("presidio_analyzer") else {}
    )
    table = Path(arguments.data_dir) / "medquad.parquet" if arguments.data_dir else None
    figures = {
        name: {"planted": on_planted(scan, arguments.half)} for name, scan in scanners.items()
    }
    if table and table.is_file():
        for name, scan in scanners.items():
            figures[name]["medquad"] = on_medquad(scan, table, arguments.quick)
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    for name, result in figures.items():
        print_figures(name, result)
    if not (table and table.is_file()):
        print("\nNo medquad.parquet (--data-dir, MEDTUNE_DATA): no rate on public text.")


if __name__ == "__main__":
    main()
