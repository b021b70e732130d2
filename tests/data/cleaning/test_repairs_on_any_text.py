"""Repairs of arbitrary text: no error, the same again changes nothing, and time that grows with
the length only.
"""

import signal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medtune.data.cleaning.repairs import text_rules
from medtune.recipe.schema import Clean

RULES = dict(text_rules(Clean()))
FRAGMENTS = """
    a B pain 5 % . , : ; ? ! ( ) - < > & = '' ''' == [[ ]] | {{ }} <p> </p> <br/> <b> <li>
    &lt;5 &amp; &deg; ,A HX: é µg “
    <ref> </ref> <!-- --> _x000D_ \\n \\r\\n \\nu ChatDoctor <link> 50% 3/4 HX:, .,PLAN:
""".split()
BLANK = [" ", "  ", "    ", "\n", "\r\n", "\t", "\xa0", "\x0c", "\x00"]
PHRASES = [
    "Chat Doctor",
    " click here ",
    "(Watch the video.)",
    "Signs and Symptoms Approximate number of patients (when available) ",
    "[http://x.org the page]",
    "Ã©t",
]
TEXTS = st.lists(st.sampled_from([*FRAGMENTS, *BLANK, *PHRASES]), max_size=12).map("".join)


def clean(text):
    for rule in RULES.values():
        text = rule(text)
    return text


@pytest.mark.parametrize("rule", sorted(RULES))
@settings(max_examples=150, deadline=None)
@given(text=st.one_of(TEXTS, st.text(max_size=80)))
def test_a_rule_changes_nothing_the_second_time(rule, text):
    once = RULES[rule](text)
    assert RULES[rule](once) == once


WORDS = st.lists(
    st.sampled_from(
        ["pain", "A", "5 mg", "<b>", "</b>", "<br>", "''", "[[gout]]", ".", ",", *BLANK]
    )
)


@settings(max_examples=300, deadline=None)
@given(WORDS.map(" ".join))
@example("Signs:    fever  - cough ,PLAN:,Rest.<p>Sleep &amp; water</p>\\n\\nEnd ?")
def test_all_rules_change_nothing_the_second_time(text):
    once = clean(text)
    assert clean(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "{{a{{b}}c}}",
        "&amp;lt;br&amp;gt;",
        "&lt;b&gt;bold&lt;/b&gt;",
        "a&#13;b",
    ],
)
def test_nested_damage_is_repaired_whole(text):
    once = clean(text)
    assert clean(once) == once


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_rule_raises_on_any_text_even_with_lone_surrogates(text):
    assert isinstance(clean(text), str)


@settings(max_examples=150, deadline=None)
@given(st.text("abcXYZ019äöüéèñçøåβ中文", max_size=60))
def test_letters_and_digits_are_never_lost(text):
    assert clean(text) == text


LENGTH = 100_000
LIMIT = 0.5  # seconds of this process; linear rules need less than a tenth of it
SLOW = {
    "blanks": "_LIST = ' {2,}- +' starts anew at every blank of a run",
    "tabs": "as blanks: tabs become blanks first",
    "blanks after a brand": "' +([.,!?])' starts anew at every blank of a run",
    "blanks after a colon": "' *,' starts anew at every blank of a run",
    "blanks after a heading": "'={2,6} *([^=]{1,80}?) *={2,6}': 80 tries for every two blanks",
    "comments": "'<!--.*?-->' without an end reads to the end from every start",
    "links": "'\\[https?://\\S+ ' reads to the end from every start",
    "click": "_SENTENCE starts anew at every word of a line",
    "videos": "_SENTENCE starts anew at every word of a line",
}
ADVERSARIAL = {
    "blanks": "a" + " " * LENGTH + "b",
    "tabs": "a" + "\t" * LENGTH + "b",
    "blanks after a brand": "Chat Doctor" + " " * LENGTH + "b",
    "blanks after a colon": "HX:," + " " * LENGTH + "b",
    "blanks after a heading": "==" + " " * LENGTH + "b",
    "comments": "<!--" * (LENGTH // 4),
    "links": "[http://a" * (LENGTH // 9),
    "click": "click " * (LENGTH // 6),
    "videos": "a the video " * (LENGTH // 12),
    "click here": "click here " * (LENGTH // 11),
    "parentheses": "(click here" * (LENGTH // 11),
    "nested parentheses": "(click here" + "(a)" * (LENGTH // 3),
    "quotes": "'" * LENGTH,
    "less than": "<" * LENGTH,
    "tags": "<p" * (LENGTH // 2),
    "references": "<ref>" * (LENGTH // 5),
    "brackets": "[[" * (LENGTH // 2),
    "one link": "[[" + "a" * LENGTH,
    "braces": "{{" * (LENGTH // 2),
    "equals": "=" * LENGTH,
    "headings": "== " * (LENGTH // 3),
    "switches": "__A" * (LENGTH // 3),
    "entities": "&a" * (LENGTH // 2),
    "commas": ":," + "," * LENGTH,
    "heading commas": ":," + (",A" + "B" * 50) * (LENGTH // 52),
    "dashes": "  -" * (LENGTH // 3),
    "line breaks": "\n " * (LENGTH // 2),
    "carriage returns": "\r" * LENGTH,
    "backslashes": "\\" * LENGTH,
    "question marks": "a" + " ?" * (LENGTH // 2),
    "mojibake": "Ã©" * (LENGTH // 2),
    "table": "Signs and Symptoms Approximate number of patients (when available) "
    + "a " * (LENGTH // 2),
    "table rows": "Signs and Symptoms Approximate number of patients (when available) "
    + "ab 5% " * (LENGTH // 6),
    "brands": "Chat Doctor" * (LENGTH // 11),
    "one word": "a" * LENGTH,
    "words": "a " * (LENGTH // 2),
}


class TooSlowError(Exception):
    """The time is over."""


def stop(number, frame):
    raise TooSlowError


@pytest.mark.parametrize(
    "kind",
    list(ADVERSARIAL),
)
def test_time_grows_with_the_length_only(kind):
    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        clean(ADVERSARIAL[kind])
    except TooSlowError:
        pytest.fail(f"more than {LIMIT} s for {LENGTH} characters")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
