import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.data.splits import SPLITS, draw, group_rows, leaked_rows, random_split, split_groups
from medtune.recipe.schema import Split

KINDS = ["question", "answer", "entity"]


def row(question, answer, *, entity=None, label=None, source="test"):
    return Row((Message("user", question), Message("assistant", answer)), source, "here", entity=entity, label=label)


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


COPIES = [str, str.upper, lambda text: f"  {text.replace(' ', ' - ')} ?!", wide]


def planted():
    """Thirty different pairs and three disguised copies of training questions; a naive split puts the copies in test."""
    rows = [row(f"What is disease number {i}?", f"It is the illness that has number {i}.") for i in range(30)]
    copies = [copy(rows[i].question) for i, copy in enumerate(COPIES[1:])]
    rows += [row(text, f"Another text about it, version {i}.") for i, text in enumerate(copies)]
    return rows, ["train"] * 24 + ["validation"] * 3 + ["test"] * 6


def test_three_planted_copies_leak_exactly_three_under_a_naive_split():
    rows, naive = planted()
    assert leaked_rows(rows, naive, KINDS) == {"question": 3, "answer": 0, "entity": 0, "any": 3}


@pytest.mark.parametrize("seed", range(10))
def test_three_planted_copies_leak_nothing_after_the_group_split(seed):
    rows, _ = planted()
    groups = group_rows(rows, KINDS)
    places = split_groups(rows, groups, Split(), "auto", seed, set())
    assert leaked_rows(rows, places, KINDS)["any"] == 0
    assert [places[30 + i] for i in range(3)] == places[:3]
    assert len(set(groups)) == 30


def test_leaks_are_counted_by_kind_and_once_a_row():
    rows = [row("q1", "a1", entity="e1"), row("Q1!", "A1.", entity="E1"), row("q2", "a1"), row("q3", "a3", entity="e1")]
    assert leaked_rows(rows, ["train", "test", "validation", "test"], KINDS) == {
        "question": 1,
        "answer": 2,
        "entity": 2,
        "any": 3,
    }


def test_groups_are_chained_through_question_answer_and_entity():
    rows = [row("q1", "a1"), row("q1", "a2"), row("q2", "a2", entity="e"), row("q3", "a3", entity="E"), row("q4", "a4")]
    assert group_rows(rows, KINDS) == [0, 0, 0, 0, 1]
    assert group_rows(rows, ["question"]) == [0, 0, 1, 2, 3]


def test_a_class_name_as_answer_ties_nothing_together():
    rows = [row(f"Note {i}", "Cardiology", label="Cardiology") for i in range(4)]
    assert group_rows(rows, KINDS) == [0, 1, 2, 3]


def test_missing_entities_and_texts_of_marks_tie_nothing_together():
    rows = [row("q1", "?"), row("q2", "!"), row("q3", "…", entity="")]
    assert group_rows(rows, KINDS) == [0, 1, 2]


def test_a_pair_asked_in_an_earlier_turn_is_tied_to_its_copy():
    first = (Message("user", "What is gout?"), Message("assistant", "Crystals in a joint."))
    follow_up = (*first, Message("user", "Does it come back?"), Message("assistant", "Often, without treatment."))
    rows = [Row(first, "test", "here"), Row(follow_up, "test", "here"), row("What is asthma?", "Narrow airways.")]
    assert group_rows(rows, KINDS) == [0, 0, 1]
    assert leaked_rows(rows, ["test", "train", "train"], KINDS)["any"] == 1


FACTS = st.tuples(
    st.integers(0, 12),
    st.integers(0, 12),
    st.one_of(st.none(), st.integers(0, 12)),
    st.sampled_from(range(len(COPIES))),
    st.sampled_from(["Cardiology", "Neurology", None]),
)
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.7, 0.1, 0.2), (0.5, 0.0, 0.5), (0.34, 0.33, 0.33)])


def rows_of(facts):
    return [
        row(
            COPIES[copy](f"what is number {question}"),
            COPIES[copy](f"it is number {answer}"),
            entity=None if entity is None else COPIES[copy](f"subject {entity}"),
            label=label,
        )
        for question, answer, entity, copy, label in facts
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=60), SEEDS, SHARES)
def test_no_question_answer_or_entity_lies_in_two_splits(facts, seed, shares):
    rows = rows_of(facts)
    split = Split(train=shares[0], validation=shares[1], test=shares[2])
    places = split_groups(rows, group_rows(rows, KINDS), split, "auto", seed, set())
    assert len(places) == len(rows)
    assert set(places) <= {name for name, share in zip(SPLITS, shares, strict=True) if share}
    where = defaultdict(set)
    for (question, answer, entity, _, _), place in zip(facts, places, strict=True):
        where["question", question].add(place)
        where["answer", answer].add(place)
        if entity is not None:
            where["entity", entity].add(place)
    assert all(len(found) == 1 for found in where.values())
    assert leaked_rows(rows, places, KINDS)["any"] == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=60), SEEDS, SHARES)
