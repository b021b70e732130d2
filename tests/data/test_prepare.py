"""Sources into splits: every row accounted for, nothing leaked, the same each time."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest
from preparing import items, pairs, run, shared_with_training, table

from medtune.data.prepare import prepare
from medtune.errors import DataError
from medtune.recipe.schema import TOPICS, Data

SUBJECTS = re.compile(
    "paracetamol poisoning|congenital adrenal hyperplasia|anthrax|cachexia|botulism", re.I
)


def test_every_row_is_accounted_for():
    rows = [
        *pairs(40),
        {"question": "", "answer": "No question."},
        {"question": "No answer?", "answer": "  "},
        {"question": "No answer either?", "answer": None},
        {"question": "Short answer?", "answer": "Short."},
        *pairs(3),
        {"question": "Whom to call?", "answer": "Call 555-123-4567 for help."},
    ]
    prepared = run(rows, limit=30, identifiers="drop")
    audit = prepared.audit.as_json()
    assert audit["dropped"] == {
        "empty_question": 1,
        "empty_answer": 2,
        "too_short": 1,
        "identifiers": 1,
        "repeated": 3,
        "contradictory": 0,
        "near_duplicate": 0,
        "demonstration_subject": 0,
    }
    assert audit["rows"] == {"read": 48, "usable": 40, "drawn": 30, "not_drawn": 10}
    assert {name: facts["rows"] for name, facts in audit["splits"].items()} == {
        "train": 24,
        "validation": 3,
        "test": 3,
    }
    assert len(items(prepared)) == 30
    assert audit["leaked"] == 0


def test_planted_copies_never_leak():
    copies = [
        {"question": "WHAT IS DISEASE NUMBER 0?", "answer": "First copy."},
        {"question": "What is - disease - number 1 ?!", "answer": "Second copy."},
        {"question": "Ｗhat is disease number ２?", "answer": "Third copy."},
    ]
    for seed in range(5):
        prepared = run([*pairs(30), *copies], seed=seed)
        assert prepared.audit.as_json()["leaked"] == 0
        assert shared_with_training(prepared.splits) == 0
        assert len({c.group for c in items(prepared)}) == 30
        groups = prepared.audit.as_json()["groups"]
        assert (groups["count"], groups["largest"], groups["entities"]) == (30, 2, False)
        assert prepared.audit.as_json()["duplicates"]["same_question"] == 3
        assert prepared.audit.as_json()["duplicates"]["questions_with_several_answers"] == 3


def test_ids_stay_unique_where_masking_makes_rows_equal():
    rows = [
        *pairs(20),
        *({"question": "Whom to call?", "answer": f"Call 555-123-456{i}."} for i in range(3)),
    ]
    prepared = run(rows, identifiers="mask")
    found = items(prepared)
    assert not any("555" in c.reference for c in found)
    assert len({c.id for c in found}) == len(found)
    assert prepared.audit.as_json()["identifiers"]["rows"] == 3
    assert len(found) + sum(prepared.audit.as_json()["dropped"].values()) == 23


def conversations(count, *texts, start=0):
    roles = ("user", "assistant") * 4
    return [
        {
            "messages": [
                {"role": r, "content": t.format(i)} for r, t in zip(roles, texts, strict=False)
            ]
        }
        for i in range(start, start + count)
    ]


def test_ids_stay_unique_where_the_system_prompt_makes_rows_equal(tmp_path):
    turns = [
        {"role": "user", "content": "What is gout?"},
        {"role": "assistant", "content": "Crystals in joints."},
    ]
    rows = [{"messages": turns}, {"messages": [{"role": "system", "content": "Be brief."}, *turns]}]
    rows += conversations(20, "question {}", "answer {}")
    found = items(run(table(tmp_path, rows), system_prompt="Be brief."))
    assert all(c.messages[0].content == "Be brief." for c in found)
    assert len({c.id for c in found}) == len(found)


def test_a_pair_inside_a_longer_conversation_never_leaks(tmp_path):
    rows = conversations(20, "question {}", "answer {}")
    rows += conversations(20, "question {}", "answer {}", "more on {}", "more about {}")
    prepared = run(table(tmp_path, rows))
    train = {m.content for c in prepared.splits["train"] for m in c.messages}
    held_out = [c for name in ("validation", "test") for c in prepared.splits[name]]
    assert sum(any(m.content in train for m in c.messages) for c in held_out) == 0


def test_demonstration_subjects_never_train():
    on_subject = [
        {"question": "What causes botulism in babies?", "answer": "Spores in honey."},
        {"question": "How is ANTHRAX caught?", "answer": "From spores mostly."},
        {"question": "Spores in the soil?", "answer": "Spores in honey."},
    ]
    rows = [*pairs(40), *on_subject]
    for seed in range(5):
        prepared = run(rows, TOPICS, seed=seed)
        tests = {c.question for c in prepared.splits["test"]}
        assert {row["question"] for row in on_subject} <= tests
        assert prepared.audit.as_json()["demonstrations"]["rows_kept_out_of_training"] == 3
    without = [{c.question for c in run(rows, seed=s).splits["test"]} for s in range(5)]
    assert any({row["question"] for row in on_subject} - tests for tests in without)


def test_rows_on_a_subject_are_left_out_where_their_group_is_too_large_for_test():
    rows = [{"question": f"What is {i}?", "answer": "Ask for help early."} for i in range(30)]
    rows += [
        {"question": "What causes botulism in babies?", "answer": "Ask for help early."},
        *pairs(30),
    ]
    prepared = run(rows, TOPICS)
    assert prepared.audit.as_json()["dropped"]["demonstration_subject"] == 1
    assert prepared.audit.as_json()["demonstrations"]["rows_kept_out_of_training"] == 1
    assert not any("botulism" in c.question for c in items(prepared))
    assert len(items(prepared)) == 60


@pytest.mark.parametrize("seed", range(3))
def test_curated_keeps_the_demonstration_subjects_out_of_training(seed):
    prepared = run("curated", TOPICS, seed=seed)
    splits = prepared.splits
    learnt = [c.question for name in ("train", "validation") for c in splits[name]]
    assert not [question for question in learnt if SUBJECTS.search(question)]
    assert sum(bool(SUBJECTS.search(c.question)) for c in splits["test"]) >= 10
    assert shared_with_training(splits) == 0


def test_every_specialty_of_the_notes_keeps_the_shares_of_the_split():
    prepared = run("notes", split={"train": 0.6, "validation": 0.2, "test": 0.2})
    for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        for count in prepared.audit.as_json()["splits"][name]["labels"].values():
            assert abs(count - share * 22) < 2


def test_the_same_seed_gives_the_same_conversations(tmp_path):
    path = table(tmp_path, pairs(60))
    once, again = run(path, seed=3, limit=30), run(path, seed=3, limit=30)
    assert once.audit.as_json() == again.audit.as_json()
    assert once.splits == again.splits
    assert items(once) != items(run(path, seed=4, limit=30))


def test_the_order_of_python_hashes_changes_nothing(tmp_path):
    path = table(
        tmp_path,
        [
            row | {"topic": f"topic {i % 30}", "label": f"label {i % 5}"}
            for i, row in enumerate(pairs(60))
        ],
    )
    program = (
        "import sys, pathlib; from medtune.data.prepare import prepare; from "
        "medtune.recipe.schema import Data, TOPICS\n"
        "found = prepare(Data(source=sys.argv[1], limit=40), 1, TOPICS, None, "
        "pathlib.Path(sys.argv[2]))\n"
        "print(found.audit.as_json(), found.splits)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, str(path), str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert "disease number" in outputs[0]


def test_a_system_prompt_is_put_before_conversations_without_one():
    rows = [row | {"system": "Own words." if i == 0 else ""} for i, row in enumerate(pairs(12))]
    found = items(run(rows, system_prompt="Common."))
    assert Counter(c.messages[0].content for c in found) == {"Common.": 11, "Own words.": 1}


def test_all_answers_empty_names_the_file_and_counts():
    with pytest.raises(DataError) as caught:
        run([{"question": f"q{i}", "answer": ""} for i in range(5)])
    assert "mine.jsonl: only 0 usable rows of 5" in str(caught.value)
    assert "empty answer 5" in str(caught.value)


def test_a_few_answers_of_one_word_are_left_out_and_counted():
    rows = [*pairs(40), {"question": "And now?", "answer": "Rest."}]
    assert run(rows).audit.as_json()["dropped"]["too_short"] == 1


def test_answers_that_are_short_by_habit_stay():
    rows = [
        {"question": f"Is illness {i} common?", "answer": "Yes." if i % 3 else "No."}
        for i in range(60)
    ]
    prepared = run(
        rows, split={"train": 0.8, "validation": 0.1, "test": 0.1, "group_by": ["question"]}
    )
    assert "too_short" not in prepared.audit.as_json()["dropped"]
    assert prepared.audit.as_json()["rows"]["drawn"] == 60


def test_rows_of_a_single_subject_cannot_be_split():
    with pytest.raises(DataError, match=r"nothing is left for .*1 group"):
        run(pairs(20, disease="gout"))


def test_rows_that_all_contradict_each_other_leave_an_error_not_a_crash():
    rows = [{"question": f"What is {i // 2}?", "answer": f"It is thing {i}."} for i in range(20)]
    with pytest.raises(DataError):
        run(rows, contradictions="drop")


def test_missing_values_in_a_conversation_column_are_counted_as_empty(tmp_path):
    rows = [*conversations(20, "question {}", "answer {}"), {"messages": []}, {"messages": None}]
    assert run(table(tmp_path, rows)).audit.as_json()["dropped"]["empty_question"] == 2


def test_the_texts_of_patients_are_not_told(capfd):
    run([*pairs(20), {"question": "Whom to call?", "answer": "Call Jane at 555-123-4567."}])
    told = "".join(capfd.readouterr())
    assert "mine: 21 rows" in told
    assert "555" not in told


@pytest.mark.parametrize("column", ["question", "answer", "topic", "label", "id"])
def test_half_a_surrogate_pair_anywhere_is_an_error_that_names_the_line(column):
    rows = [row | {"topic": f"t{i}", "label": "x", "id": str(i)} for i, row in enumerate(pairs(20))]
    rows[3][column] += "\ud800"
    with pytest.raises(DataError, match=r"mine\.jsonl, line 4"):
        run(rows, columns={"entity": "topic", "label": "label", "id": "id"})


def test_a_refused_identifier_names_the_row_and_not_the_text():
    with pytest.raises(DataError) as caught:
        run(
            [*pairs(20), {"question": "Whom to call?", "answer": "Call 555-123-4567 now."}],
            identifiers="refuse",
        )
    assert "row 21" in str(caught.value)
    assert "555" not in str(caught.value)


def test_two_files_of_one_name_are_counted_apart(tmp_path):
    one, two = (
        table(tmp_path, pairs(20), "a/rows.jsonl"),
        table(tmp_path, pairs(5, 50), "b/rows.jsonl"),
    )
    audit = run([str(one), str(two)]).audit.as_json()
    assert [source["rows"] for source in audit["sources"]] == [20, 5]


def test_an_audit_alone_says_which_split_a_run_would_lack(tmp_path):
    path = str(table(tmp_path, [row | {"focus": "gout"} for row in pairs(9)]))
    audit = prepare(Data(source=path), 0, [], None, tmp_path / "audit", must_split=False).audit
    (warning,) = [text for text in audit.warnings if "a run would stop here" in text]
    assert warning.startswith("nothing is left for validation and test")
    with pytest.raises(DataError, match="all 9 rows fall into 1 group"):
        prepare(Data(source=path), 0, [], None, tmp_path / "run")


def test_too_few_rows_are_called_so_and_not_blamed_on_groups(tmp_path):
    path = str(table(tmp_path, pairs(2)))
    unfilled = prepare(Data(source=path), 0, [], None, tmp_path, must_split=False).unfilled
    assert "2 rows cannot fill them" in str(unfilled)
    assert "group_by" not in str(unfilled)
