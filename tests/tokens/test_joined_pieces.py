"""A long text encoded in overlapping pieces gives the tokens of the text encoded at once."""

import random

import numpy as np
import pytest

from medtune.tokens import control_tokens, joined_pieces
from medtune.tokens.control_tokens import ControlTokens

PROSE = "the patient takes 20 mg twice daily, with food; pain (mild) went after 3 days".split()


def random_words(seed, count):
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("abcdeé9µ.", k=rng.randrange(1, 9))) for _ in range(count))


TEXTS = {
    "prose": " ".join(random.Random(1).choices(PROSE, k=700)),
    "lines": "Take rest.\n\n" * 300,
    "no blank": "a1b2" * 900,
    "one letter": "a" * 3_000,
    "blanks": "So" + " " * 3_000 + "it is",
    "accents": "naïve µg — value; " * 200,
    "chinese": "患者有发热。" * 500,
    "faces": "rest 😀 helps " * 250,
    "control tokens": "pain <|eos|> and <|bos|> rest " * 120,
    "random words": random_words(2, 500),
}


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(control_tokens, "LONG", 1_000)
    monkeypatch.setattr(joined_pieces, "PIECE", 600)
    monkeypatch.setattr(joined_pieces, "OVERLAP", 200)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_pieces_are_joined_to_what_is_encoded_at_once(tokenizer_for, small_pieces, name, masked):
    control = ControlTokens(tokenizer_for("tiny", "chatml"))
    text = control.mask(TEXTS[name]) if masked else TEXTS[name]
    at_once = control._encode_at_once(text)
    ids, offsets = control.encode(text)
    assert np.array_equal(ids, at_once.ids)
    assert np.array_equal(offsets, at_once.offsets)
    borders = (0, 10, len(text) // 2, len(text))
    joined, counts = control.ids_and_counts(text, borders)
    assert np.array_equal(joined, at_once.ids)
    assert joined.dtype == np.int32
    assert counts == tuple(int((at_once.offsets[:, 1] <= border).sum()) for border in borders)


def test_a_short_text_is_encoded_at_once(tokenizer_for):
    control = ControlTokens(tokenizer_for("tiny", "chatml"))
    ids, counts = control.ids_and_counts("pain and rest", (4,))
    assert ids.dtype == np.int64
    assert ids.tolist() == control.ids("pain and rest")
    assert counts == (int((control.encode("pain and rest")[1][:, 1] <= 4).sum()),)
