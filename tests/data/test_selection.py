"""Which rows stay: repeats, contradictions, near-duplicates, mixtures, limits, and what no split
may be without.
"""

from collections import Counter

import numpy as np
import pytest
from preparing import SPLITS, items, pairs, run, table

from medtune.data.selection import mixture, repeats_earlier, unfilled
from medtune.errors import DataError
from medtune.recipe.schema import Data


def labelled(count, start=0, labels="AB"):
    return [
        {"text": f"Note number {i} on a visit.", "label": f"Class {labels[i % len(labels)]}"}
        for i in range(start, start + count)
    ]


CLASSES = {"columns": {"question": "text", "answer": "label", "label": "label"}}


def of_classes(tmp_path, rows, **settings):
    return run(table(tmp_path, rows), **CLASSES, **settings)


def test_repeated_marks_all_but_the_first():
    assert repeats_earlier(np.array([3, 1, 3, 3, 2, 1])).tolist() == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]
    assert repeats_earlier(np.zeros(0)).tolist() == []


SAME_ASKED = [
    {"question": "What helps against gout?", "answer": "Rest helps."},
    {"question": "WHAT helps against gout ?", "answer": "Water helps."},
    {"question": "What helps against gout?", "answer": "rest HELPS!"},
]


TWICE = [
    {"text": "A note of two classes.", "label": "Surgery"},
    {"text": "a NOTE of two classes", "label": "Cardiology"},
    {"text": "A note of two classes.", "label": "Surgery"},
]


class TestContradictions:
    """Three rows ask the same: two answers say the same in normal form, one says another thing."""

    @pytest.mark.parametrize(
        ("policy", "answers", "dropped"),
        [
            ("group", ["Rest helps.", "Water helps.", "rest HELPS!"], 0),
            ("first", ["Rest helps.", "rest HELPS!"], 1),
            ("drop", [], 3),
            ("label_sets", ["Rest helps.", "Water helps.", "rest HELPS!"], 0),
        ],
    )
    def test_questions_with_several_answers(self, policy, answers, dropped):
        prepared = run([*pairs(20), *SAME_ASKED], contradictions=policy)
        found = [c for c in items(prepared) if "gout" in c.question]
        assert sorted(c.reference for c in found) == sorted(answers)
        assert len({c.group for c in found}) == bool(answers)
        audit = prepared.audit.as_json()
        assert audit["dropped"]["contradictory"] == dropped
        assert audit["contradictions"] == {"policy": policy, "sets": 1}
        assert audit["duplicates"]["questions_with_several_answers"] == 1
        assert audit["duplicates"]["texts_with_several_labels"] == 0
        assert [[e["place"] for e in s] for s in audit["contradictions_listed"]] == [
            ["mine.jsonl, row 21", "mine.jsonl, row 22", "mine.jsonl, row 23"]
        ]

    def test_one_question_with_one_answer_in_two_spellings_is_no_contradiction(self):
        audit = run(
            [*pairs(20), SAME_ASKED[0], SAME_ASKED[2]], contradictions="drop"
        ).audit.as_json()
        assert audit["dropped"]["contradictory"] == 0

    def test_the_same_last_question_after_another_talk_is_no_contradiction(self, tmp_path):
        def talk(i, first, answer):
            texts = [
                ("user", first),
                ("assistant", f"I see, case {i}."),
                ("user", "What now?"),
                ("assistant", answer),
            ]
            return {"messages": [{"role": r, "content": t} for r, t in texts]}

        rows = [talk(i, f"It hurts in place {i}.", f"Do thing {i}.") for i in range(20)]
        audit = run(
            table(tmp_path, rows), contradictions="drop", split={"group_by": ["answer"]}
        ).audit.as_json()
        assert audit["contradictions"]["sets"] == 0

    @pytest.mark.parametrize(
        ("policy", "labels", "dropped"),
        [
            ("group", ["Cardiology", "Surgery"], 0),
            ("first", ["Surgery"], 1),
            ("drop", [], 2),
            ("label_sets", ["Cardiology; Surgery"], 1),
        ],
    )
    def test_texts_with_several_labels(self, tmp_path, policy, labels, dropped):
        prepared = of_classes(tmp_path, [*labelled(20), *TWICE], contradictions=policy)
        found = [c for c in items(prepared) if "two classes" in c.question]
        assert sorted(c.reference for c in found) == labels
        assert len({c.group for c in found}) == bool(labels)
        audit = prepared.audit.as_json()
        assert (audit["dropped"]["contradictory"], audit["dropped"]["repeated"]) == (dropped, 1)
        assert audit["duplicates"]["texts_with_several_labels"] == 1
        assert audit["duplicates"]["questions_with_several_answers"] == 0
        assert audit["labels"]["label_sets"] == (policy == "label_sets")

    def test_a_label_set_is_a_column_the_answer_and_no_column_elsewhere(self, tmp_path):
        found = items(of_classes(tmp_path, [*labelled(20), *TWICE], contradictions="label_sets"))
        both = next(c for c in found if c.labels)
        assert both.labels == ("Cardiology", "Surgery")
        assert (both.label, both.reference) == ("Cardiology", "Cardiology; Surgery")
        assert sum(c.labels is None for c in found) == 20

    def test_the_labels_that_the_audit_counts_are_those_of_the_files(self, tmp_path):
        prepared = of_classes(tmp_path, [*labelled(20), *TWICE], contradictions="label_sets")
        splits = prepared.splits
        for name in SPLITS:
            assert prepared.audit.as_json()["splits"][name]["labels"] == dict(
                Counter(c.label for c in splits[name])
            )


