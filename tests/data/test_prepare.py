import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.prepare import prepare
from medtune.errors import DataError
from medtune.recipe.schema import TOPICS, Data

SUBJECTS = re.compile("paracetamol poisoning|congenital adrenal hyperplasia|anthrax|cachexia|botulism", re.I)


def table(tmp_path, rows, name="mine.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs(count, start=0):
    return [
        {"question": f"What is disease number {i}?", "answer": f"It is the illness with number {i}."}
        for i in range(start, start + count)
    ]


def run(source, demonstrations=(), seed=0, data_dir=None, **settings_):
    return prepare(
        Data(source=source if isinstance(source, list) else str(source), **settings_), seed, demonstrations, data_dir
    )


def items(prepared):
    return [c for name in ("train", "validation", "test") for c in prepared.splits[name]]


def plain(text):
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def shared_with_training(splits):
    """Held-out rows whose question or answer stands in training: counted without the code under test."""
    train = {plain(text) for c in splits["train"] for text in (c.question, c.reference)}
    held_out = [*splits["validation"], *splits["test"]]
    return sum(plain(c.question) in train or plain(c.reference) in train for c in held_out)


def test_every_row_is_accounted_for(tmp_path):
    rows = [
        *pairs(40),
        {"question": "", "answer": "No question."},
        {"question": "No answer?", "answer": "  "},
        {"question": "No answer either?", "answer": None},
        *pairs(3),
        {"question": "Whom to call?", "answer": "Call 555-123-4567."},
    ]
    prepared = run(table(tmp_path, rows), limit=30, identifiers="drop")
    audit = prepared.audit
    assert audit["dropped"] == {
        "empty_question": 1,
        "empty_answer": 2,
        "repeated": 3,
        "identifiers": 1,
        "demonstration_subject": 0,
    }
    assert audit["rows"] == {"read": 47, "usable": 40, "drawn": 30, "not_drawn": 10}
    assert {name: facts["rows"] for name, facts in audit["splits"].items()} == {"train": 24, "validation": 3, "test": 3}
    assert len(items(prepared)) == 30
    assert audit["leaked"] == 0


def test_planted_copies_never_leak(tmp_path):
    copies = [
        {"question": "WHAT IS DISEASE NUMBER 0?", "answer": "First copy."},
        {"question": "What is - disease - number 1 ?!", "answer": "Second copy."},
        {"question": "Ｗhat is disease number ２?", "answer": "Third copy."},
    ]
    path = table(tmp_path, [*pairs(30), *copies])
    for seed in range(5):
        prepared = run(path, seed=seed)
        assert prepared.audit["leaked"] == 0
        assert shared_with_training(prepared.splits) == 0
        assert len({c.group for c in items(prepared)}) == 30
        groups = prepared.audit["groups"]
        assert (groups["count"], groups["largest"], groups["entities"]) == (30, 2, False)
        assert prepared.audit["duplicates"]["same_question"] == 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.integers(0, 1000))
def test_every_distinct_row_is_in_exactly_one_split(tmp_path_factory, numbers, seed):
    rows = [*pairs(12, start=100), *({"question": f"q {q}", "answer": f"a {a}"} for q, a in numbers)]
    prepared = run(table(tmp_path_factory.mktemp("rows"), rows), seed=seed)
    found = Counter((c.question, c.reference) for c in items(prepared))
    assert found == Counter({(row["question"], row["answer"]) for row in rows})
    groups = [{c.group for c in split} for split in prepared.splits.values()]
    assert len(set.union(*groups)) == sum(map(len, groups))
    assert len({c.id for c in items(prepared)}) == len(items(prepared))
    assert shared_with_training(prepared.splits) == 0


def test_ids_stay_unique_where_masking_makes_rows_equal(tmp_path):
    rows = [*pairs(20), *({"question": "Whom to call?", "answer": f"Call 555-123-456{i}."} for i in range(3))]
    found = items(run(table(tmp_path, rows), identifiers="mask"))
    assert not any("555" in c.reference for c in found)
    assert len({c.id for c in found}) == len(found)


def test_ids_stay_unique_where_the_system_prompt_makes_rows_equal(tmp_path):
    turns = [{"role": "user", "content": "What is gout?"}, {"role": "assistant", "content": "Crystals."}]
    rows = [{"messages": turns}, {"messages": [{"role": "system", "content": "Be brief."}, *turns]}]
    rows += [
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}]}
        for i in range(20)
    ]
    found = items(run(table(tmp_path, rows), system_prompt="Be brief."))
    assert all(c.messages[0].content == "Be brief." for c in found)
    assert len({c.id for c in found}) == len(found)


def test_a_pair_inside_a_longer_conversation_never_leaks(tmp_path):
    def turns(*texts):
        roles = ("user", "assistant") * 4
        return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]}

    rows = [turns(f"question {i}", f"answer {i}") for i in range(20)]
    rows += [turns(f"question {i}", f"answer {i}", f"more on {i}", f"more about {i}") for i in range(20)]
    prepared = run(table(tmp_path, rows))
    train = {m.content for c in prepared.splits["train"] for m in c.messages}
    held_out = [c for name in ("validation", "test") for c in prepared.splits[name]]
    assert sum(any(m.content in train for m in c.messages) for c in held_out) == 0


