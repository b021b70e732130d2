"""Lengths of whole batches equal those of one row at a time; what a limit costs.

How lengths are spread.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.tokens.chat_templates import TEMPLATES
from medtune.tokens.encode import Encoder, encode_all
from medtune.tokens.lengths import (
    Length,
    LengthTally,
    histogram,
    length_summary,
    token_counter,
    truncation_counts,
)

TOKENIZERS = ("tiny", "gpt2", "llama", "mistral", "t5")
ODD = [
    " leading blank",
    "\n\nleading lines",
    "trailing  ",
    "CR\r\nLF\r\n",
    "\ttab",
    "e\u0301 n\u0303 combining",
    "\u0301bare mark",
    "😀👩‍⚕️ emoji 🇩🇪",
    "ﬁ ligature ½ ²",
    "µg/mL",
    "日本語の文",
    "\u200bzero width\ufeff",
    "</s> typed",
    "<|im_end|> typed",
    "a" * 300,
    " ",
    ".",
    "...",
    "x\u00a0y",
    "\u2028line",
    "naïve",
    "1234567890",
    "   many     blanks   ",
]
TEXT = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40),
    st.text(alphabet=" \n\r\tab.é\u0301😀▁<>/s|[INST]", max_size=30),
)


def conversation(*turns, id="row"):
    roles = ("user", "assistant")
    return Conversation(
        id, "g", "s", tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))
    )


def one_by_one(encoder, row):
    """Length by encoding the row, or what was said against it."""
    try:
        encoded = encoder.encode(row)
        return Length(row.id, len(encoded.ids), int(encoded.supervised.sum()))
    except DataError as error:
        return str(error)


def in_batch(encoder, row):
    try:
        return encoder.lengths([row])[0]
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("family", TEMPLATES)
def test_batch_lengths_equal_those_of_encode_on_every_template_and_tokenizer(
    tokenizer_for, name, family
):
    encoder = Encoder(tokenizer_for(name, family), 10**6)

    @given(st.lists(TEXT, min_size=2, max_size=5))
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def equal(turns):
        row = conversation(*turns)
        assert in_batch(encoder, row) == one_by_one(encoder, row)

    equal()


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_batch_of_odd_rows_equals_the_rows_one_by_one_in_order(tokenizer_for, name):
    encoder = Encoder(tokenizer_for(name, "plain"), 10**6)
    rows = [
        conversation(q, f"{a}x", id=f"{i} {j}")
        for i, q in enumerate(ODD)
        for j, a in enumerate(ODD)
        if (i + j) % 4 == 0
    ]
    assert encoder.lengths(rows) == [one_by_one(encoder, row) for row in rows]
    assert encoder.lengths([]) == []


@pytest.mark.parametrize("name", TOKENIZERS)
def test_loss_on_all_counts_all_but_the_first(tokenizer_for, name):
    encoder = Encoder(tokenizer_for(name, "plain"), 10**6, loss_on="all")
    (length,) = encoder.lengths([conversation("Why?", "So.")])
    assert (
        length.supervised
        == length.tokens - 1
        == int(encoder.encode(conversation("Why?", "So.")).supervised.sum())
    )


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_a_token_that_reaches_far_into_the_prompt_takes_the_slow_path_and_agrees(
    tokenizer_for, name, monkeypatch
):
    tokenizer = tokenizer_for(name, "plain")
    wide = (
        "{% for m in messages %}"
        "{{ ('A:     ' if m['role'] == 'assistant' else 'Q:') + m['content'] }}{% endfor %}"
    )
    monkeypatch.setattr(
        tokenizer,
        "chat_template",
        wide + "{% if add_generation_prompt %}{{ 'A:     ' }}{% endif %}",
    )
    encoder = Encoder(tokenizer, 10**6)
    row = conversation("Why?", "    so")
    slow, length = [], encoder._length
    monkeypatch.setattr(encoder, "_length", lambda c: slow.append(c.conversation) or length(c))
    batched = in_batch(encoder, row)
    assert slow == [row]
    assert batched == one_by_one(encoder, row)


def test_a_tokenizer_without_offsets_is_measured_by_prefixes_exactly():
    from transformers import ByT5Tokenizer

    tokenizer = ByT5Tokenizer()
    tokenizer.chat_template = TEMPLATES["plain"]
    assert not tokenizer.is_fast
    encoder = Encoder(tokenizer, 10**6)
    row = conversation("Why µ?", "So é.", "Yes?", "No.")
    # One token a byte, one the terminator, which swallows the line's end: " So é." is 7 bytes, "
    # No." 4.
    text = "Question: Why µ?\nAnswer: So é.\nQuestion: Yes?\nAnswer: No.\n"
    assert encoder.lengths([row]) == [Length("row", len(text.encode()), 7 + 1 + 4 + 1)]
    encoded = encoder.encode(row)
    assert tokenizer.decode(encoded.ids[encoded.supervised]) == " So é.</s> No.</s>"
    assert "".join(p.text for p in encoder.view(row).pieces if p.state == "supervised").endswith(
        " No.</s>"
    )


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_row_without_an_answer_is_the_error_of_encode_naming_it(tokenizer_for, name):
    encoder = Encoder(tokenizer_for(name, "plain"), 64)
    rows = [conversation("Why?", "So.", id="good"), conversation("What is gout?", id="row-7")]
    with pytest.raises(DataError) as one:
        encoder.encode(rows[1])
    with pytest.raises(DataError) as batch:
        encoder.lengths(rows)
    assert str(batch.value) == str(one.value)
    assert batch.value.where == "row-7"


def test_a_limit_without_room_for_a_prompt_and_an_answer_is_refused(tokenizer_for):
    with pytest.raises(RecipeError, match=r"train\.max_length"):
        Encoder(tokenizer_for("tiny", "plain"), 1)


@pytest.fixture
def rows():
    return [conversation("Why? " * n, "Because. " * n, id=f"row-{n}") for n in range(1, 41)]


@pytest.mark.parametrize("overlong", ["truncate", "drop"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_tally_of_a_stream_says_what_encoding_all_rows_says(tokenizer_for, rows, overlong, chunk):
    encoder = Encoder(tokenizer_for("tiny", "plain"), 60)
    tally = LengthTally(encoder, overlong)
    for start in range(0, len(rows), chunk):
        tally.add(iter(rows[start : start + chunk]))
    encoded, facts = encode_all(encoder, rows, overlong)
    assert tally.facts() == facts == truncation_counts(tally.lengths(), 60, overlong)
    assert facts["truncated_rows" if overlong == "truncate" else "overlong_dropped"] > 5
    assert facts["lost_terminators"] == 0
    assert len(encoded) == 40 - facts["overlong_dropped"]
    assert list(tally.lengths()) == [replace(encoder.length(row), id="") for row in rows]


def test_the_policy_error_stops_at_the_first_overlong_row_with_the_words_of_encode_all(
    tokenizer_for, rows
):
    encoder = Encoder(tokenizer_for("tiny", "plain"), 60)
    tally = LengthTally(encoder, "error")
    with pytest.raises(DataError) as streamed:
        tally.add(rows)
    with pytest.raises(DataError) as encoded:
        encode_all(encoder, rows, "error")
    assert str(streamed.value) == str(encoded.value)
    assert (
        f"{encoder.length(rows[len(list(tally.lengths()))]).tokens} tokens, more than the 60"
        in str(streamed.value)
    )


def test_facts_of_known_lengths():
    lengths = [Length("a", 10, 4), Length("b", 11, 5), Length("c", 30, 6)]
    assert truncation_counts(lengths, 10, "truncate") == {
        "truncated_rows": 2,
        "truncated_tokens": 21,
        "overlong_dropped": 0,
        "lost_terminators": 0,
    }
    assert truncation_counts(lengths, 10, "drop")["overlong_dropped"] == 2
    assert truncation_counts(lengths, 30, "error")["truncated_rows"] == 0
    facts = length_summary(lengths, 10)
    assert (facts.rows, facts.median, facts.max, facts.tokens) == (3, 11.0, 30, 51)
    assert facts.supervised_share == pytest.approx(15 / 51)
    assert facts.histogram.over_limit == 2
    assert length_summary([]).histogram.counts == [0]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=200), st.integers(2, 10**6))
@settings(max_examples=300, deadline=None)
def test_every_row_stands_in_exactly_one_bin_and_the_limit_parts_them(totals, limit):
    totals = np.array(totals)
    bins = histogram(totals, limit)
    edges, counts = bins.edges, bins.counts
    assert len(counts) == len(edges) - 1 <= 24
    assert edges == sorted(set(edges))
    expected = [int(((totals > low) & (totals <= high)).sum()) for low, high in pairwise(edges)]
    assert counts == expected
    assert sum(counts) == len(totals)
    above = sum(count for edge, count in zip(edges, counts, strict=False) if edge >= limit)
    assert above == bins.over_limit == int((totals > limit).sum())


def test_bins_are_fine_where_the_rows_are_and_leave_the_tail_to_the_last():
    generator = np.random.default_rng(0)
    totals = np.concatenate([generator.lognormal(5, 0.6, 5000).astype(int) + 1, [9680]])
    bins = histogram(totals, 1024)
    assert len(bins.counts) >= 12
    assert max(bins.counts) < 0.25 * len(totals)
    assert 1024 in bins.edges
    assert bins.edges[-1] == 9680
    narrow = histogram(generator.integers(200, 260, 1000), None)
    assert len(narrow.counts) >= 3


def test_a_service_counts_a_long_text_as_if_it_were_counted_at_once():
    encoding = pytest.importorskip("bpe_openai").get_encoding("o200k_base")
    text = "The patient takes 20 mg twice daily; it won't do (2.5 %).\n" * 1_300
    count = token_counter("o200k_base")
    assert count(text) == len(encoding.encode_ordinary(text))