LONG = " ".join(f"word{i}" for i in range(40))
NEAR = [f"{LONG} last{i}." for i in range(3)]  # 36 to 38 of 39 to 40 runs in common


class TestNearDuplicates:
    def rows(self, part):
        other = {"question": "answer", "answer": "question"}[part]
        return [
            *pairs(20),
            *({part: text, other: f"Text {i} it is."} for i, text in enumerate(NEAR)),
        ]

    @pytest.mark.parametrize("part", ["question", "answer"])
    @pytest.mark.parametrize("policy", ["group", "drop", "off"])
    def test_policies(self, part, policy):
        prepared = run(self.rows(part), near_duplicates={"policy": policy})
        found = [
            c
            for c in items(prepared)
            if "word1 " in (c.question if part == "question" else c.reference)
        ]
        audit = prepared.audit.as_json()
        leaves_one = policy == "drop" and part == "answer"
        assert len(found) == (1 if leaves_one else 3)
        assert len({c.group for c in found}) == (3 if policy == "off" else 1)
        assert audit["dropped"]["near_duplicate"] == (2 if leaves_one else 0)
        assert audit["duplicates"][f"near_{part}"] == (0 if policy == "off" else 2)
        assert len(audit["near_duplicates_listed"]) == (policy != "off")

    def test_the_first_of_near_duplicate_answers_stays(self):
        prepared = run(self.rows("answer"), near_duplicates={"policy": "drop"})
        assert [c.question for c in items(prepared) if "word1 " in c.reference] == ["Text 0 it is."]

    def test_a_threshold_above_their_similarity_parts_them(self):
        found = items(run(self.rows("answer"), near_duplicates={"threshold": 1.0}))
        assert len({c.group for c in found}) == 23

    def test_texts_of_fewer_words_are_compared_exactly_only(self):
        rows = [
            *pairs(10),
            *(
                {"question": f"Does a b c d e f g h hurt {i}?", "answer": f"It hurts {i}."}
                for i in (1, 2)
            ),
        ]
        assert run(rows).audit.as_json()["duplicates"]["near_question"] == 0
        low = run(rows, near_duplicates={"min_words": 8, "threshold": 0.6}).audit.as_json()
        assert low["duplicates"]["near_question"] == 1

    def test_what_is_not_grouped_by_is_not_tied(self):
        found = items(run(self.rows("answer"), split={"group_by": ["question"]}))
        assert len({c.group for c in found}) == 23

    def test_clusters_of_questions_and_of_answers_are_not_tied_by_their_numbers(self):
        def texts(word):
            return [" ".join(f"{word}{i}" for i in range(40)) + f" last{n}." for n in range(2)]

        rows = [
            {"question": text, "answer": f"It is {word} in case {n}."}
            for word in ("flu", "gout")
            for n, text in enumerate(texts(word))
        ]
        rows += [{"question": f"Text {n} it is.", "answer": a} for n, a in enumerate(texts("rest"))]
        found = items(run([*pairs(20), *rows]))
        assert len({c.group for c in found}) == 23

    def test_exact_repeats_are_not_counted_as_near(self):
        rows = [*self.rows("answer"), {"question": "Text 9 it is.", "answer": NEAR[0]}]
        assert run(rows).audit.as_json()["duplicates"]["near_answer"] == 2


