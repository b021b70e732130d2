"""Every repair of a text: what it changes, and what looks alike and must stay."""

import pytest

from medtune.data.cleaning.repairs import brand_rule, text_rules
from medtune.recipe.schema import Clean

RULES = dict(text_rules(Clean()))
SIMPLE = sorted(set(RULES) - {"brands"})
HEAD = "Signs and Symptoms Approximate number of patients (when available) "


def clean(text):
    for rule in RULES.values():
        text = rule(text)
    return text


CHANGES = {
    "encoding": [
        ("na\u00c3\u00afve", "naïve"),
        ("the patient\u00e2\u20ac\u2122s heart", "the patient’s heart"),
        ("5 \u00c2\u00b5g", "5 µg"),
        ("Sj\u00c3\u00b6gren\u00e2\u20ac\u2122s", "Sjögren’s"),
        ("a\x00b\x07c", "abc"),
        ("\ufeffFever", "Fever"),
        ("e\u0301tude", "étude"),
    ],
    "line_endings": [
        ("a\r\nb\rc", "a\nb\nc"),
        ("a_x000D_\nb_x000D_c", "a\nb\nc"),
        ("a\u2028b\u2029c\x85d\x0be\x0cf", "a\nb\nc\nd\ne\nf"),
    ],
    "literal_newlines": [
        ("First.\\nSecond.", "First.\nSecond."),
        ("First.\\n\\nSecond.\\n- third", "First.\n\nSecond.\n- third"),
        ("First.\\r\\nSecond.", "First.\nSecond."),
    ],
    "markup": [
        ("<p>One</p><p>Two</p>", "\nOne\n\nTwo\n"),
        ("a<br>b<br/>c<BR />d", "a\nb\nc\nd"),
        ("<ul><li>x</li><li>y</li></ul>", "\n\n- x\n\n- y\n\n"),
        ("<i>E. coli</i> and H<sub>2</sub>O", "E. coli and H2O"),
        ('see <a href="http://x.y/z?q=1">this</a> page', "see this page"),
        ("a<!-- note -->b", "a b"),
        ('fever<ref name="x">Smith 2001</ref>.', "fever ."),
        ("__NOTOC__Pain", " Pain"),
        ("Q &amp; A &lt;5 mg &deg;C &#39;x&#39;", "Q & A <5 mg °C 'x'"),
        ("[[Diabetes]] or [[diabetes mellitus|sugar disease]]", "Diabetes or sugar disease"),
        ("see [http://example.org the page]", "see the page"),
        ("pain{{citation needed}} stays", "pain stays"),
        ("text == Causes == more", "text \nCauses\n more"),
        ("'''Gout''' is ''not'' rare", "Gout is not rare"),
    ],
    "leftovers": [
        (
            "Anemia is common. (Watch the video to learn more.) Rest helps.",
            "Anemia is common.  Rest helps.",
        ),
        (
            "To enlarge the video, click the brackets in the lower right-hand corner. Rest helps.",
            " Rest helps.",
        ),
        ("Rest helps. Click here for a list of doctors.", "Rest helps."),
        ("Rest helps. For more, click on the link below. Then sleep.", "Rest helps. Then sleep."),
        ("See <link> and [image] here", "See  and  here"),
    ],
    "tables": [
        (
            f"Here. {HEAD}Anemia 90% Short stature 7.5% Ataxia 5/10 Autosomal recessive "
            "inheritance - The end.",
            "Here.\nSigns and symptoms (share of patients):\n- Anemia: 90%\n- Short stature: "
            "7.5%\n- Ataxia: 5/10\n"
            "- Autosomal recessive inheritance\nThe end.",
        ),
    ],
    "comma_breaks": [
        ("PREOP: , Pain.,PROCEDURE: , Cut.", "PREOP: Pain.\nPROCEDURE: Cut."),
        (
            "SUBJECTIVE:,  This is a girl.,MEDICATIONS:,  None.",
            "SUBJECTIVE: This is a girl.\nMEDICATIONS: None.",
        ),
        ("PLAN:,1. Rest.,2. Water.", "PLAN: 1. Rest.\n2. Water."),
    ],
    "blanks": [
        ("  a  b\t\tc  ", "a b c"),
        ("One.    Two.", "One.\nTwo."),
        ("Signs:  - fever  - cough", "Signs:\n- fever\n- cough"),
        ("a \n\n\n\n b", "a\n\nb"),
        ("a\xa0b\u3000c", "a b c"),
        ("What is gout ?", "What is gout?"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "before", "after"), [(r, b, a) for r, cases in CHANGES.items() for b, a in cases]
)
def test_a_rule_repairs(rule, before, after):
    assert RULES[rule](before) == after
    assert RULES[rule](after) == after


def test_every_rule_has_its_table():
    assert set(CHANGES) == set(SIMPLE)


BRANDS = [
    ("Hi, Chat Doctor here.", "Hi, here."),
    ("painChat Doctor. Hope this helps", "pain.  Hope this helps"),
    ("inChatDoctorfection", "infection"),
    ("Welcome to Chat Doctor.", "Welcome to."),
]


@pytest.mark.parametrize(("before", "after"), BRANDS)
def test_brands_are_taken_out_also_inside_words(before, after):
    assert " ".join(RULES["brands"](before).split()) == " ".join(after.split())


def test_brands_of_the_recipe_replace_the_usual_ones():
    rule = brand_rule(["Acme", "Acme Health"])
    assert rule("Ask Acme Health or Acme.") == "Ask or."
    assert rule("Ask Chat Doctor.") == "Ask Chat Doctor."


STAYS = [
    "P < 0.05 and b > 3",
    "if a<3 and c>4",
    "e.g., U.S., Canada",
    "5'' wide and 3' long",
    "C:\\new\\table",
    "\\nabla and \\nu in a formula",
    ".5 mg",
    "naïve µg",
    "jaw clicks on opening",
    "clicking of the jaw",
    "a video of the larynx was made",
    "<14 days",
    "HbA1c >7% & <9%",
    "<patient> said so",
    "mail <john@example.org>",
    "R&D; AT&T",
    "[1] and [see below]",
    "x = y, x == 3",
    "snake_case and __init__",
    "Curly “quotes”, ﬁne ligatures, ½ cup, H₂O, 10⁻³, 5 Ω",
    "Ｗｉｄｅ letters",
    "中文，日本語、한국어",
    "Ünïcödé — all right…",
    "- one\n- two\n\n1. three\n2. four",
    "WBC 12.3\nRBC 4.5\n5 - 10 mg",
    "aspirin, warfarin, Eliquis, and B,C",
    "ratio 1:2, time 10:30",
    "the doctor, a chat, a Doctor",
    "Signs and Symptoms of gout",
    "1/2 tablet, 50% of patients",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_damage_stays(text):
    assert clean(text) == text


KEPT = [
    (
        "Chat Doctor says a dose of .5 mg is enough",
        " .5 mg",
        "brand removal glues ' .5 mg' to the word before",
    ),
    (
        "ChatDoctor waits ... and then",
        "...",
        "brand removal shortens an ellipsis anywhere in the text",
    ),
    (
        "There is clicking below the kneecap.",
        "kneecap",
        "'clicking below' is taken for a pointer at a web page",
    ),
    (
        "The knee began clicking on the following day.",
        "knee",
        "'clicking on the following' is taken for a pointer",
    ),
    (
        "holds if T<B and C>D",
        "B and C",
        "'<B and C>' is taken for a tag; a tag's attributes have the form name=value",
    ),
    ("true if a == b and c == d here", "== b", "comparisons are taken for wiki headings"),
    (
        "5  - 10 mg a day",
        "5 - 10 mg",
        "two blanks before a dash between numbers are taken for a list",
    ),
]


@pytest.mark.parametrize(
    ("text", "kept"),
    [(text, kept) for text, kept, _ in KEPT],
)
def test_content_beside_damage_stays(text, kept):
    assert kept in clean(text)


WHOLE = [
    ("a&#13;b", "a\nb", "entities bring carriage returns in after line_endings has run"),
    ("&lt;br&gt; x", "x", "escaped tags are unescaped after tags were removed, and stay"),
    ("a&amp;nbsp;b", "a b", "entities escaped twice are unescaped once"),
    (
        "naïve\x0btext",
        "naïve\ntext",
        "ftfy deletes a vertical tab in text that is not ASCII; in ASCII it is a line break",
    ),
    ("naïve\x1ctext", "naïve\ntext", "ftfy deletes a file separator in text that is not ASCII"),
    ("Items:\n  - a\n  - b", "Items:\n- a\n- b", "an indented list gets empty lines"),
    ("one\n    two", "one\ntwo", "an indented line gets an empty line before it"),
    ("x {{cite|{{doi}}}} y", "x y", "of nested templates the outer one stays"),
    ("[[File:x.jpg|thumb|200px|Gout]] y", "y", "pictures with several options stay as markup"),
]


@pytest.mark.parametrize(("before", "after"), [(before, after) for before, after, _ in WHOLE])
def test_the_rules_together(before, after):
    assert clean(before) == after


OFF = dict.fromkeys(SIMPLE, False) | {"brands": []}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_switched_off_is_not_there_and_the_others_are(rule):
    assert {name for name, _ in text_rules(Clean(**{rule: OFF[rule]}))} == set(RULES) - {rule}


def test_all_rules_switched_off_leave_none():
    assert text_rules(Clean(**OFF)) == []
