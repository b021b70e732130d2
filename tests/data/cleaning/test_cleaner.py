"""Rows through the rules: what is counted, what is shown, which answers are judged out."""

import pytest

from medtune.conversation import Message
from medtune.data.cleaning import Boilerplate, Cleaner, Tally
from medtune.data.cleaning.cleaner import cut_off
from medtune.data.field_use import is_missing
from medtune.data.rows import Row
from medtune.recipe.schema import Clean


def row(question, answer, **facts):
    return Row(
        (Message("user", question), Message("assistant", answer)),
        facts.pop("source", "s"),
        "t, row 1",
        **facts,
    )


def repaired(rows, **settings):
    cleaner, tally = Cleaner(Clean(**settings)), Tally()
    return [cleaner.repair(r, tally) for r in rows], tally


DAMAGED = row(
    "What  is\r\ngout ?",
    "<p>It  is\\n\\nNa\u00c3\u00afve.</p>",
    label=" Joint  pain ",
    entity=" gout ",
)


def test_every_change_is_counted_by_rule_row_text_and_character():
    rows, tally = repaired([DAMAGED, row("Plain?", "Plain text.")])
    assert rows[0].question == "What is\ngout?"
    assert rows[0].answer == "It is\n\nNaïve."
    assert (rows[0].label, rows[0].entity) == ("Joint pain", "gout")
    counts = {
        rule: (entry.rows, entry.texts, entry.characters) for rule, entry in tally.rules.items()
    }
    assert counts == {
        "encoding": (1, 1, 1),
        "line_endings": (1, 1, 1),
        "literal_newlines": (1, 1, 2),
        "markup": (1, 1, 5),
        "blanks": (1, 2, 5),
        "labels": (1, 1, 3),
    }


def test_a_row_without_damage_is_the_same_object_and_counts_nothing():
    whole = row("What is gout?", "Crystals in a joint.", label="Joint", entity="gout")
    rows, tally = repaired([whole])
    assert rows[0] is whole
    assert tally.rules == {}


OFF = {
    "encoding": False,
    "line_endings": False,
    "literal_newlines": False,
    "markup": False,
    "brands": [],
    "leftovers": False,
    "tables": False,
    "comma_breaks": False,
    "blanks": False,
    "labels": False,
}


def test_all_rules_switched_off_change_nothing_but_the_subject():
    rows, tally = repaired([DAMAGED], **OFF)
    assert rows[0].messages == DAMAGED.messages
    assert rows[0].label == DAMAGED.label
    assert tally.rules == {}


@pytest.mark.parametrize(
    "rule", ["encoding", "line_endings", "literal_newlines", "markup", "blanks", "labels"]
)
def test_a_rule_switched_off_is_not_counted_and_the_others_are(rule):
    every = set(repaired([DAMAGED])[1].rules)
    assert set(repaired([DAMAGED], **{rule: False})[1].rules) == every - {rule}


def test_parts_add_up_to_the_whole():
    rows = [row(f"Q  {i}?", f"A\r\n{i} &amp; so on.") for i in range(9)]
    whole = repaired(rows)[1]
    sum_of_parts = Tally()
    for start in range(0, 9, 2):
        sum_of_parts.add(repaired(rows[start : start + 2])[1])
    assert sum_of_parts == whole


def test_examples_are_three_and_show_the_change_and_its_place():
    examples = (
        repaired([row(f"Q{i}?", f"Some text &amp; number {i}") for i in range(5)])[1]
        .rules["markup"]
        .examples
    )
    assert examples == [
        {
            "place": "t, row 1",
            "before": f"Some text &amp; number {i}",
            "after": f"Some text & number {i}",
        }
        for i in range(3)
    ]


SECRETS = ["555-123-4567", "jane.roe@example.org", "123-45-6789"]


