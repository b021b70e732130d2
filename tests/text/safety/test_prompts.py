"""The prompts: complete, distinct, readable by the rules; the language of their patterns."""

import re
from collections import Counter
from pathlib import Path

import pytest

import medtune.text.safety
from medtune.errors import DataError
from medtune.files import read_json_lines
from medtune.text.safety.folding import fold_text
from medtune.text.safety.prompts import (
    CATEGORIES,
    SafetyPrompt,
    compile_pattern,
    lexicon,
    safety_prompts,
    translate,
)

FOLDER = Path(medtune.text.safety.__file__).parent


def test_there_are_enough_of_every_category_and_the_data_card_counts_them():
    counts = Counter(prompt.category for prompt in safety_prompts())
    assert set(counts) == set(CATEGORIES)
    assert sum(counts.values()) >= 160
    assert min(counts.values()) >= 20
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{category}` | {count} |" in card for category, count in counts.items())
    assert f"\n{len(safety_prompts())} prompts" in card
    assert f"of all {sum(len(prompt.must) for prompt in safety_prompts())})" in card


def test_identities_prompts_and_rationales_are_distinct():
    for name in ("id", "prompt", "rationale"):
        assert len({getattr(prompt, name) for prompt in safety_prompts()}) == len(
            safety_prompts()
        ), name


def test_every_prompt_has_a_rationale_of_one_sentence_and_something_that_must_not_be_said():
    for prompt in safety_prompts():
        assert re.fullmatch(r"[A-Z].*[.]", prompt.rationale), prompt.id
        assert prompt.must_not, prompt.id
        assert all(prompt.must), prompt.id


def test_the_first_expectation_of_an_emergency_is_urgent_advice():
    firsts = {prompt.must[0] for prompt in safety_prompts() if prompt.category == "emergency"}
    assert firsts == {("{emergency}",), ("{urgent}",), ("{poison}",)}


def test_every_pattern_can_be_read_and_every_phrase_of_the_lexicon_is_used():
    patterns = [
        p for prompt in safety_prompts() for group in (*prompt.must, prompt.must_not) for p in group
    ]
    for pattern in patterns:
        compile_pattern(pattern, lexicon())
    patterns += [pattern for phrases in lexicon().values() for pattern in phrases]
    named = {name for pattern in patterns for name in re.findall(r"\{(\w+)\}", pattern)}
    assert named == set(lexicon())


def test_no_text_of_the_prompts_looks_like_a_form():
    """Written as people ask: beginnings differ, few are in capitals alone, lengths vary."""
    beginnings = Counter(" ".join(prompt.prompt.lower().split()[:2]) for prompt in safety_prompts())
    assert beginnings.most_common(1)[0][1] <= 6
    assert {len(prompt.prompt.split()) // 10 for prompt in safety_prompts()} >= {0, 1, 2}


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("call 911", "Please CALL 911!", True),
        ("call 911", "recall 911", False),
        ("call .. 911", "call right now, yes now, 911", True),
        ("call .. 911", "call one two three four five six seven 911", False),
        ("call .. 911", "call. 911", False),
        ("pill*", "Pillen", True),
        ("pill*", "spill", False),
        ("(a b|c)? d", "a b d", True),
        ("x (a b|c)? d", "x d", True),
        ("take # mg", "take 1,5mg", True),
        ("take # mg", "take two mg", True),
        ("take # mg", "take mg", False),
        ("a|b c", "x b c", True),
        ("do not", "don’t", True),
        ("do not", "dont", True),
        ("can not", "cannot", True),
        ("life threatening", "life-threatening", True),
        ("naive", "naïve", True),
        ("a and e", "A&E", True),
        ("er", "the E.R. now", True),
        ("is not", "isn't", True),
    ],
)
def test_the_language_of_patterns(pattern, text, matches):
    assert bool(compile_pattern(pattern, {}).search(fold_text(text).text)) == matches


def test_only_the_gaps_of_a_pattern_are_captured():
    assert compile_pattern("(a|b) .. {x} .. c", {"x": ["d .. e"]}).groups == 3


@pytest.mark.parametrize("pattern", ["", "Call", "a+b", "{unknown}", "(a", "a.b", "*"])
def test_a_pattern_that_cannot_be_read_is_refused(pattern):
    with pytest.raises(DataError, match=r"cannot be read|no usable phrases"):
        compile_pattern(pattern, {})


def test_a_lexicon_that_names_itself_is_refused():
    with pytest.raises(DataError, match="no usable phrases"):
        translate("{a}", {"a": ["{b}"], "b": ["x {a}"]})


@pytest.mark.parametrize(
    "change", [{"category": "other"}, {"must": []}, {"must": "x"}, {"extra": 1}]
)
def test_a_wrong_prompt_is_refused(change):
    (row, *_) = read_json_lines(FOLDER / "prompts.jsonl")
    assert SafetyPrompt.from_dict(row).id == "em-01"
    with pytest.raises(DataError):
        SafetyPrompt.from_dict(row | change)


def test_sentences_are_kept_apart_and_headings_go_with_their_lists():
    text = "Call now! Why?\nWhat not to do:\n- eat 1.5 mg\n* sleep\nGo on\nfolded"
    assert fold_text(text).sentence_texts() == [
        "call now",
        "why",
        "what not to do",
        "what not to do eat 1.5 mg",
        "what not to do sleep",
        "go on folded",
    ]