class TestMixtures:
    def sources(self, tmp_path, *sizes, **specs):
        names = [
            str(table(tmp_path, pairs(n, 1000 * i), f"s{i}.jsonl")) for i, n in enumerate(sizes)
        ]
        return [
            {"name": name} | {key: values[i] for key, values in specs.items()}
            for i, name in enumerate(names)
        ]

    def drawn(self, source, **settings):
        prepared = run(source, **settings)
        found = Counter(c.source for c in items(prepared))
        rows = prepared.audit.as_json()["rows"]
        assert rows["not_drawn"] == rows["usable"] - sum(found.values())
        return found

    def test_a_limit_draws_from_sources_in_proportion(self, tmp_path):
        assert self.drawn(self.sources(tmp_path, 90, 10), limit=50) == {"s0": 45, "s1": 5}

    def test_rows_are_counts_and_no_more_than_there_are(self, tmp_path):
        source = self.sources(tmp_path, 90, 10, 30, rows=[20, 40, None])
        assert self.drawn(source) == {"s0": 20, "s1": 10, "s2": 30}

    def test_weights_are_shares_set_by_the_scarcest(self, tmp_path):
        assert self.drawn(self.sources(tmp_path, 90, 10, weight=[3, 1])) == {"s0": 30, "s1": 10}
        assert self.drawn(self.sources(tmp_path, 90, 90, weight=[0.25, 0.75])) == {
            "s0": 30,
            "s1": 90,
        }

    def test_weights_hold_under_a_limit(self, tmp_path):
        assert self.drawn(self.sources(tmp_path, 90, 90, weight=[3, 1]), limit=40) == {
            "s0": 30,
            "s1": 10,
        }

    @pytest.mark.parametrize("limit", [15, 17])
    def test_a_limit_that_weights_do_not_divide_is_still_met(self, tmp_path, limit):
        assert (
            sum(self.drawn(self.sources(tmp_path, 90, 90, weight=[1, 1]), limit=limit).values())
            == limit
        )

    def test_a_mixture_is_of_what_is_left_after_cleaning(self):
        data = Data(source=[{"name": "a", "weight": 1}, {"name": "b", "weight": 1}])
        assert mixture(["a"] * 7 + ["b"] * 5, data, ["a", "b"]) == {"a": 5, "b": 5}
        assert mixture(["a"] * 7, data, ["a", "b"]) == {"a": 0, "b": 0}

    @pytest.mark.parametrize(
        ("limit", "drawn"),
        [(10, {"a": 3, "b": 7}), (11, {"a": 4, "b": 7}), (100, {"a": 15, "b": 30})],
    )
    def test_a_limit_shares_out_whole_rows_by_the_largest_remainder(self, limit, drawn):
        data = Data(source=[{"name": "a", "weight": 1}, {"name": "b", "weight": 2}], limit=limit)
        assert mixture(["a"] * 30 + ["b"] * 30, data, ["a", "b"]) == drawn

    def test_sources_of_too_few_rows_are_named_and_those_of_just_enough_are_not(self):
        data = Data(source=[{"name": "a", "rows": 5}, {"name": "b", "rows": 6}])
        assert unfilled(["a"] * 5 + ["b"] * 5, data, ["a", "b"]) == {"b": (6, 5)}

    @pytest.mark.parametrize("specs", [{"weight": [1, None]}, {"weight": [1, 1], "rows": [5, 5]}])
    def test_a_mixture_that_says_two_things_is_refused(self, tmp_path, specs):
        with pytest.raises(ValueError, match="weight"):
            run(self.sources(tmp_path, 9, 9, **specs))


