"""Rows token by token, and their lengths as a picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.tokens.encode import Encoder
from medtune.tokens.lengths import histogram
from medtune.tokens.token_view import TokenView, ViewedToken, histogram_lines, plain_text, visible

TOKENIZERS = ("tiny", "gpt2", "llama", "mistral", "t5")


def row(question, answer):
    return Conversation(
        "row-7", "g", "s", (Message("user", question), Message("assistant", answer))
    )


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_view_says_what_encode_does(tokenizer_for, name):
    tokenizer = tokenizer_for(name, "plain")
    item = row("What is naïve 😀 dosing?\r\n", "e\u0301 A dose of 5 µg. " * 30)
    for limit in (60, 10_000):
        encoder = Encoder(tokenizer, limit)
        encoded, view = encoder.encode(item), encoder.view(item)
        kept = [piece for piece in view.pieces if piece.state != "cut"]
        assert [piece.id for piece in kept] == encoded.ids.tolist()
        assert [piece.state == "supervised" for piece in kept] == encoded.supervised.tolist()
        assert len(view.pieces) == encoder.length(item).tokens
        assert view.count("cut") == (0 if limit > 60 else len(view.pieces) - len(kept))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_pieces_are_the_rendered_text(tokenizer_for, name):
    tokenizer = tokenizer_for(name, "plain")
    item = row("naïve 😀\r\n\r\n  x?", "e\u0301 5 µg,  now.")
    encoder = Encoder(tokenizer, 10_000)
    text = encoder.template.conversation(item.messages).text
    joined = "".join(piece.unseen + piece.text for piece in encoder.view(item).pieces)
    assert text.startswith(joined)
    assert text[len(joined) :] in ("", "\n")


def test_special_tokens_are_marked(tokenizer_for):
    view = Encoder(tokenizer_for("gpt2", "plain"), 100).view(row("Why?", "So."))
    assert [piece.text for piece in view.pieces if piece.special] == ["<|endoftext|>"] * 2


def piece(text, state="context", special=False, unseen=""):
    return ViewedToken(0, text, state, special, unseen)


def test_plain_text_marks_states_boundaries_and_what_is_invisible():
    pieces = (
        piece("<s>", special=True),
        piece("Why"),
        piece("?"),
        piece("\n"),
        piece(" So", "supervised"),
        piece(".", "supervised"),
        piece(" more", "cut"),
        piece("", "cut"),
        piece("</s>", "supervised", special=True),
        piece("x", "cut", unseen="\t"),
    )
    assert plain_text(TokenView("i", pieces)) == "‹<s>›│Why│?│↵\n⟦ So│.⟧~~ more│‥~~⟦‹</s>›⟧~~{␉}x~~"


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_reaches_the_terminal_as_a_command(text):
    shown = visible(text).replace("↵\n", "")
    assert all(c.isprintable() for c in shown if c != " ")


def test_bars_fit_eighty_columns_and_mark_the_limit():
    totals = np.concatenate([np.arange(1, 2000), np.full(5000, 300), [123_456]])
    lines = histogram_lines(histogram(totals, 1024), "cut")
    assert max(map(len, lines)) <= 80
    (at,) = [number for number, line in enumerate(lines) if "limit" in line]
    assert lines[at].strip("┄ ") == "limit 1,024 tokens: 976 of 7,000 rows cut (13.9%)"
    assert lines[at - 1].lstrip().startswith(("769–1,024", "897–1,024"))
    assert lines[at + 1].lstrip().startswith("1,025–")
    counts = [int(line.split()[1].replace(",", "")) for line in lines if "limit" not in line]
    assert sum(counts) == 7000
    longest = max((line for line in lines if "limit" not in line), key=lambda line: line.count("█"))
    assert int(longest.split()[1].replace(",", "")) == max(counts)


def test_a_limit_beyond_all_rows_stands_below_them():
    lines = histogram_lines(histogram(np.array([5, 6, 7]), 1024), "left out")
    assert lines[-1].strip("┄ ") == "limit 1,024 tokens: 0 of 3 rows left out (0.0%)"
    assert histogram_lines(
        histogram(np.array([], int), None)
    )  # nothing to draw is drawn as nothing
