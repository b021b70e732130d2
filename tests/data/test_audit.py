"""The audit: figures with known answers, examples that hide identifiers, and plain values
throughout.
"""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preparing import items, pairs, run

from medtune.data.audit import Audit, counts_in_words
from medtune.data.audit_facts import label_ceiling, word_counts


def test_the_ceiling_of_labels_that_overlap():
    # Text 1: A twice and B once, so two of three; text 2: a tie, one of two; text 3: certain. 4 of
    # 6.
    found = label_ceiling(np.array([1, 1, 1, 2, 2, 3, 4]), ["A", "A", "B", "A", "C", "B", None])
    assert found.model_dump() == {
        "rows": 6,
        "texts": 3,
        "classes": 3,
        "largest": 3,
        "smallest": 1,
        "majority_share": 3 / 6,
        "texts_with_several_labels": 2,
        "rows_sharing_text_with_another_label": 5,
        "ceiling": 4 / 6,
    }


def test_without_labels_there_is_no_ceiling():
    assert label_ceiling(np.array([1, 2]), [None, None]) is None
    assert label_ceiling(np.zeros(0), []) is None
    assert run(pairs(20)).audit.as_json()["labels"] == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ABC")), min_size=1, max_size=12))
def test_no_classifier_beats_the_ceiling_and_one_reaches_it(rows):
    texts, labels = zip(*rows, strict=True)
    found = label_ceiling(np.array(texts), labels).ceiling

    def share(answers):
        return sum(answers[text] == label for text, label in rows) / len(rows)

    best = {t: max("ABC", key=lambda label, t=t: rows.count((t, label))) for t in range(5)}
    assert share(best) == pytest.approx(found)
    assert all(share(dict.fromkeys(range(5), label)) <= found + 1e-9 for label in "ABC")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], {"median": 0, "p95": 0, "max": 0}),
        ([7], {"median": 7, "p95": 7, "max": 7}),
        ([4, 1, 3, 2], {"median": 2.5, "p95": 3, "max": 4}),
        (range(101), {"median": 50, "p95": 95, "max": 100}),
    ],
)
def test_lengths(counts, expected):
    assert word_counts(np.array(counts)).model_dump() == expected


def test_counts_in_words():
    assert (
        counts_in_words({"empty_answer": 1200, "repeated": 0, "too_short": 2})
        == "empty answer 1,200, too short 2"
    )
    assert counts_in_words({"repeated": 0}) == counts_in_words({}) == "nothing"


def test_splits_are_described_by_what_is_in_their_files():
    rows = [row | {"answer": row["answer"] + " More." * (i % 4)} for i, row in enumerate(pairs(40))]
    prepared = run(rows)
    splits = prepared.splits
    for name, facts in prepared.audit.as_json()["splits"].items():
        lengths = [len(c.reference.split()) for c in splits[name]]
        assert facts["rows"] == len(splits[name])
        assert facts["groups"] == len({c.group for c in splits[name]})
        assert facts["answer_words"]["max"] == max(lengths)
        assert facts["answer_words"]["median"] == np.median(lengths)
        assert facts["question_words"]["max"] == max(len(c.question.split()) for c in splits[name])


def test_an_audit_is_plain_json():
    audit = run("notes", contradictions="label_sets", limit=100).audit.as_json()
    assert json.loads(json.dumps(audit)) == audit


OFF = dict.fromkeys(
    "encoding line_endings literal_newlines markup leftovers tables comma_breaks blanks labels "
    "boilerplate".split(),
    False,
) | {"brands": []}


@pytest.mark.parametrize("rule", sorted(OFF))
def test_a_rule_switched_off_is_listed(rule):
    cleaning = run(pairs(5), clean={rule: OFF[rule]}).audit.as_json()["cleaning"]
    assert cleaning["off"] == [rule]