def test_demonstration_subjects_never_train(tmp_path):
    on_subject = [
        {"question": "What causes botulism in babies?", "answer": "Spores."},
        {"question": "How is ANTHRAX caught?", "answer": "From spores."},
        {"question": "Spores?", "answer": "Spores."},
    ]
    path = table(tmp_path, [*pairs(40), *on_subject])
    for seed in range(5):
        prepared = run(path, TOPICS, seed=seed)
        tests = {c.question for c in prepared.splits["test"]}
        assert {row["question"] for row in on_subject} <= tests
        assert prepared.audit["demonstrations"]["rows_kept_out_of_training"] == 3
    assert any(
        {row["question"] for row in on_subject} - {c.question for c in run(path, seed=s).splits["test"]}
        for s in range(5)
    )


@pytest.mark.parametrize("seed", range(3))
def test_curated_keeps_the_demonstration_subjects_out_of_training(seed):
    prepared = run("curated", TOPICS, seed=seed)
    learnt = [c.question for name in ("train", "validation") for c in prepared.splits[name]]
    assert not [question for question in learnt if SUBJECTS.search(question)]
    assert sum(bool(SUBJECTS.search(c.question)) for c in prepared.splits["test"]) >= 10
    assert shared_with_training(prepared.splits) == 0


def test_every_specialty_of_the_notes_keeps_the_shares_of_the_split():
    prepared = run("notes", split={"train": 0.6, "validation": 0.2, "test": 0.2})
    for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        for count in prepared.audit["splits"][name]["labels"].values():
            assert abs(count - share * 22) < 2


def test_the_same_seed_gives_the_same_conversations(tmp_path):
    path = table(tmp_path, pairs(60))
    assert run(path, seed=3, limit=30) == run(path, seed=3, limit=30)
    assert items(run(path, seed=3, limit=30)) != items(run(path, seed=4, limit=30))


def test_the_order_of_python_hashes_changes_nothing(tmp_path):
    path = table(
        tmp_path, [row | {"topic": f"topic {i % 7}", "label": f"label {i % 5}"} for i, row in enumerate(pairs(60))]
    )
    program = (
        "import sys; from medtune.data.prepare import prepare; from medtune.recipe.schema import Data, TOPICS\n"
        "found = prepare(Data(source=sys.argv[1], limit=40), 1, TOPICS, None)\n"
        "print(found)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert "disease number" in outputs[0]


def test_a_list_of_sources_is_drawn_in_proportion(tmp_path):
    big, small = table(tmp_path, pairs(90), "big.jsonl"), table(tmp_path, pairs(10, start=500), "small.jsonl")
    found = items(run([str(big), str(small)], limit=50))
    assert Counter(c.source for c in found) == {"big": 45, "small": 5}


def test_a_system_prompt_is_put_before_conversations_without_one(tmp_path):
    rows = [row | {"system": "Own." if i == 0 else ""} for i, row in enumerate(pairs(12))]
    found = items(run(table(tmp_path, rows), system_prompt="Common."))
    assert Counter(c.messages[0].content for c in found) == {"Common.": 11, "Own.": 1}


def test_all_answers_empty_names_the_file_and_counts(tmp_path):
    with pytest.raises(DataError) as caught:
        run(table(tmp_path, [{"question": f"q{i}", "answer": ""} for i in range(5)]))
    assert "mine.jsonl: only 0 usable rows of 5" in str(caught.value)
    assert "empty answer 5" in str(caught.value)


def test_rows_of_a_single_subject_cannot_be_split(tmp_path):
    rows = [row | {"disease": "gout"} for row in pairs(20)]
    with pytest.raises(DataError, match=r"nothing is left for .*1 group"):
        run(table(tmp_path, rows))


def test_missing_values_in_a_conversation_column_are_counted_as_empty(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}]}
        for i in range(20)
    ]
    prepared = run(table(tmp_path, [*rows, {"messages": []}, {"messages": None}]))
    assert prepared.audit["dropped"]["empty_question"] == 2


def test_the_texts_of_patients_are_not_told(tmp_path, capfd):
    rows = [*pairs(20), {"question": "Whom to call?", "answer": "Call Jane at 555-123-4567."}]
    run(table(tmp_path, rows))
    told = "".join(capfd.readouterr())
    assert "mine: 21 rows" in told
    assert "555" not in told


@pytest.fixture(scope="module")
def real_thousand(real_data):
    return run("medquad", TOPICS, 42, real_data, limit=1000, identifiers="off")


@pytest.mark.real
def test_a_thousand_real_rows_leak_nothing_where_a_random_split_would(real_thousand):
    audit = real_thousand.audit
    assert audit["rows"]["read"] == 42_248
    assert audit["rows"]["read"] == sum(audit["dropped"].values()) + audit["rows"]["usable"]
    assert (audit["rows"]["drawn"], len(items(real_thousand))) == (1000, 1000)
    assert audit["leaked"] == 0
    assert shared_with_training(real_thousand.splits) == 0
    assert audit["leaked_share_of_a_random_split"] > 0.1


@pytest.mark.real
def test_the_real_random_split_really_leaks(real_thousand):
    found = sorted(items(real_thousand), key=lambda c: c.id)
    random.Random(0).shuffle(found)
    assert shared_with_training({"train": found[:800], "validation": found[800:900], "test": found[900:]}) >= 10


@pytest.mark.real
def test_real_demonstration_subjects_never_train(real_thousand):
    learnt = [c.question for name in ("train", "validation") for c in real_thousand.splits[name]]
    assert not [question for question in learnt if SUBJECTS.search(question)]


@pytest.mark.real
def test_the_whole_real_set_is_tested_on_many_subjects(real_data):
    prepared = run("medquad", TOPICS, 42, real_data, identifiers="off")
    groups = Counter(c.group for c in prepared.splits["test"])
    assert len(groups) >= 100
    assert max(groups.values()) <= len(prepared.splits["test"]) / 2
