"""The way of the data as a picture."""

import xml.etree.ElementTree as ElementTree

import pytest

from medtune.data.audit import Audit, GroupAudit, RowCounts, SourceAudit, SplitAudit
from medtune.report.plots import flow_picture


@pytest.fixture
def audit():
    sources = ["my.csv", 'a<b> & "c".csv']
    splits = {"train": 800, "validation": 101, "test": 99}
    return Audit.model_construct(
        sources=[SourceAudit.model_construct(name=name) for name in sources],
        rows=RowCounts(read=12_345, usable=12_300, drawn=1_000, not_drawn=11_300),
        dropped={"empty_answer": 45, "empty_question": 0, "repeated": 7},
        groups=GroupAudit.model_construct(count=987),
        splits={name: SplitAudit.model_construct(rows=rows) for name, rows in splits.items()},
        leaked=0,
        leaked_share_of_a_random_split=0.2,
    )


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.text]


def test_every_count_stands_in_the_picture(audit):
    shown = texts(flow_picture(audit))
    for text in (
        "read: 12,345 rows",
        "used: 1,000 rows",
        "987 groups, never divided",
        "train: 800 rows",
        "validation: 101 rows",
        "test: 99 rows",
        "empty answer: 45",
        "repeated: 7",
        "not drawn (limit): 11,300",
        "shared between training and the rest: 0 (a random split: 20% of held-out rows)",
    ):
        assert text in shown
    assert not any("empty question" in text for text in shown)


def test_names_are_escaped(audit):
    assert 'my.csv, a<b> & "c".csv' in texts(flow_picture(audit))


def test_nothing_left_out_is_said(audit):
    rows = audit.rows.model_copy(update={"not_drawn": 0})
    audit = audit.model_copy(update={"dropped": {"repeated": 0}, "rows": rows})
    assert "nothing left out" in texts(flow_picture(audit))


def test_all_boxes_lie_inside_the_picture(audit):
    audit = audit.model_copy(update={"dropped": {f"reason_{n}": 1 for n in range(20)}})
    root = ElementTree.fromstring(flow_picture(audit))
    _, _, width, height = (float(v) for v in root.get("viewBox").split())
    for box in root.iter("rect"):
        assert float(box.get("x")) + float(box.get("width")) <= width
        assert float(box.get("y")) + float(box.get("height")) <= height
    lines = [float(span.get("dy")) for span in root.iter("tspan")]
    assert 22 + sum(lines) <= height
