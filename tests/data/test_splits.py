"""Groups, draws and splits: on arrays of keys, checked against plain counting."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.data.splits import (
    PARTS,
    SPLITS,
    Keys,
    draw,
    group_rows,
    leaked_rows,
    random_split,
    row_keys,
    split_groups,
    widest_tie,
)
from medtune.recipe.schema import Split

KINDS = ["question", "answer", "entity"]
TRAIN, VALIDATION, TEST = range(3)


def row(question, answer, *, entity=None, label=None, source="test"):
    return Row(
        (Message("user", question), Message("assistant", answer)),
        source,
        "here",
        entity=entity,
        label=label,
    )


def keys_of(rows, kinds=KINDS):
    keys = Keys.of((i, part, value) for i, r in enumerate(rows) for part, value in row_keys(r))
    return keys.by(kinds)


def groups_of(rows, kinds=KINDS):
    return group_rows(len(rows), keys_of(rows, kinds)).tolist()


def leaked(rows, places, kinds=KINDS):
    return leaked_rows(keys_of(rows, kinds), np.array(places))


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


COPIES = [str, str.upper, lambda text: f"  {text.replace(' ', ' - ')} ?!", wide]


def planted():
    """Thirty different pairs and three disguised copies of training questions.

    A naive split puts the copies in test.
    """
    rows = [
        row(f"What is disease number {i}?", f"It is the illness that has number {i}.")
        for i in range(30)
    ]
    copies = [copy(rows[i].question) for i, copy in enumerate(COPIES[1:])]
    rows += [row(text, f"Another text about it, version {i}.") for i, text in enumerate(copies)]
    return rows, [TRAIN] * 24 + [VALIDATION] * 3 + [TEST] * 6


def test_three_planted_copies_leak_exactly_three_under_a_naive_split():
    rows, naive = planted()
    assert leaked(rows, naive) == {"question": 3, "answer": 0, "entity": 0, "near": 0, "any": 3}


@pytest.mark.parametrize("seed", range(10))
def test_three_planted_copies_leak_nothing_after_the_group_split(seed):
    rows, _ = planted()
    groups = np.array(groups_of(rows))
    places = split_groups(["all"] * len(rows), groups, Split(), seed, set())
    assert leaked(rows, places)["any"] == 0
    assert places[30:].tolist() == places[:3].tolist()
    assert len(set(groups.tolist())) == 30


def test_leaks_are_counted_by_kind_and_once_a_row():
    rows = [
        row("q1", "It is a1", entity="e1"),
        row("Q1!", "It is A1.", entity="E1"),
        row("q2", "It is a1"),
        row("q3", "It is a3", entity="e1"),
    ]
    found = leaked(rows, [TRAIN, TEST, VALIDATION, TEST])
    assert found == {"question": 1, "answer": 2, "entity": 2, "near": 0, "any": 3}


def test_copies_in_one_split_or_among_the_held_out_are_no_leak():
    rows = [row("q1", "a1"), row("q1", "a2"), row("q2", "a3"), row("q2", "a4")]
    assert leaked(rows, [TRAIN, TRAIN, VALIDATION, TEST])["any"] == 0


def test_groups_are_chained_through_question_answer_and_entity():
    rows = [
        row("q1", "It is a1"),
        row("q1", "It is a2"),
        row("q2", "It is a2", entity="e"),
        row("q3", "It is a3", entity="E"),
        row("q4", "It is a4"),
    ]
    assert groups_of(rows) == [0, 0, 0, 0, 1]
    assert groups_of(rows, ["question"]) == [0, 0, 1, 2, 3]
    assert groups_of(rows, ["entity"]) == [0, 1, 2, 2, 3]
    assert groups_of(rows, []) == [0, 1, 2, 3, 4]


def test_a_short_answer_ties_nothing():
    assert groups_of(
        [row("q1", "Yes."), row("q2", "yes"), row("q3", "Take care!"), row("q4", "take care")]
    ) == [
        0,
        1,
        2,
        3,
    ]


def dialogue(*turns):
    roles = ("user", "assistant") * len(turns)
    return Row(
        tuple(Message(role, text) for role, text in zip(roles, turns, strict=False)), "test", "here"
    )


@pytest.mark.parametrize(
    ("later", "reply"),
    [
        ("Thank you!", "You are welcome, take care."),
        ("Ok, thank you so much doctor", "Sure, wish you well."),
        ("And in children?", "Half."),
        ("谢谢医生！", "不客气。"),
        ("Vielen Dank!", "Bitte."),
        ("Merci beaucoup", "De rien."),
    ],
)
def test_a_later_turn_without_content_ties_nothing(later, reply):
    rows = [
        dialogue("Is gout painful?", "It is, in the big toe.", later, reply),
        dialogue("Is acne harmful?", "It leaves scars at times.", later, reply),
    ]
    assert groups_of(rows) == [0, 1]


def test_a_later_turn_with_content_ties():
    later = ("Which dose of allopurinol is usual?", "It begins at 100 mg.")
    rows = [dialogue("q1", "a1", *later), dialogue("q2", "a2", *later)]
    assert groups_of(rows) == [0, 0]


@pytest.mark.parametrize(
    ("asked", "groups"),
    [
        ("How long have you had this pain?", [0, 1]),
        ("Hello. What brings you here today?", [0, 1]),
        ("您这样咳嗽多久了？", [0, 1]),
        ("Take 100 mg of allopurinol a day. Does it hurt?", [0, 0]),
        ("Take 100 mg of allopurinol a day.", [0, 0]),
    ],
)
def test_an_answer_that_only_asks_in_return_ties_nothing(asked, groups):
    rows = [
        dialogue("My toe hurts at night.", asked, "For two days now.", "It may well be gout."),
        dialogue("My skin is very dry.", asked, "Since last winter.", "It may be eczema then."),
    ]
    assert groups_of(rows) == groups


def test_a_last_answer_that_asks_is_an_answer():
    asked = "Have you tried allopurinol already?"
    assert groups_of([dialogue("My toe hurts.", asked), dialogue("It is gout.", asked)]) == [0, 0]


def test_signs_and_chinese_answers_tie_as_what_they_are():
    rows = [row("q1", "患者应多喝水多休息"), row("q2", "患者应多喝水多休息。"), row("q3", "谢谢你")]
    assert groups_of([*rows, row("q4", "谢谢你")]) == [0, 0, 1, 2]
    groups = [row("Is A+ rare?", "a"), row("Is A- rare?", "b")]
    assert groups_of(groups) == [0, 1]


def test_the_widest_tie_is_named_by_its_part():
    rows = [row(f"q{i}", "It is always the same answer.") for i in range(4)]
    assert widest_tie(keys_of(rows)) == ("answer", 4)
    assert widest_tie(keys_of([])) == ("", 0)


def test_an_answer_equal_to_a_question_or_entity_ties_nothing():
    assert groups_of(
        [row("gout", "acid"), row("what", "gout"), row("why", "joint", entity="acid")]
    ) == [0, 1, 2]


def test_near_duplicates_tie_whatever_the_rows_are_grouped_by():
    near = Keys.of([(0, "near", 7), (2, "near", 7)])
    keys = (
        keys_of([row("q1", "a1"), row("q2", "a2"), row("q3", "a3")], [])
        .joined(near)
        .by(["question"])
    )
    assert group_rows(3, keys).tolist() == [0, 1, 0]
    assert leaked_rows(keys, np.array([TRAIN, TEST, TEST]))["near"] == 1


def test_keys_of_some_rows_are_renumbered():
    keys = Keys.of([(0, "question", 1), (1, "question", 2), (2, "answer", 1), (3, "question", 2)])
    some = keys.only(np.array([False, True, False, True]))
    assert some.rows.tolist() == [0, 1]
    assert some.values.tolist() == [2, 2]
    assert {PARTS[p] for p in some.parts} == {"question"}


def test_a_class_name_as_answer_ties_nothing_together():
    assert groups_of([row(f"Note {i}", "Cardiology", label="Cardiology") for i in range(4)]) == [
        0,
        1,
        2,
        3,
    ]


def test_missing_entities_and_texts_of_marks_tie_nothing_together():
    assert groups_of([row("q1", "?"), row("q2", "!"), row("q3", "…", entity="")]) == [0, 1, 2]


def test_a_pair_asked_in_an_earlier_turn_is_tied_to_its_copy():
    first = (Message("user", "What is gout?"), Message("assistant", "Crystals in a joint."))
    follow_up = (
        *first,
        Message("user", "Does it come back?"),
        Message("assistant", "Often, without treatment."),
    )
    rows = [
        Row(first, "test", "here"),
        Row(follow_up, "test", "here"),
        row("What is asthma?", "Narrow airways."),
    ]
    assert groups_of(rows) == [0, 0, 1]
    assert leaked(rows, [TEST, TRAIN, TRAIN])["any"] == 1


def test_no_rows_have_no_groups_and_no_leaks():
    assert groups_of([]) == []
    assert leaked([], [])["any"] == 0
    assert split_groups([], np.zeros(0, np.int64), Split(), 0, set()).tolist() == []
    assert draw([], 3, 0).tolist() == []
    assert random_split(0, Split(), 0).tolist() == []


FACTS = st.tuples(
    st.integers(0, 12),
    st.integers(0, 12),
    st.one_of(st.none(), st.integers(0, 12)),
    st.sampled_from(range(len(COPIES))),
    st.sampled_from(["Cardiology", "Neurology", ""]),
)
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.7, 0.1, 0.2), (0.5, 0.0, 0.5), (0.34, 0.33, 0.33)])


def rows_of(facts):
    return [
        row(
            COPIES[copy](f"what is number {question}"),
            COPIES[copy](f"it is number {answer}"),
            entity=None if entity is None else COPIES[copy](f"subject {entity}"),
        )
        for question, answer, entity, copy, _ in facts
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=60), SEEDS, SHARES)
def test_no_question_answer_or_entity_lies_in_two_splits(facts, seed, shares):
    rows, labels = rows_of(facts), [fact[4] for fact in facts]
    split = Split(train=shares[0], validation=shares[1], test=shares[2])
    places = split_groups(labels, np.array(groups_of(rows)), split, seed, set())
    assert len(places) == len(rows)
    assert {SPLITS[p] for p in places} <= {
        name for name, share in zip(SPLITS, shares, strict=True) if share
    }
    where = defaultdict(set)
    for (question, answer, entity, _, _), place in zip(facts, places.tolist(), strict=True):
        where["question", question].add(place)
        where["answer", answer].add(place)
        if entity is not None:
            where["entity", entity].add(place)
    assert all(len(found) == 1 for found in where.values())
    assert leaked(rows, places)["any"] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=60), SEEDS)
def test_leaks_are_those_that_plain_counting_finds(facts, seed):
    rows, places = rows_of(facts), random_split(len(facts), Split(), seed).tolist()
    found = dict.fromkeys(["question", "answer", "entity"], 0)
    for fact, place in zip(facts, places, strict=True):
        for number, kind in enumerate(found):
            learnt = {f[number] for f, p in zip(facts, places, strict=True) if p == TRAIN} - {None}
            found[kind] += place != TRAIN and fact[number] in learnt
    counted = leaked(rows, places)
    assert {kind: counted[kind] for kind in found} == found
    assert max(found.values()) <= counted["any"] <= sum(found.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=60), SEEDS, SHARES)
def test_no_split_exceeds_its_share_by_more_than_the_largest_group(facts, seed, shares):
    groups = np.array(groups_of(rows_of(facts)))
    split = Split(train=shares[0], validation=shares[1], test=shares[2])
    sizes = np.bincount(split_groups(["all"] * len(facts), groups, split, seed, set()), minlength=3)
    for size, share in zip(sizes, shares, strict=True):
        assert size < share * len(facts) + np.bincount(groups).max() + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=40), SEEDS, st.integers(1, 40))
def test_the_same_seed_draws_and_splits_the_same(facts, seed, limit):
    labels, groups = [fact[4] for fact in facts], np.array(groups_of(rows_of(facts)))
    assert draw(labels, limit, seed).tolist() == draw(labels, limit, seed).tolist()
    once, again = (split_groups(labels, groups, Split(), seed, set()).tolist() for _ in range(2))
    assert once == again


def test_another_seed_draws_and_splits_otherwise():
    assert len({tuple(draw(["all"] * 100, 10, seed)) for seed in range(5)}) == 5
    splits = {
        tuple(split_groups(["all"] * 100, np.arange(100), Split(), seed, set()))
        for seed in range(5)
    }
    assert len(splits) == 5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=80), SEEDS, st.data())
def test_a_draw_has_exactly_the_limit_in_order_and_keeps_shares_within_one_row(labels, seed, data):
    limit = data.draw(st.integers(1, len(labels)))
    drawn = draw(labels, limit, seed).tolist()
    assert len(set(drawn)) == len(drawn) == limit
    assert drawn == sorted(drawn)
    before, after = Counter(labels), Counter(labels[i] for i in drawn)
    for label, count in before.items():
        assert abs(after[label] - limit * count / len(labels)) < 1


def test_a_draw_gives_the_last_rows_to_the_largest_remainders():
    labels = ["AAAAABBBCC"[i % 10] for i in range(100)]
    assert Counter(labels[i] for i in draw(labels, 7, 0)) == {"A": 4, "B": 2, "C": 1}


@pytest.mark.parametrize("seed", range(4))
def test_ties_of_a_draw_do_not_hang_on_the_order_of_the_rows(seed):
    one, other = ["A", "B"] * 5, ["B", "A"] * 5
    drawn = [Counter(labels[i] for i in draw(labels, 5, seed)) for labels in (one, other)]
    assert drawn[0] == drawn[1]


def test_a_draw_is_not_the_first_rows():
    assert 350 < draw(["all"] * 1000, 100, 0).mean() < 650


@pytest.mark.parametrize("limit", [None, 5, 6])
def test_a_limit_not_below_the_rows_keeps_all(limit):
    assert draw(["all"] * 5, limit, 0).tolist() == [0, 1, 2, 3, 4]


def test_every_label_keeps_the_shares_of_the_split():
    labels = ["AB"[i % 10 == 0] for i in range(1000)]
    places = split_groups(labels, np.arange(1000), Split(), 7, set())
    assert Counter(zip(labels, places.tolist(), strict=True)) == {
        ("A", TRAIN): 720,
        ("A", VALIDATION): 90,
        ("A", TEST): 90,
        ("B", TRAIN): 80,
        ("B", VALIDATION): 10,
        ("B", TEST): 10,
    }


def test_many_labels_of_one_row_each_still_fill_every_split():
    places = split_groups([f"label {i}" for i in range(50)], np.arange(50), Split(), 0, set())
    assert Counter(places.tolist()) == {TRAIN: 40, VALIDATION: 5, TEST: 5}


def test_three_rows_lie_one_in_each_split():
    split = Split(train=0.5, validation=0.25, test=0.25)
    assert sorted(split_groups(["all"] * 3, np.arange(3), split, 0, set())) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_forced_groups_lie_in_test_whatever_the_seed(seed):
    places = split_groups(["all"] * 20, np.arange(20), Split(), seed, {3, 11, 12, 13})
    assert set(places[[3, 11, 12, 13]].tolist()) == {TEST}
    assert {TRAIN, VALIDATION} <= set(places.tolist())


def test_the_random_split_has_the_shares_and_no_order():
    places = random_split(1000, Split(), 0).tolist()
    assert Counter(places) == {TRAIN: 800, VALIDATION: 100, TEST: 100}
    assert places != sorted(places)
    assert places == random_split(1000, Split(), 0).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_random_split_of_paired_questions_leaks_as_many_as_chance_says(seed):
    """Each question has five rows.

    A held-out row leaks unless its four siblings are held out too (0.2^4).
    """
    rows = [row(f"what is number {i // 5}", f"answer {i}") for i in range(500)]
    found = leaked(rows, random_split(500, Split(), seed))
    assert found["any"] == found["question"] >= 90
