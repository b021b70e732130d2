"""A text far longer than a row may be costs neither memory nor exactness."""

import random
import subprocess
import sys

import numpy as np
import pytest

from medtune.conversation import Conversation, Message
from medtune.text.pieces import text_pieces
from medtune.tokens.encode import Encoder
from medtune.tokens.encode_pairs import PairEncoder
from medtune.tokens.long_text import LongTexts, batches
from medtune.tokens.lost_text import LossTally

WORDS = "the patient takes 20 mg twice daily, with food; pain (mild) went after 3 days".split()


def prose(characters, seed=0):
    rng = random.Random(seed)
    return " ".join(rng.choices(WORDS, k=characters // 4))[:characters]


def conversation(question, answer):
    return Conversation("r", "g", "s", (Message("user", question), Message("assistant", answer)))


LONG = prose(60_000)
ROWS = {
    "answer": conversation("Why?", LONG),
    "question": conversation(LONG, "Because of anemia."),
    "both": conversation(LONG, prose(70_000, 1)),
    "turns": Conversation(
        "r", "g", "s", (*conversation(LONG, "So.").messages, *conversation("And?", LONG).messages)
    ),
    "blanks": conversation("Why?", "So" + " " * 60_000 + LONG),
    "one word": conversation("Why?", "a1" * 30_000),
    "lines": conversation("Why?", LONG.replace(" ", "\n")),
    "control tokens": conversation("Why?", LONG.replace("mild", "<s> mild")),
}


@pytest.mark.parametrize("loss_on", ["answer", "all"])
@pytest.mark.parametrize("name", ROWS)
def test_a_long_row_is_cut_and_counted_as_if_it_were_encoded_whole(
    tokenizer_for, monkeypatch, name, loss_on
):
    encoder = Encoder(tokenizer_for("tiny", "chatml"), 64, loss_on)
    row = ROWS[name]
    short, length = encoder.encode(row), encoder.lengths([row])[0]
    assert length == encoder.length(row)
    monkeypatch.setattr("medtune.tokens.long_text.SMALLEST_END", 10**7)
    whole = Encoder(encoder.tokenizer, 64, loss_on)
    expected = whole.encode(row)
    assert np.array_equal(short.ids, expected.ids)
    assert np.array_equal(short.supervised, expected.supervised)
    assert short.cut == length.tokens - 64
    pieces = 4 if name == "one word" else 0  # only a word without a blank is parted within
    assert abs(length.tokens - whole.length(row).tokens) <= pieces
    assert abs(length.supervised - whole.length(row).supervised) <= pieces


@pytest.mark.parametrize("name", ["answer", "question", "both", "turns"])
def test_a_long_pair_is_cut_and_counted_as_if_it_were_encoded_whole(
    tokenizer_for, monkeypatch, name
):
    tokenizer, row = tokenizer_for("tiny", "chatml"), ROWS[name]
    short = PairEncoder(tokenizer, 64, 32)
    encoded, length = short.encode(row), short.lengths([row])[0]
    monkeypatch.setattr("medtune.tokens.long_text.SMALLEST_END", 10**7)
    whole = PairEncoder(tokenizer, 64, 32)
    expected = whole.encode(row)
    assert np.array_equal(encoded.source, expected.source)
    assert np.array_equal(encoded.target, expected.target)
    assert encoded.cut == expected.cut
    assert length == whole.lengths([row])[0]


def test_a_view_shows_the_ends_and_counts_the_middle(tokenizer_for):
    encoder = Encoder(tokenizer_for("tiny", "chatml"), 64)
    view = encoder.view(ROWS["answer"])
    assert view.omitted > 0
    assert len(view.pieces) + view.omitted == encoder.length(ROWS["answer"]).tokens
    assert view.count("supervised") + view.count("context") == 64
    assert view.as_dict()["cut"] == view.count("cut")


def test_pieces_join_to_the_text_and_part_at_single_blanks():
    for text in (LONG, "a" * 200, "", "a  b " * 100):
        assert "".join(text_pieces(text, 50)) == text
    assert all(piece[0] == " " for piece in list(text_pieces(LONG, 50))[1:])
    assert max(map(len, text_pieces(LONG, 50))) <= 100


def test_batches_hold_few_characters_or_one_text():
    assert list(batches(["aa", "b", "cccc", "d"], len, 3)) == [["aa", "b"], ["cccc"], ["d"]]
    assert list(batches([], len, 3)) == []


def test_what_a_tokenizer_loses_of_a_long_text_adds_up(tokenizer_for):
    encoder = Encoder(tokenizer_for("tiny", "chatml"), 64)
    tally = LossTally(encoder.template.control)
    tally.add([conversation("Why?", LONG * 3)])
    answers = tally.summary().answers
    assert (answers.texts, answers.characters) == (1, 180_000)


def test_short_texts_stay_as_they_are(tokenizer_for):
    control = Encoder(tokenizer_for("tiny", "chatml"), 64).template.control
    row = conversation("Why?", "So.")
    assert LongTexts(control, 64).shorten(row).conversation is row


MEASURE = """
import resource, sys
from medtune.conversation import Conversation, Message
from medtune.data.cleaning import Cleaner, Tally
from medtune.data.dedup import signatures, word_hashes
from medtune.data.rows import Row
from medtune.recipe.schema import Data
from medtune.tokens.chat_templates import TEMPLATES, load_tokenizer_only
from medtune.tokens.encode import Encoder
from medtune.tokens.lost_text import LossTally

tokenizer = load_tokenizer_only(sys.argv[1])
tokenizer.chat_template = TEMPLATES["plain"]
encoder = Encoder(tokenizer, 256)
cleaner = Cleaner(Data(source="x.csv").clean)

def work(text):
    messages = Message("user", "Why?"), Message("assistant", text)
    row = Conversation("a", "a", "s", messages)
    encoder.lengths([row])
    encoder.encode(row)
    LossTally(encoder.template.control).add([row])
    cleaner.judge(Row(messages, "s", "row 1"), Tally())
    signatures(*word_hashes([text]))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

text = "the patient takes 20 mg twice daily, with food; " * 42_000
work(text[:50_000])
before = peak()
work(text)
print((peak() - before) / len(text))
"""


@pytest.mark.long
def test_memory_is_at_most_ten_times_a_long_text(tiny_model):
    command = [sys.executable, "-c", MEASURE, str(tiny_model)]
    factor = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert factor < 10 + 12  # times 2 MB: 24 MB for what does not grow with the text