DAMAGED = [
    {
        "question": f"What  is\r\ndisease {i}?",
        "answer": f"Hello, <b>case</b> {i} is\\n\\nIllness {i} of the skin. Take care.",
        "label": " x  y ",
    }
    for i in range(120)
]


def test_rules_are_counted_by_rows_and_can_all_be_switched_off():
    on = run(DAMAGED, columns={"label": "label"}).audit.as_json()["cleaning"]
    counted = {rule: entry["rows"] for rule, entry in on["rules"].items()}
    every = ("blanks", "line_endings", "markup", "literal_newlines", "labels", "boilerplate")
    assert counted == dict.fromkeys(every, 120)
    assert on["off"] == []
    assert on["boilerplate"] == {
        "mine": {"opening": {"Hello,": 120}, "closing": {"Take care.": 120}}
    }
    assert all(len(entry["examples"]) == 3 for entry in on["rules"].values())
    prepared = run(DAMAGED, clean=OFF)
    off = prepared.audit.as_json()["cleaning"]
    assert off["rules"] == {}
    assert sorted(off["off"]) == sorted(OFF)
    assert off["boilerplate"] == {}
    assert {(c.question, c.reference) for c in items(prepared)} == {
        (r["question"], r["answer"]) for r in DAMAGED
    }


def test_listings_hide_identifiers():
    rows = [
        {"question": "Whom to call?", "answer": f"Call 555-123-456{i} at once."} for i in range(3)
    ]
    audit = run([*pairs(20), *rows]).audit.as_json()
    assert len(audit["contradictions_listed"][0]) == 3
    assert "555" not in json.dumps(audit)


def test_listings_hide_identifiers_at_the_end_of_an_excerpt():
    lead = "word " * 31
    rows = [
        {"question": "Whom to write?", "answer": f"{lead}jane.roe@example.org says {i}."}
        for i in range(2)
    ]
    assert "jane" not in json.dumps(run([*pairs(20), *rows]).audit.as_json())


def test_learned_boilerplate_hides_identifiers():
    rows = [
        {"question": f"What is {i}?", "answer": f"It is {i}. Write to jane.roe@example.org"}
        for i in range(120)
    ]
    assert "roe" not in json.dumps(run(rows).audit.as_json())


def test_what_is_written_holds_every_key_and_reads_back_as_it_is():
    audit = run(pairs(20)).audit
    written = audit.as_json()
    names = [f.alias or name for name, f in Audit.model_fields.items()]
    assert list(written) == [name for name in names if name != "text_loss"]  # needs a tokenizer
    assert written["near_duplicates"] == {"policy": "group", "threshold": 0.8, "min_words": 12}
    assert Audit.model_validate(written) == audit
    assert Audit.model_validate(written).as_json() == written
    unchecked = run(pairs(20), contamination={"check": False}).audit.as_json()
    assert unchecked["contamination"] == {"checked": False}


def brand_answers(several):
    """A hundred answers, of which some hold "Unit 7 mg", which the recipe takes for a brand."""
    return [
        {
            "question": f"What of drug {i} is given?",
            "answer": f"Of drug {i} one gives {'Unit 7 mg' if i < several else 'enough'} a day.",
        }
        for i in range(100)
    ]


@pytest.mark.parametrize(
    ("several", "approve", "done"), [(3, [], True), (4, [], False), (40, ["brands"], True)]
)
def test_a_repair_of_many_figures_is_proposed_and_done_when_approved(several, approve, done):
    prepared = run(brand_answers(several), clean={"brands": ["Unit 7 mg"], "approve": approve})
    audit = prepared.audit
    texts = [c.reference for split in prepared.splits.values() for c in split]
    assert sum("7 mg" in text for text in texts) == (0 if done else several)
    assert audit.rows.read == 100
    assert [(p.rule, p.answers, p.of) for p in audit.cleaning.proposed] == (
        [] if done else [("brands", several, 100)]
    )
    assert any("data.clean.approve=[brands]" in w for w in audit.warnings) is not done
