import csv
import math
import re
from html.parser import HTMLParser

import pytest

from medtune.evaluation.comparison.leaderboard import Leaderboard
from medtune.files import read_json, read_json_lines
from medtune.report.compare_page import (
    Comparison,
    compare_text,
    leaders,
    render_compare,
    write_page,
)
from medtune.report.loss_plots import (
    COLORS,
    LossCurve,
    all_models_plot,
    bits_a_byte,
    write_loss_files,
)

NAMES = [f"mistral-7b-instruct-v0.2-medical-wikidoc-lora-r{2**n}-seed-{n}" for n in range(8)]


def made_table(names, ranks, title="Bits per byte, answer", better="lower", note=None):
    rows = [
        {
            "name": name,
            "value": 1.0 + n,
            "low": 0.9 + n,
            "high": 1.1 + n,
            "n": 1234,
            "groups": 999,
            "rank": rank,
        }
        for n, (name, rank) in enumerate(zip(names, ranks, strict=True))
    ]
    pairs = [
        {
            "first": names[0],
            "second": name,
            "value": 1.0,
            "low": 0.5,
            "high": 1.5,
            "p": 0.0004,
            "p_corrected": 0.004 if rank and rank > 1 else 0.4,
            "test": "paired bootstrap",
            "n": 1234,
            "groups": 999,
            "better": names[0] if rank and rank > 1 else None,
            "decision": "worse" if rank and rank > 1 else "undecided",
        }
        for name, rank in list(zip(names, ranks, strict=True))[1:]
    ]
    facts = {
        "task": "perplexity",
        "task_title": "Prediction",
        "metric": "bits_per_byte",
        "unit": "bits/byte",
    }
    ranked = better is not None and ranks[0] is not None
    return Leaderboard.model_validate(
        facts
        | {
            "title": title,
            "better": better,
            "groups": 999,
            "ranked": ranked,
            "note": note,
            "rows": rows,
            "pairs": pairs,
        }
    )


def comparison(names=tuple(NAMES), tables=None):
    cost = {"seconds": 8765.0, "tokens_per_second": 12345.6, "peak_memory_bytes": 17 * 2**30}
    cost |= {"trainable_parameters": 41_943_040, "parameters": 7_283_675_136}
    curve = {"tokenizer": "t", "loss_on": "answer", "tokens_per_byte": 0.25}
    curve |= {"loss": [[1, 2.0], [2, 1.5]], "validation": [[2, 1.6]]}
    return Comparison.model_validate(
        {
            "made_by": "medtune compare",
            "key": "k",
            "on": "medquad",
            "items": 1234,
            "contestants": [
                {
                    "name": n,
                    "kind": "run",
                    "tokenizer": 1,
                    "measured": False,
                    "cost": cost,
                    "answer_tokens": 88.5,
                }
                for n in names
            ],
            "tables": tables or [made_table(list(names), [1, 1, 3, 3, 3, 6, 6, 8][: len(names)])],
            "family": {"tests": 28, "method": "Holm", "alpha": 0.05, "resamples": 10_000},
            "curves": [curve | {"name": name} for name in names],
            "notes": ["answers: not measured for anybody."],
        }
    )


