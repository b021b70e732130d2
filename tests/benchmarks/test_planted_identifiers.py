"""The planted set is what its benchmark takes it for, and the benchmark counts as a person
would.
"""

import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "identifiers.py"
KINDS = set(
    "name date age phone fax email url ip address zip record account licence device "
    "vehicle ssn".split()
)
STYLES = set("note letter message dialogue form discharge forum ocr report article".split())


@pytest.fixture(scope="module")
def rows():
    path = BENCHMARK.with_name("planted_identifiers.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_identifiers", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def identifiers(rows, kind):
    return [
        row["text"][s["start"] : s["end"]]
        for row in rows
        for s in row["spans"]
        if s["kind"] == kind
    ]


def test_rows_are_well_formed(rows):
    for row in rows:
        assert row.keys() == {"id", "text", "spans", "style"}
        assert row["style"] in STYLES, row["id"]
        assert row["text"] == row["text"].strip() != "", row["id"]
    assert len({row["id"] for row in rows}) == len(rows)


def test_texts_are_distinct_even_without_case_and_blanks(rows):
    texts = Counter(" ".join(row["text"].casefold().split()) for row in rows)
    assert [text for text, n in texts.items() if n > 1] == []


def test_spans_lie_inside_the_text_without_overlap_or_edge_blanks(rows):
    for row in rows:
        end = 0
        for span in row["spans"]:
            assert span.keys() == {"kind", "start", "end"}
            assert span["kind"] in KINDS, row["id"]
            assert end <= span["start"] < span["end"] <= len(row["text"]), row["id"]
            piece = row["text"][span["start"] : span["end"]]
            assert piece == piece.strip(), row["id"]
            assert any(sign.isalnum() for sign in piece), row["id"]
            end = span["end"]


def test_no_span_cuts_a_word(rows):
    for row in rows:
        for span in row["spans"]:
            before, after = row["text"][: span["start"]], row["text"][span["end"] :]
            piece = row["text"][span["start"] : span["end"]]
            assert not (re.search(r"\w\Z", before) and re.match(r"\w", piece)), (row["id"], piece)
            assert not (re.search(r"\w\Z", piece) and re.match(r"\w", after)), (row["id"], piece)


def test_there_are_enough_of_each(rows):
    counts = Counter(span["kind"] for row in rows for span in row["spans"])
    assert set(counts) == KINDS
    assert all(counts[kind] >= 25 for kind in KINDS), counts
    assert counts["name"] >= 120
    assert sum(bool(row["spans"]) for row in rows) >= 650
    assert sum(not row["spans"] for row in rows) >= 250


def test_no_frame_is_multiplied(rows):
    """A text without its identifiers and numbers stands at most three times."""

    def frame(row):
        text = row["text"]
        for span in reversed(row["spans"]):
            text = text[: span["start"]] + f"<{span['kind']}>" + text[span["end"] :]
        return re.sub(r"\d+", "0", text.casefold())

    assert [f for f, n in Counter(map(frame, rows)).items() if n > 3] == []


def test_a_bare_year_is_no_date(rows):
    assert [d for d in identifiers(rows, "date") if re.fullmatch(r"(19|20)\d\d", d)] == []


def test_ages_in_digits_are_over_89(rows):
    digits = [int(n) for age in identifiers(rows, "age") for n in re.findall(r"\d+", age)]
    assert len(digits) > 25
    assert min(digits) >= 90


def test_hard_negatives_hold_no_e_mail_url_or_ssn(rows):
    pattern = re.compile(r"\S@\S+\.\w|https?:|www\.|\b\d{3}-\d{2}-\d{4}\b|\(\d{3}\) ?\d{3}-\d{4}")
    assert [row["id"] for row in rows if not row["spans"] and pattern.search(row["text"])] == []


def test_network_identifiers_come_from_reserved_ranges(rows):
    """Nobody's address, site or mailbox: documentation networks and the example domains alone
    (RFC 5737, 3849, 2606).
    """
    documentation = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
    assert [ip for ip in identifiers(rows, "ip") if not ip.startswith(documentation)] == []
    reachable = [*identifiers(rows, "email"), *identifiers(rows, "url")]
    assert [
        u
        for u in reachable
        if "example" not in u.lower() and not any(d in u for d in documentation)
    ] == []


def test_many_licences_and_cars_pass_their_check_digits(rows):
    """A scanner that trusts check digits must meet true ones: NPI (Luhn over 80840), DEA, VIN."""
    licences = identifiers(rows, "licence")
    npis = [n for n in licences if re.fullmatch(r"1\d{9}", n)]
    deas = [n for n in licences if re.fullmatch(r"[A-Z]{2}\d{7}", n)]
    vins = [n for n in identifiers(rows, "vehicle") if re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", n)]
    assert len(npis) >= 8
    assert all(luhn("80840" + n) for n in npis)
    assert len(deas) >= 7
    assert all(dea(n[2:]) for n in deas)
    assert len(vins) >= 8
    assert all(vin(n) for n in vins)


def luhn(digits):
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 * (d > 9) for d in doubled) % 10 == 0


def dea(digits):
    a, b, c, d, e, f, check = map(int, digits)
    return (a + c + e + 2 * (b + d + f)) % 10 == check


def vin(number):
    values = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)],
            strict=True,
        )
    )
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    rest = (
        sum(
            (values[s] if s in values else int(s)) * w for s, w in zip(number, weights, strict=True)
        )
        % 11
    )
    return number[8] == ("X" if rest == 10 else str(rest))


