"""The rows that a recipe asks for, by value and by number, and splits that are not grouped:
every row accounted for.
"""

from collections import Counter

import pytest
from preparing import SPLITS, items, pairs, run, shared_with_training, table

from medtune.errors import DataError

CLASSES = {"columns": {"question": "text", "answer": "label", "label": "label"}}
ALONE = {
    "near_duplicates": {"policy": "off"},
    "contradictions": "group",
    "clean": {"min_answer_words": 0},
}


def notes(counts):
    return [
        {"text": f"Note {i} on a visit of class {label}.", "label": f" {label} "}
        for label, n in counts.items()
        for i in range(n)
    ]


def accounted(audit):
    rows = audit["rows"]
    return rows["read"] == rows["drawn"] + rows["not_drawn"] + sum(audit["dropped"].values())


def of_classes(tmp_path, counts, **settings):
    return run(table(tmp_path, notes(counts)), **CLASSES, **settings)


class TestWhere:
    def test_labels_are_compared_after_cleaning_and_the_rest_is_counted(self, tmp_path):
        prepared = of_classes(tmp_path, {"A": 30, "B": 20, "C": 10}, where={"label": ["A", "C"]})
        assert Counter(c.label for c in items(prepared)) == {"A": 30, "C": 10}
        assert prepared.audit.as_json()["dropped"]["outside_where"] == 20
        assert accounted(prepared.audit.as_json())

    def test_several_fields_must_all_hold(self, tmp_path):
        rows = [
            row | {"id": str(n), "topic": "gout" if n % 2 else "flu"}
            for n, row in enumerate(pairs(20))
        ]
        columns = {"question": "question", "answer": "answer", "id": "id", "entity": "topic"}
        wanted = {"entity": ["gout"], "id": ["1", "3", "5", "7", "9", "11"]}
        prepared = run(
            table(tmp_path, rows), columns=columns, where=wanted, split={"group_by": ["question"]}
        )
        assert {c.id.split("-")[1] for c in items(prepared)} == {"1", "3", "5", "7", "9", "11"}

    def test_a_value_that_no_row_has_is_an_error_that_names_it(self, tmp_path):
        with pytest.raises(DataError, match="label 'Cardiolgy'") as caught:
            of_classes(tmp_path, {"A": 9}, where={"label": ["A", "Cardiolgy"]})
        assert caught.value.where == "data.where.label"

    def test_nothing_named_keeps_everything(self, tmp_path):
        prepared = of_classes(tmp_path, {"A": 9, "B": 9})
        assert len(items(prepared)) == 18
        assert "outside_where" not in prepared.audit.as_json()["dropped"]


class TestPerLabel:
    def test_so_many_of_each_are_drawn_by_seed(self, tmp_path):
        drawn = [
            of_classes(tmp_path, {"A": 40, "B": 25}, per_label=10, seed=seed) for seed in (0, 0, 1)
        ]
        texts = [{c.question for c in items(prepared)} for prepared in drawn]
        assert Counter(c.label for c in items(drawn[0])) == {"A": 10, "B": 10}
        assert texts[0] == texts[1] != texts[2]
        assert drawn[0].audit.as_json()["dropped"]["beyond_per_label"] == 45
        assert accounted(drawn[0].audit.as_json())

    def test_a_label_of_fewer_rows_is_said(self, tmp_path):
        prepared = of_classes(tmp_path, {"A": 40, "B": 6}, per_label=20)
        assert Counter(c.label for c in items(prepared)) == {"A": 20, "B": 6}
        assert any(
            "1 label with fewer rows than the 20 asked for, the fewest 6" in note
            for note in prepared.audit.as_json()["warnings"]
        )
        assert prepared.audit.as_json()["unfilled"] == {"label B": {"asked": 20, "there": 6}}

    def test_rows_without_any_label_are_refused(self):
        with pytest.raises(DataError, match="no row has a label"):
            run(pairs(20), per_label=5)


class TestSplitByRow:
    """`group_by: []` is a published fault: one text on both sides under two labels."""

    @pytest.fixture
    def doubled(self, tmp_path):
        rows = [
            {"text": f"One note of two classes, number {i}.", "label": label}
            for i in range(40)
            for label in "AB"
        ]
        shares = {"train": 0.5, "validation": 0.25, "test": 0.25, "group_by": []}
        return run(table(tmp_path, rows), **CLASSES, **ALONE, split=shares)

    def test_rows_are_their_own_groups(self, doubled):
        assert (
            len({c.group for c in items(doubled)})
            == doubled.audit.as_json()["groups"]["count"]
            == 80
        )

    def test_the_leak_is_reported_as_large_as_it_is(self, doubled):
        known = {c.question for c in doubled.splits["train"]}
        leaked = sum(c.question in known for name in SPLITS[1:] for c in doubled.splits[name])
        assert leaked > 5
        assert (
            doubled.audit.as_json()["leaked"]
            == doubled.audit.as_json()["leaked_by"]["question"]
            == leaked
        )
        assert shared_with_training(doubled.splits) == leaked

    def test_the_same_rows_grouped_leak_nothing(self, tmp_path):
        rows = [
            {"text": f"One note of two classes, number {i}.", "label": label}
            for i in range(40)
            for label in "AB"
        ]
        assert run(table(tmp_path, rows), **CLASSES, **ALONE).audit.as_json()["leaked"] == 0

    def test_shares_of_each_class_are_exact(self, tmp_path):
        shares = {"train": 0.9090909, "validation": 0.0454546, "test": 0.0454545, "group_by": []}
        prepared = of_classes(
            tmp_path, {"A": 150, "B": 130, "C": 110}, per_label=110, split=shares, **ALONE
        )
        for name, count in zip(SPLITS, (100, 5, 5), strict=True):
            assert Counter(c.label for c in prepared.splits[name]) == {
                "A": count,
                "B": count,
                "C": count,
            }


def test_all_rows_may_train():
    prepared = run(pairs(13), split={"train": 1, "validation": 0, "test": 0})
    assert [len(prepared.splits[name]) for name in SPLITS] == [13, 0, 0]
    assert not any("test split" in note for note in prepared.audit.as_json()["warnings"])
    assert len(run(pairs(1), split={"train": 1, "validation": 0, "test": 0}).splits["train"]) == 1


def test_rows_with_a_very_long_text_are_named_by_place_and_length(tmp_path):
    rows = pairs(20)
    rows[4] = rows[4] | {"answer": "It may last for long. " * 10_000}
    audit = run(table(tmp_path, rows)).audit.as_json()
    (warning,) = [line for line in audit["warnings"] if "characters" in line]
    assert warning.startswith("1 row with a text of more than 200,000 characters")
    assert "row 5: 220,000 characters" in warning
    assert "last" not in warning