def test_no_split_exceeds_its_share_by_more_than_the_largest_group(facts, seed, shares):
    rows = rows_of(facts)
    groups = group_rows(rows, KINDS)
    split = Split(train=shares[0], validation=shares[1], test=shares[2])
    sizes = Counter(split_groups(rows, groups, split, "auto", seed, set()))
    largest = max(Counter(groups).values())
    for name, share in zip(SPLITS, shares, strict=True):
        assert sizes[name] < share * len(rows) + largest + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=40), SEEDS, st.integers(1, 40))
def test_the_same_seed_draws_and_splits_the_same(facts, seed, limit):
    rows = rows_of(facts)
    once, again = (draw(rows, limit, "auto", seed) for _ in range(2))
    assert once == again
    groups = group_rows(once, KINDS)
    assert split_groups(once, groups, Split(), "auto", seed, set()) == split_groups(
        again, groups, Split(), "auto", seed, set()
    )


def test_another_seed_draws_and_splits_otherwise():
    rows = [row(f"q{i}", f"a{i}") for i in range(100)]
    assert len({tuple(r.question for r in draw(rows, 10, "auto", seed)) for seed in range(5)}) == 5
    splits = {tuple(split_groups(rows, range(100), Split(), "auto", seed, set())) for seed in range(5)}
    assert len(splits) == 5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=80), SEEDS, st.data())
def test_a_draw_has_exactly_the_limit_and_keeps_shares_within_one_row(labels, seed, data):
    rows = [row(f"q{i}", f"a{i}", label=label) for i, label in enumerate(labels)]
    limit = data.draw(st.integers(1, len(rows)))
    drawn = draw(rows, limit, "auto", seed)
    assert len(drawn) == limit
    assert [r for r in rows if r in drawn] == drawn
    before, after = Counter(labels), Counter(r.label for r in drawn)
    for label, count in before.items():
        assert abs(after[label] - limit * count / len(rows)) < 1


def test_a_draw_gives_the_last_rows_to_the_largest_remainders():
    rows = [row(f"q{i}", f"a{i}", label="AAAAABBBCC"[i % 10]) for i in range(100)]
    assert Counter(r.label for r in draw(rows, 7, "auto", 0)) == {"A": 4, "B": 2, "C": 1}


def test_a_draw_is_not_the_first_rows():
    rows = [row(f"q{i}", f"a{i}") for i in range(1000)]
    positions = [int(r.question[1:]) for r in draw(rows, 100, "none", 0)]
    assert 350 < sum(positions) / 100 < 650


@pytest.mark.parametrize("limit", [None, 5, 6])
def test_a_limit_not_below_the_rows_keeps_all(limit):
    rows = [row(f"q{i}", f"a{i}") for i in range(5)]
    assert draw(rows, limit, "auto", 0) == rows


def test_a_draw_by_source_keeps_the_sources_in_proportion():
    rows = [row(f"q{i}", f"a{i}", source="big" if i < 90 else "small", label=str(i % 2)) for i in range(100)]
    assert Counter(r.source for r in draw(rows, 10, "source", 3)) == {"big": 9, "small": 1}


def test_every_label_keeps_the_shares_of_the_split():
    rows = [row(f"q{i}", f"a{i}", label="AB"[i % 10 == 0]) for i in range(1000)]
    places = split_groups(rows, range(1000), Split(), "label", 7, set())
    assert Counter(zip((r.label for r in rows), places, strict=True)) == {
        ("A", "train"): 720,
        ("A", "validation"): 90,
        ("A", "test"): 90,
        ("B", "train"): 80,
        ("B", "validation"): 10,
        ("B", "test"): 10,
    }


def test_many_labels_of_one_row_each_still_fill_every_split():
    rows = [row(f"q{i}", f"a{i}", label=f"label {i}") for i in range(50)]
    assert Counter(split_groups(rows, range(50), Split(), "auto", 0, set())) == {
        "train": 40,
        "validation": 5,
        "test": 5,
    }


@pytest.mark.parametrize("seed", range(5))
def test_forced_groups_lie_in_test_whatever_the_seed(seed):
    rows = [row(f"q{i}", f"a{i}") for i in range(20)]
    places = split_groups(rows, range(20), Split(), "auto", seed, {3, 11, 12, 13})
    assert {places[i] for i in (3, 11, 12, 13)} == {"test"}
    assert {"train", "validation"} <= set(places)


def test_the_random_split_has_the_shares_and_no_order():
    places = random_split(1000, Split(), 0)
    assert Counter(places) == {"train": 800, "validation": 100, "test": 100}
    assert places != sorted(places, key=SPLITS.index)
    assert places == random_split(1000, Split(), 0)


def test_a_random_split_of_paired_questions_leaks_most_of_its_held_out_rows():
    rows = [row(f"what is number {i // 5}", f"answer {i}") for i in range(500)]
    random.Random(0).shuffle(rows)
    leaked = leaked_rows(rows, random_split(500, Split(), 0), KINDS)
    assert leaked["any"] == leaked["question"] > 80