def test_coverage_counts_letters_and_digits_alone(benchmark):
    marked = benchmark.MarkedSpan
    phone = marked("phone", 5, 19)
    assert benchmark.coverage("Call (212) 555-0147", phone, [marked("phone", 6, 19)]) == 1
    assert (
        benchmark.coverage(
            "Call (212) 555-0147", phone, [marked("phone", 11, 14), marked("zip", 15, 19)]
        )
        == 0.7
    )
    assert benchmark.coverage("Call (212) 555-0147", phone, [marked("phone", 0, 5)]) == 0


def test_figures_of_a_known_scanner(benchmark):
    marked = benchmark.MarkedSpan
    rows = [
        ("Ann Lee, 555-0147", [marked("name", 0, 7), marked("phone", 9, 17)]),
        ("glucose 182", []),
    ]
    finds = [[marked("name", 0, 3), marked("zip", 9, 17)], [marked("record", 8, 11)]]
    recall = benchmark.recall(rows, finds)
    assert recall["name"]["same_kind"]["hits"] == 1
    assert recall["name"]["whole"]["hits"] == 0
    assert recall["phone"]["same_kind"]["hits"] == 0
    assert recall["phone"]["any_kind"]["percent"] == 100
    assert recall["all"]["whole"]["percent"] == 50
    assert recall["fax"]["any_kind"]["percent"] is None
    precision = benchmark.precision(rows, finds)
    assert precision["all"]["any_kind"]["hits"] == 2
    assert precision["all"]["same_kind"]["hits"] == 1
    assert precision["record"]["any_kind"]["percent"] == 0


def test_wilson_interval_of_a_known_share(benchmark):
    share = benchmark.proportion(8, 10)
    assert share["low"] == pytest.approx(49.02, abs=0.01)
    assert share["high"] == pytest.approx(94.33, abs=0.01)


@pytest.fixture
def run_with_stub(benchmark, monkeypatch, capsys):
    """Run the benchmark with a scanner that knows social security numbers and nothing else."""

    def scan(text):
        matches = re.finditer(r"\b\d{3}-\d{2}-\d{4}\b", text)
        return [benchmark.MarkedSpan("ssn", *match.span()) for match in matches]

    def run(*arguments):
        monkeypatch.delenv("MEDTUNE_DATA", raising=False)
        monkeypatch.setattr(benchmark, "ours", lambda: scan)
        monkeypatch.setattr(sys, "argv", ["identifiers.py", *map(str, arguments)])
        benchmark.main()
        return capsys.readouterr().out

    return run


def test_the_command_counts_a_stub_right_in_json(run_with_stub, rows):
    figures = json.loads(run_with_stub("--quick", "--json", "--half", "all"))["medtune"]["planted"]
    ssns = [n for n in identifiers(rows, "ssn") if re.fullmatch(r"\d{3}-\d{2}-\d{4}", n)]
    assert figures["recall"]["ssn"]["same_kind"]["hits"] == len(ssns)
    assert figures["recall"]["name"]["any_kind"]["hits"] == 0
    assert figures["negatives_flagged"]["hits"] == 0


def test_the_table_fits_80_columns(run_with_stub):
    lines = run_with_stub("--quick").splitlines()
    assert any(line.startswith("ssn ") for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.real
def test_the_rate_on_public_text(run_with_stub, real_data):
    lines = run_with_stub("--quick", "--data-dir", real_data)
    assert "3,000 answers" in lines
    assert max(map(len, lines.splitlines())) <= 80


def test_the_halves_are_apart_and_together_the_whole(benchmark):
    halves = {
        half: {text for text, _ in benchmark.planted(half)}
        for half in ("unseen", "development", "all")
    }
    assert not halves["unseen"] & halves["development"]
    assert halves["unseen"] | halves["development"] == halves["all"]
    assert len(halves["unseen"]) == 519  # as docs/data.md says
