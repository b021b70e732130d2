"""For arbitrary tables and any policies: no row is lost or doubled, no group parted, nothing
leaks, nothing depends on chance.
"""

import contextlib
import json
from collections import Counter
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from preparing import SPLITS, items, plain, run, shared_with_training

from medtune.data import prepare, workers
from medtune.data import rows as spool
from medtune.errors import DataError

LONG = "it is known that this rather long text says the same thing again and again in case"
QUESTIONS = [
    "What is {}?",
    "WHAT is: {} ?",
    "what is {}",
    "Call 555-123-4567 about {}?",
    "{} " + LONG,
    "",
]
ANSWERS = [
    "It is {}.",
    "it IS {}",
    "Hello, it is {}. Take care.",
    "{} " + LONG + " and",
    "<p>It is&nbsp;{}</p>",
    "{}",
    "",
]
NUMBERS = st.integers(0, 7)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "question": st.builds(str.format, st.sampled_from(QUESTIONS), NUMBERS),
            "answer": st.builds(str.format, st.sampled_from(ANSWERS), NUMBERS)
            | st.sampled_from(["A", "B", None]),
            "topic": st.sampled_from(["gout", " Gout ", "asthma", None]) | NUMBERS.map(str),
            "label": st.sampled_from(["A", " B ", None]),
        }
    ),
    max_size=30,
)
SETTINGS = st.fixed_dictionaries(
    {
        "contradictions": st.sampled_from(["group", "first", "drop", "label_sets"]),
        "near_duplicates": st.fixed_dictionaries(
            {
                "policy": st.sampled_from(["group", "drop", "off"]),
                "min_words": st.sampled_from([3, 12]),
            }
        ),
        "identifiers": st.sampled_from(["off", "report", "mask", "drop"]),
        "clean": st.fixed_dictionaries(
            {
                "cut_off": st.sampled_from(["keep", "trim", "drop"]),
                "min_answer_words": st.integers(0, 3),
                "blanks": st.booleans(),
                "labels": st.booleans(),
            }
        ),
        "limit": st.none() | st.integers(3, 30),
        "stratify_by": st.sampled_from(["auto", "label", "source", "none"]),
        "split": st.fixed_dictionaries(
            {"group_by": st.lists(st.sampled_from(["question", "answer", "entity"]), unique=True)}
        ),
        "system_prompt": st.sampled_from([None, "Be brief."]),
    }
)
COMMON = [
    {"question": f"Why {i} then?", "answer": f"Because of {i}.", "topic": f"own {i}", "label": None}
    for i in range(9)
]


@contextlib.contextmanager
def chunked(size, processes=1):
    """Passes over chunks of this size in so many processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "chunks", partial(spool.chunks, size=size))
        patch.setattr(workers, "available_cores", lambda: processes)
        yield


def outcome(rows, seed, chosen, size=1000, processes=1, demonstrations=()):
    """The audit and all conversations, or the error."""
    with chunked(size, processes):
        try:
            prepared = run(rows, demonstrations, seed, **chosen)
        except DataError as error:
            return str(error).split(":", 1)[-1]
    return prepared.audit.as_json(), prepared.splits


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ROWS, SETTINGS, st.integers(0, 99), st.sampled_from([(), ("What is gout?",)]))
def test_every_row_is_accounted_for_and_nothing_leaks(rows, chosen, seed, demonstrations):
    rows = [*COMMON, *rows]
    found = outcome(rows, seed, chosen, demonstrations=demonstrations)
    if isinstance(found, str):
        return
    audit, splits = found
    every = [c for name in SPLITS for c in splits[name]]
    counts = audit["rows"]
    assert (
        counts["read"]
        == len(rows)
        == len(every) + counts["not_drawn"] + sum(audit["dropped"].values())
    )
    assert counts["drawn"] == len(every)
    assert {name: audit["splits"][name]["rows"] for name in SPLITS} == {
        n: len(c) for n, c in splits.items()
    }
    assert len({c.id for c in every}) == len(every)
    assert (
        len(set.union(*({c.group for c in split} for split in splits.values())))
        == audit["groups"]["count"]
    )
    assert (
        sum(len({c.group for c in split}) for split in splits.values()) == audit["groups"]["count"]
    )
    tied = chosen["split"]["group_by"]
    assert all(audit["leaked_by"][part] == 0 for part in tied)
    assert audit["leaked"] == 0 or len(tied) < 3
    prose = {
        n: [c for c in split if c.reference != (c.label or "").strip() and not c.labels]
        for n, split in splits.items()
    }
    kinds = [kind for kind in ("question", "answer") if kind in chosen["split"]["group_by"]]
    assert shared_with_training(prose, kinds) == 0
    assert all(c.question.strip() and c.reference.strip() for c in every)
    if chosen["system_prompt"]:
        assert all(c.messages[0].role == "system" for c in every)
    if demonstrations:
        assert "what is gout" not in {
            plain(c.question) for n in ("train", "validation") for c in splits[n]
        }
    json.dumps(audit)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ROWS, SETTINGS, st.integers(0, 99), st.integers(1, 11))
def test_the_size_of_chunks_changes_nothing(rows, chosen, seed, size):
    rows = [*COMMON, *rows]
    whole, parts = outcome(rows, seed, chosen), outcome(rows, seed, chosen, size)
    if not isinstance(whole, str):
        for audit, _ in (whole, parts):
            del audit["sources"]
            for facts in audit["contamination"]["sets"].values():
                del facts["examples"]  # depend on the chunks: see test_contamination
    assert parts == whole


def test_the_number_of_processes_changes_nothing():
    rows = [
        {
            "question": q.format(i),
            "answer": a.format(i + j % 3),
            "topic": f"t{i % 11}",
            "label": None,
        }
        for i in range(20)
        for j, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=False))
    ]
    chosen = {
        "contradictions": "first",
        "identifiers": "mask",
        "limit": 60,
        "split": {"group_by": ["question"]},
    }
    one, two = outcome(rows, 0, chosen, 7, 1), outcome(rows, 0, chosen, 7, 2)
    assert not isinstance(one, str)
    for audit, _ in (one, two):
        del audit["sources"]
    assert one == two


def test_a_refusal_in_another_process_names_the_row():
    rows = [*COMMON * 3, {"question": "Whom to call?", "answer": "Call 555-123-4567 now."}]
    message = outcome(rows, 0, {"identifiers": "refuse"}, 2, 2)
    assert isinstance(message, str)
    assert "identifiers" in message
    assert "555" not in message


def test_all_rows_drawn_are_those_read_when_nothing_is_left_out():
    found = items(run(COMMON))
    assert Counter((c.question, c.reference) for c in found) == Counter(
        (r["question"], r["answer"]) for r in COMMON
    )
