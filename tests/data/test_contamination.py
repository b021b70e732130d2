"""Overlap of training rows with what they will be judged on: planted overlaps, each found
exactly, and nothing else.
"""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preparing import items, pairs, plain, run, table

from medtune.conversation import Message
from medtune.data import workers
from medtune.data.contamination import HELD_OUT, Items, contamination
from medtune.data.rows import Row, to_batch
from medtune.errors import DataError


@pytest.fixture(autouse=True, scope="module")
def one_process():
    """Chunks here are tiny: processes of their own would only cost time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "available_cores", lambda: 1)
        yield


SHARED = [f"shared{i}" for i in range(13)]


def row(question, answer, place="t, row 1", source="mine"):
    return Row((Message("user", question), Message("assistant", answer)), source, place)


def training(rows, size=3):
    return iter([to_batch(rows[i : i + size]) for i in range(0, len(rows), size)])


def facts(sets, rows, ngram=13, size=3):
    items = Items.of(((name, r) for name, rs in sets.items() for r in rs), ngram)
    found = {n: c.model_dump() for n, c in contamination(items, training(rows, size)).items()}
    return {
        n: (f["items"], f["overlapping"], f["mostly"], f["training_rows"]) for n, f in found.items()
    }, found


def filler(word, count):
    return " ".join(f"{word}{i}" for i in range(count))


@pytest.mark.parametrize(("common", "overlapping"), [(13, 1), (14, 1), (12, 0), (11, 0)])
@pytest.mark.parametrize("part", ["question", "answer"])
def test_a_run_of_thirteen_words_is_an_overlap_and_of_twelve_is_none(common, overlapping, part):
    run_ = " ".join(f"shared{i}" for i in range(common))
    text = f"{filler('x', 20)} {run_} {filler('y', 20)}"
    item = row("Which one is it?", text) if part == "answer" else row(text, "That one.")
    learnt = row(f"{filler('p', 9)} {run_.upper()}!", "Yes it is.")
    counts, found = facts({"medqa": [item]}, [row("Other?", "Other text."), learnt])
    assert counts == {"medqa": (1, overlapping, 0, overlapping)}
    assert len(found["medqa"]["examples"]) == overlapping


def test_most_of_an_item_in_training_is_said_apart():
    text = filler("w", 40)
    counts, _ = facts({"medqa": [row("Which is it?", text)]}, [row("q", text)])
    assert counts["medqa"] == (1, 1, 1, 1)
    half = " ".join(text.split()[:20])
    counts, _ = facts({"medqa": [row("Which is it?", text)]}, [row("q", half)])
    assert counts["medqa"] == (1, 1, 0, 1)


def test_runs_do_not_cross_from_question_to_answer():
    item = row(" ".join(SHARED[:7]), " ".join(SHARED[7:]))
    assert facts({"medqa": [item]}, [row(" ".join(SHARED), "Something else.")])[0]["medqa"] == (
        1,
        0,
        0,
        0,
    )
    assert facts({"medqa": [row("Which?", " ".join(SHARED))]}, [item])[0]["medqa"] == (1, 0, 0, 0)


SHORT = "What causes gout?"


@pytest.mark.parametrize(
    ("learnt", "overlapping"),
    [
        ("WHAT causes: gout", 1),
        ("What causes gout?\n\nA. acid\nB. salt", 1),
        ("What causes gout in men?", 0),
        ("So what causes gout?", 0),
    ],
)
def test_a_short_question_overlaps_with_the_same_question_only(learnt, overlapping):
    item = row(f"{SHORT}\n\nA. salt\nB. acid", "B. acid")
    counts, _ = facts({"medqa": [item]}, [row(learnt, "Acid in joints.")])
    assert counts["medqa"] == (1, overlapping, overlapping, overlapping)


def test_a_short_question_as_somebodys_answer_is_no_overlap():
    assert facts({"medqa": [row(SHORT, "Acid it is.")]}, [row("Say it!", SHORT)])[0]["medqa"] == (
        1,
        0,
        0,
        0,
    )


def test_sets_are_counted_apart_and_a_shared_text_in_each():
    text = filler("w", 30)
    sets = {
        HELD_OUT: [row("a", text), row("b", "Nothing.")],
        "medqa": [row("c", text)],
        "medmcqa": [row("d", "No.")],
    }
    counts, _ = facts(sets, [row("q", text), row("r", text), row("s", "Other text.")])
    assert counts == {HELD_OUT: (2, 1, 1, 2), "medqa": (1, 1, 1, 2), "medmcqa": (1, 0, 0, 0)}


def test_every_set_with_an_overlap_lists_one():
    text = filler("w", 30)
    _, found = facts({HELD_OUT: [row("a", text)], "medqa": [row("c", text)]}, [row("q", text)])
    assert all(f["examples"] for f in found.values())


def test_nothing_trained_is_no_error():
    assert facts({"medqa": [row("q", "a")]}, [])[0] == {"medqa": (1, 0, 0, 0)}


def test_nothing_sought_is_no_error():
    assert facts({}, [row("q", "a")])[0] == {}


WORDS = st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join)
ROWS = st.lists(st.builds(row, WORDS, WORDS), max_size=6)


def naive(item, rows, ngram):
    def runs(r):
        texts = [plain(r.question).split(), plain(r.answer).split()]
        return {tuple(t[i : i + ngram]) for t in texts for i in range(len(t) - ngram + 1)}

    short = 0 < len(plain(item.question).split()) < ngram
    return [
        bool(runs(item) & runs(r)) or (short and plain(item.question) == plain(r.question))
        for r in rows
    ]


@settings(max_examples=120, deadline=None)
@given(ROWS.filter(bool), ROWS, ROWS, st.sampled_from([2, 3, 5]), st.integers(1, 4))
def test_counts_are_those_of_plain_comparison_for_any_chunks(first, second, rows, ngram, size):
    counts, _ = facts({"medqa": first, "medmcqa": second}, rows, ngram, size)
    for name, chosen in (("medqa", first), ("medmcqa", second)):
        if chosen:
            hits = [naive(item, rows, ngram) for item in chosen]
            assert counts[name][:2] == (len(chosen), sum(map(any, hits)))
            assert counts[name][3] == sum(map(any, zip(*hits, strict=True)))


def test_the_list_does_not_depend_on_the_batches():
    text = filler("w", 30)
    rows = [row(f"q {i}", text, place=f"t, row {i}") for i in range(60)]
    lists = [
        facts({"medqa": [row("c", text)]}, rows, size=size)[1]["medqa"]["examples"]
        for size in (1, 7, 60)
    ]
    assert lists[0] == lists[1] == lists[2]


def medqa(place, questions):
    columns = {c: [f"option {c} of {i}" for i in range(len(questions))] for c in "ABCDE"}
    columns |= {"question": questions, "answer_idx": ["A"] * len(questions)}
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), place / "medqa.parquet")
    return place


def test_preparation_compares_with_the_benchmarks_that_are_here_and_names_the_rest(tmp_path):
    place = medqa(
        tmp_path / "data",
        ["What is disease number 3?", f"Man of 40: {' '.join(SHARED)}?", "Another one?"],
    )
    rows = [*pairs(40), {"question": "Tell me more.", "answer": f"Well, {' '.join(SHARED)}."}]
    prepared = run(rows, data_dir=place)
    found = prepared.audit.as_json()["contamination"]
    train = prepared.splits["train"]
    learnt = [c for c in train if "number 3?" in c.question or "shared1" in c.reference]
    assert found["sets"]["medqa"]["items"] == 3
    assert (
        found["sets"]["medqa"]["overlapping"]
        == found["sets"]["medqa"]["training_rows"]
        == len(learnt)
    )
    assert found["sets"][HELD_OUT]["items"] == 41 - len(train)
    assert found["sets"][HELD_OUT]["overlapping"] == 0
    assert found["not_compared"] == ["medmcqa", "pubmedqa", "mmlu_medical"]


def test_long_runs_shared_by_training_and_held_out_rows_are_counted():
    phrase = " ".join(SHARED)
    rows = [
        {
            "question": f"Question {i}?",
            "answer": f"{filler(f'a{i}x', 30)} {phrase} {filler(f'b{i}x', 30)}.",
        }
        for i in range(40)
    ]
    prepared = run(rows)
    sizes = {name: len(split) for name, split in prepared.splits.items()}
    held_out = prepared.audit.as_json()["contamination"]["sets"][HELD_OUT]
    assert held_out["items"] == held_out["overlapping"] == sizes["validation"] + sizes["test"]
    assert held_out["training_rows"] == sizes["train"]
    assert held_out["mostly"] == 0


def test_what_is_trained_on_is_no_benchmark(tmp_path):
    place = medqa(tmp_path / "data", [f"Question number {i}?" for i in range(30)])
    found = run("medqa", data_dir=place).audit.as_json()["contamination"]
    assert set(found["sets"]) == {HELD_OUT}
    assert "medqa" in found["not_compared"]


def test_what_is_trained_on_is_no_benchmark_by_whatever_name(tmp_path):
    place = medqa(tmp_path / "data", [f"Question number {i}?" for i in range(30)])
    found = run(str(place / "medqa.parquet"), data_dir=place).audit.as_json()["contamination"]
    assert set(found["sets"]) == {HELD_OUT}


def test_it_can_be_switched_off_and_told_what_to_compare_with(tmp_path):
    place = medqa(tmp_path / "data", ["What is disease number 3?"])
    assert run(pairs(20), data_dir=place, contamination={"check": False}).audit.as_json()[
        "contamination"
    ] == {"checked": False}
    only = run(pairs(20), data_dir=place, contamination={"against": []}).audit.as_json()[
        "contamination"
    ]
    assert set(only["sets"]) == {HELD_OUT}
    assert len(items(run(pairs(20), data_dir=place))) == 20


def test_a_wrong_benchmark_is_blamed_on_its_own_field_before_the_work(tmp_path):
    with pytest.raises(
        DataError,
        match=r"^data\.contamination\.against: no such file or known source: medqq\nDid you mean "
        r"medqa",
    ):
        run(pairs(30), contamination={"against": ["medqq"]})
    bad = table(tmp_path, [{"a": "1", "b": "2"}], "benchmark.jsonl")
    with pytest.raises(
        DataError,
        match=r"^data\.contamination\.against: .*benchmark\.jsonl: cannot tell which column",
    ):
        run(pairs(30), contamination={"against": [str(bad)]})


def test_examples_are_those_of_their_own_set():
    texts = {name: filler(name, 20) for name in ("one", "two")}
    rows = [row("Why?", texts["one"], f"t, row {i}") for i in range(30)] + [
        row("Why?", texts["two"], "t, row 99")
    ]
    _, found = facts(
        {name: [row("Q?", text, f"{name}, row 1")] for name, text in texts.items()}, rows, size=7
    )
    assert len(found["one"]["examples"]) == 20
    assert found["two"]["examples"] == [{"training": "t, row 99", "item": "two, row 1"}]