@pytest.mark.parametrize("secret", SECRETS)
def test_examples_hide_identifiers(secret):
    example = repaired([row("q", f"Write to {secret} &amp; wait.")])[1].rules["markup"].examples[0]
    assert secret not in str(example)
    assert "[" in example["before"]
    assert "[" in example["after"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_examples_hide_identifiers_that_the_window_cuts(secret, side):
    for distance in range(90):
        gap = ("ab " * 30)[:distance]
        text = f"&amp; {gap} {secret} ab." if side == "right" else f"Write {secret} {gap} &amp;"
        example = repaired([row("q", text)])[1].rules["markup"].examples[0]
        shown = example["before"] + example["after"]
        assert not any(secret[i : i + 6] in shown for i in range(len(secret) - 5)), distance


class TestChoices:
    def test_what_is_a_choice(self):
        assert row("q", "Cardiology", label=" Cardiology ").is_choice
        assert row("q", "A. yes", options=("yes", "no"), answer_key="A").is_choice
        assert not row("q", "The heart hurts.", label="Cardiology").is_choice
        assert not row("q", "Cardiology").is_choice

    @pytest.mark.parametrize(
        "label", [" Surgery", "Surgery ", " Cardiovascular / Pulmonary", "Ear\xa0Nose"]
    )
    def test_a_label_stays_the_answer_after_blanks_are_repaired(self, label):
        rows, _ = repaired([row("Note.", label, label=label)])
        assert rows[0].is_choice
        assert rows[0].label == rows[0].answer == " ".join(label.split())

    @pytest.mark.parametrize(
        "label",
        [
            "ENT &amp; Allergy",
            "Me\u0301decine",
            "Sj\u00c3\u00b6gren",
            "<b>Surgery</b>",
            "A    B",
            "Gout ?",
        ],
    )
    def test_a_label_stays_the_answer_after_every_repair(self, label):
        rows, _ = repaired([row("Note.", label, label=label)])
        assert rows[0].is_choice

    def test_options_are_repaired_like_the_question_that_shows_them(self):
        told = row(
            "Which?\n\nA. 5 &lt; 6\nB. 7", "A. 5 &lt; 6", options=("5 &lt; 6", "7"), answer_key="A"
        )
        rows, _ = repaired([told])
        assert rows[0].options == ("5 < 6", "7")

    def test_labels_and_options_are_never_too_short_nor_cut_off(self):
        cleaner, tally = Cleaner(Clean(min_answer_words=5, cut_off="drop")), Tally()
        long = "A. one two three four five six seven eight nine"
        for choice in (
            row("q", "Surgery", label="Surgery"),
            row("q", long, options=(long[3:], "y")),
        ):
            assert cleaner.judge(choice, tally) is choice
        assert not tally.dropped


def judged(answer, **settings):
    tally = Tally()
    kept = Cleaner(Clean(**settings)).judge(row("Why?", answer), tally)
    return kept and kept.answer, dict(tally.dropped), dict(tally.counted)


class TestJudging:
    @pytest.mark.parametrize(
        ("answer", "least", "dropped"),
        [
            ("", 2, "empty_answer"),
            (" \n ", 0, "empty_answer"),
            ("Gout.", 2, "too_short"),
            ("Gout.", 1, None),
            ("Gout hurts.", 2, None),
            ("one two three four", 5, "too_short"),
        ],
    )
    def test_short_answers(self, answer, least, dropped):
        kept, reasons, _ = judged(answer, min_answer_words=least)
        assert reasons == ({dropped: 1} if dropped else {})
        assert (kept is None) == (dropped is not None)

    def test_an_empty_question_is_counted_before_an_empty_answer(self):
        tally = Tally()
        assert Cleaner(Clean()).judge(row(" ", ""), tally) is None
        assert tally.dropped == {"empty_question": 1}

    @pytest.mark.parametrize(
        ("answer", "cut"),
        [
            ("It hurts when one walks up a long stair and", True),
            ("It hurts when one walks up a long stair.", False),
            ("It hurts when one walks up a long stair (rarely)", False),
            ("It hurts when one walks up a “long stair.”", False),
            ("short term without any stop", False),
            ("These signs are known to most people and doctors:\n- fever\n- cough", False),
            ("It is treated with rest.\nIt hurts when one walks up a long", True),
        ],
    )
    def test_answers_that_end_in_the_middle(self, answer, cut):
        assert cut_off(answer) == cut

    CUT = "Gout hurts a lot. It is treated with rest. It comes when one"

    @pytest.mark.parametrize(
        ("policy", "kept", "dropped"),
        [
            ("keep", CUT, {}),
            ("trim", "Gout hurts a lot. It is treated with rest.", {}),
            ("drop", None, {"cut_off": 1}),
        ],
    )
    def test_cut_off_policies(self, policy, kept, dropped):
        assert judged(self.CUT, cut_off=policy) == (kept, dropped, {"cut_off": 1})

    def test_nothing_is_trimmed_where_no_sentence_is_whole(self):
        text = "it hurts when one walks up a long stair and"
        assert judged(text, cut_off="trim") == (text, {}, {"cut_off": 1})

    def test_a_trimmed_answer_is_not_shorter_than_the_least(self):
        kept, _, _ = judged(
            "No. It hurts when one walks up a long stair", cut_off="trim", min_answer_words=3
        )
        assert kept is None or len(kept.split()) >= 3


HABITS = {"a": Boilerplate({"hello": 9}, {}), "b": Boilerplate({}, {"take care": 9})}


class TestBoilerplateOfSources:
    TEXT = "Hello, gout hurts a lot. Take care."

    @pytest.mark.parametrize(
        ("source", "left"),
        [("a", "Gout hurts a lot. Take care."), ("b", "Hello, gout hurts a lot."), ("c", TEXT)],
    )
    def test_two_sources_do_not_mix(self, source, left):
        tally = Tally()
        stripped = Cleaner(Clean()).strip_boilerplate(
            row("q", self.TEXT, source=source), HABITS, tally
        )
        assert stripped.answer == left
        assert tally.rules.keys() == ({"boilerplate"} if source != "c" else set())

    def test_questions_and_labels_are_left_alone(self):
        tally = Tally()
        asked = row("Hello, what is gout then?", "Crystals in joints.", source="a")
        label = row("q", "Hello, my dear friend", source="a", label="Hello, my dear friend")
        for told in (asked, label):
            assert Cleaner(Clean()).strip_boilerplate(told, HABITS, tally) == told
        assert not tally.rules


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "None",
        "N/A",
        "NULL",
        "#N/A",
        "<NA>",
        " null ",
        "-",
        "???",
        "TBD",
        "n.a.",
        "See above",
        "\\N",
    ],
)
def test_what_programs_write_for_a_missing_value_is_no_answer(text):
    assert is_missing(text)
    row = Row((Message("user", "What is gout?"), Message("assistant", text)), "s", "here")
    tally = Tally()
    assert Cleaner(Clean()).judge(row, tally, {"s"}) is None
    assert tally.dropped == {"empty_answer": 1}


@pytest.mark.parametrize(
    "text", ["None.", "Nil", "No", "Nanosomia", "Na", "Null cells", "+", "−", "5 -"]
)
def test_short_answers_are_answers(text):
    assert not is_missing(text)