class TestLimits:
    def test_labels_keep_their_shares(self, tmp_path):
        found = items(of_classes(tmp_path, labelled(100, labels="AAAB"), limit=40))
        assert Counter(c.label for c in found) == {"Class A": 30, "Class B": 10}

    @pytest.mark.parametrize(
        ("by", "expected"), [("source", {"big": 9, "small": 1}), ("auto", {"big": 9, "small": 1})]
    )
    def test_sources_keep_their_shares(self, tmp_path, by, expected):
        big, small = (
            table(tmp_path, pairs(90), "big.jsonl"),
            table(tmp_path, pairs(10, 500), "small.jsonl"),
        )
        found = items(run([str(big), str(small)], limit=10, stratify_by=by))
        assert Counter(c.source for c in found) == expected

    def test_a_limit_above_the_rows_keeps_all(self):
        assert run(pairs(20), limit=100).audit.as_json()["rows"] == {
            "read": 20,
            "usable": 20,
            "drawn": 20,
            "not_drawn": 0,
        }


class TestEdges:
    def test_one_class_is_said(self, tmp_path):
        audit = of_classes(tmp_path, labelled(30, labels="A")).audit.as_json()
        assert any("one class only: nothing" in w for w in audit["warnings"])
        assert audit["labels"]["as_read"]["classes"] == 1

    def test_classes_with_one_test_item_are_said(self, tmp_path):
        audit = of_classes(
            tmp_path, [*labelled(60, labels="A"), *labelled(10, 100, labels="B")]
        ).audit.as_json()
        assert audit["splits"]["test"]["labels"] == {"Class A": 6, "Class B": 1}
        assert any("1 of 2 classes has one test item" in w for w in audit["warnings"])

    def test_classes_without_a_test_item_are_said(self, tmp_path):
        audit = of_classes(
            tmp_path, [*labelled(60, labels="A"), *labelled(1, 100, labels="B")]
        ).audit.as_json()
        assert any("1 of 2 classes is trained and not tested" in w for w in audit["warnings"])

    def test_questions_with_options_are_not_one_class(self, tmp_path):
        rows = [
            {
                "question": f"Which is {i}?",
                "A": f"a{i}",
                "B": "b",
                "C": "c",
                "D": "d",
                "E": "",
                "answer_idx": "A",
            }
            for i in range(30)
        ]
        assert not any(
            "one class" in w
            for w in run(table(tmp_path, rows, "medqa.jsonl")).audit.as_json()["warnings"]
        )

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_too_few_rows_are_an_error_that_names_the_file(self, tmp_path, count):
        with pytest.raises(DataError, match=r"mine\.jsonl"):
            run(table(tmp_path, pairs(count)))

    def test_three_rows_fill_all_splits(self):
        assert {name: len(split) for name, split in run(pairs(3)).splits.items()} == dict.fromkeys(
            SPLITS, 1
        )

    def test_no_validation_where_its_share_is_zero(self):
        splits = run(pairs(20), split={"train": 0.8, "validation": 0, "test": 0.2}).splits
        assert {name: len(split) for name, split in splits.items()} == {
            "train": 16,
            "validation": 0,
            "test": 4,
        }

    def test_all_rows_in_one_group_are_an_error_that_says_what_to_do(self):
        rows = [row | {"answer": "Ask for help early."} for row in pairs(20)]
        with pytest.raises(DataError, match=r"1 group(.|\n)*group_by"):
            run(rows)
        assert len(items(run(rows, split={"group_by": ["question"]}))) == 20


class TestSubjectsOfDemonstrations:
    """A group with a row on a subject goes to test, whole, unless it is too large."""

    @pytest.mark.parametrize(("size", "left_out"), [(4, 0), (5, 1)])
    def test_half_of_what_test_may_hold_is_the_bound(self, size, left_out):
        questions = ["What is botulism?", *(f"How is illness {i} treated?" for i in range(1, size))]
        tied = [{"question": q, "answer": "Rest and water help most."} for q in questions]
        prepared = run(
            [*pairs(40 - size), *tied],
            ["What is botulism?"],
            split={"train": 0.6, "validation": 0.2, "test": 0.2},
            near_duplicates={"policy": "off"},
        )
        assert prepared.audit.as_json()["dropped"]["demonstration_subject"] == left_out
        splits = {
            name for name in SPLITS for c in prepared.splits[name] if c.reference.startswith("Rest")
        }
        assert len(splits) == 1
        assert (splits == {"test"}) or left_out
        assert len(items(prepared)) == 40 - left_out