class Page(HTMLParser):
    """Texts of table rows, and every address that a page names."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        self.addresses += [
            v for k, v in attributes if k in ("src", "href") and v and not v.startswith("#")
        ]

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_the_page_shows_ranks_values_and_intervals():
    page = Page(render_compare(comparison(), None))
    ranks = {row[1]: row[0] for row in page.rows if len(row) == 5 and row[1] in NAMES}
    assert ranks == dict(zip(NAMES, "11333668", strict=True))
    assert [NAMES[1], "2", "1.9 to 2.1"] in [row[1:4] for row in page.rows]
    assert any(
        row[:2] == [NAMES[2], NAMES[0]] and row[4:] == ["< 0.001", "0.004", NAMES[0]]
        for row in page.rows
    )
    assert any(row[:2] == [NAMES[1], NAMES[0]] and row[-1] == "undecided" for row in page.rows)
    costs = next(row for row in page.rows if row[0] == NAMES[0] and len(row) == 8)
    assert costs[1:] == [
        "2 h 26 min",
        "12,346",
        "17.00 GiB",
        "41,943,040",
        "7,283,675,136",
        "–",
        "88.5",
    ]


def test_the_page_needs_nothing_else(tmp_path):
    write_page(comparison(), tmp_path)
    text = (tmp_path / "compare.html").read_text()
    assert not Page(text).addresses
    assert not re.search(r"url\(\s*['\"]?http|<script|@import", text)
    assert "default-src 'none'" in text
    assert (tmp_path / "all_models.png").read_bytes()[:4] == b"\x89PNG"


def test_names_are_text_not_markup():
    names = ["<script>alert(1)</script>", "a & b"]
    text = render_compare(comparison(names), None)
    assert "<script" not in text
    assert "a &amp; b" in text


def test_the_family_and_the_rule_are_named():
    text = " ".join(render_compare(comparison(), None).split())
    assert "28 tests" in text
    assert "Holm" in text
    assert "1 + the number of models that are significantly better" in text
    assert "answers: not measured for anybody." in text


def test_leaders_say_who_is_first_or_that_nobody_is():
    tables = [
        made_table(["a", "b"], [1, 2], "One"),
        made_table(["a", "b"], [1, 1], "Two"),
        made_table(["a", "b", "c"], [1, 1, 3], "Three"),
        made_table(["a", "b"], [None, None], "Four", note="different tokens"),
        made_table(["a", "b"], [None, None], "Five", better=None),
    ]
    assert leaders(comparison(("a", "b", "c"), tables)) == [
        "One (perplexity): a is first.",
        "Two (perplexity): nobody can be told apart.",
        "Three (perplexity): a, b share the first rank.",
    ]


def test_the_terminal_table_fits_and_keeps_names_apart():
    text = compare_text(comparison())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    ranked = [line for line in lines if re.match(r" {2,3}\d\.", line)]
    assert [line.split()[0] for line in ranked] == ["1.", "1.", "3.", "3.", "3.", "6.", "6.", "8."]
    assert len({line.split()[1] for line in ranked}) == 8
    assert any("2 h 26 min" in line and "17.00 GiB" in line and "0.6%" in line for line in lines)


@pytest.mark.parametrize("value", [None, 0.0, -1.23456e-7, 98765.4321, 1234567.0, 1e12, 0.5])
def test_no_value_is_too_wide(value):
    table = made_table(["a", "b"], [1, 2])
    first = {"value": 1.0 if value is None else value, "low": value, "high": value}
    rows = [table.rows[0].model_copy(update=first), table.rows[1]]
    tables = [table.model_copy(update={"rows": rows})]
    assert max(map(len, compare_text(comparison(("a", "b"), tables)).splitlines())) <= 80


def test_eight_models_are_on_one_axis_with_a_legend(tmp_path):
    curves = [
        c.model_copy(update={"loss": [(s, 3 / s + n) for s in range(1, 60)]})
        for n, c in enumerate(comparison().curves)
    ]
    svg = all_models_plot(curves, tmp_path)
    for name in NAMES:
        assert f">{name}<" in svg
    assert ">Validation loss a byte<" in svg
    lines = set(re.findall(r"stroke: (#[0-9a-f]{6})", svg))
    assert len(lines & {color.lower() for color in COLORS}) == 8


def test_bits_a_byte_of_known_losses():
    # A token of one byte drawn from 256 costs 8 bits; four bytes to a token, 2 bits a byte.
    nats = math.log(256)
    for tokens, bits in ((1.0, 8), (0.25, 2)):
        curve = LossCurve(
            name="m", tokenizer="t", loss=[], validation=[(5, nats)], tokens_per_byte=tokens
        )
        assert bits_a_byte(curve) == [(5, pytest.approx(bits))]


def test_without_validation_there_is_one_side(tmp_path):
    curves = [c.model_copy(update={"validation": []}) for c in comparison().curves]
    assert "a byte" not in all_models_plot(curves, tmp_path)
    mixed = [c.model_copy(update={"tokenizer": c.name}) for c in comparison().curves]
    assert "not to compare" in all_models_plot(mixed, tmp_path)


def test_loss_files_of_a_run(finished):
    table, picture, facts = write_loss_files(finished, "mistral")
    assert [path.name for path in (table, picture, facts)] == [
        "mistral_loss.csv",
        "mistral_loss.png",
        "trainer_stats_mistral.json",
    ]
    assert {path.parent for path in (table, picture, facts)} == {finished.train}
    log = [row for row in read_json_lines(finished.train / "metrics.jsonl") if "loss" in row]
    with open(table, newline="", encoding="utf-8") as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ["Step", "Loss"]
    assert [(int(step), float(loss)) for step, loss in rows[1:]] == [
        (row["step"], row["loss"]) for row in log
    ]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    stats, own = read_json(facts), read_json(finished.train / "trainer_stats.json")
    assert list(stats) == [
        "train_runtime",
        "train_samples_per_second",
        "train_steps_per_second",
        "total_flos",
        "train_loss",
        "steps",
        "epoch",
    ]
    assert stats["train_loss"] == pytest.approx(sum(row["loss"] for row in log) / len(log))
    assert stats["epoch"] == pytest.approx(log[-1]["epoch"])
    rows = read_json(finished.data / "audit.json")["splits"]["train"]["rows"]
    assert stats["train_samples_per_second"] == pytest.approx(
        stats["epoch"] * rows / own["seconds"]
    )
    assert math.isclose(
        stats["train_steps_per_second"], own["steps"] / own["seconds"], rel_tol=1e-6
    )


def test_loss_files_are_named_after_the_base(finished):
    assert write_loss_files(finished)[0].name == "tiny_loss.csv"
