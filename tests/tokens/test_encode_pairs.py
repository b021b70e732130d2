"""Pairs for encoder-decoders: what is read, what is learnt, what is cut, and that all of it is
counted.
"""

import numpy as np
import pytest

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.tokens.chat_templates import SEQ2SEQ, choose_template
from medtune.tokens.encode import encode_all
from medtune.tokens.encode_pairs import PairEncoder, keep_source, keep_target
from medtune.tokens.lengths import LengthTally
from tiny_t5 import byte_level_tokenizer, real_t5_tokenizer

PROMPT = "Medical question: {question}"


def conversation(*turns, row="row-1"):
    roles = ["user", "assistant"] * len(turns)
    messages = tuple(
        turn if isinstance(turn, Message) else Message(roles[i], turn)
        for i, turn in enumerate(turns)
    )
    return Conversation(row, "g", "test", messages)


@pytest.fixture(scope="module")
def tokenizer():
    result = byte_level_tokenizer()
    result.chat_template = None
    result.chat_template = choose_template(result, "auto", PROMPT, seq2seq=True)
    return result


@pytest.fixture
def encoder(tokenizer):
    return PairEncoder(tokenizer, 64, 64)


def test_source_is_prefix_and_question_and_both_end_with_the_terminator(encoder, tokenizer):
    row = encoder.encode(conversation("What is gout?", " Crystals of uric acid.\n"))
    eos = tokenizer.eos_token_id
    assert tokenizer.decode(row.source[:-1]) == "Medical question: What is gout?"
    assert tokenizer.decode(row.target[:-1]) == "Crystals of uric acid."
    assert row.source.tolist().count(eos) == row.target.tolist().count(eos) == 1
    assert (row.source[-1], row.target[-1], row.cut) == (eos, eos, 0)


def test_real_t5_tokens_are_those_of_its_tokenizer_alone(real_tokenizers):
    tokenizer = real_t5_tokenizer(real_tokenizers)
    tokenizer.chat_template = choose_template(tokenizer, "auto", PROMPT, seq2seq=True)
    row = PairEncoder(tokenizer, 128, 128).encode(
        conversation("What is gout?", "Crystals of uric acid.")
    )
    assert row.source.tolist() == tokenizer("Medical question: What is gout?").input_ids
    assert row.target.tolist() == tokenizer("Crystals of uric acid.").input_ids
    assert row.source[:3].tolist() == [
        3721,
        822,
        10,
    ]  # what published T5 models know as "Medical question:"


def test_earlier_turns_and_the_system_message_are_read_in_order(encoder, tokenizer):
    row = encoder.encode(
        conversation(
            Message("system", "Be short."),
            Message("user", "What is gout?"),
            Message("assistant", "A disease."),
            Message("user", "Why?"),
            Message("assistant", "Uric acid."),
        )
    )
    lines = ["Be short.", "Medical question: What is gout?", "A disease.", "Medical question: Why?"]
    assert tokenizer.decode(row.source[:-1]) == "\n".join(lines)
    assert tokenizer.decode(row.target[:-1]) == "Uric acid."


def test_what_goes_from_an_overlong_source_is_its_middle():
    assert keep_source(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert keep_source(10, 8).tolist() == [0, 1, 4, 5, 6, 7, 8, 9]
    assert keep_source(1000, 100).tolist() == [*range(16), *range(916, 1000)]
    assert all(len(keep_source(50, limit)) == limit for limit in range(2, 50))


def test_what_goes_from_an_overlong_target_is_its_end_but_not_the_terminator():
    assert keep_target(4, 4).tolist() == [0, 1, 2, 3]
    assert keep_target(10, 4).tolist() == [0, 1, 2, 9]
    assert keep_target(10, 2).tolist() == [0, 9]


@pytest.mark.parametrize(("source", "target"), [(0, 0), (1, 0), (0, 1), (5, 7)])
def test_cutting_is_counted_exactly_and_terminators_stay(tokenizer, source, target):
    row = conversation(
        "What is gout and why does it hurt?", "Crystals of uric acid in a joint make it hurt a lot."
    )
    whole = PairEncoder(tokenizer, 500, 500).encode(row)
    encoder = PairEncoder(tokenizer, len(whole.source) - source, len(whole.target) - target)
    cut = encoder.encode(row)
    assert cut.cut == source + target
    assert (len(cut.source), len(cut.target)) == (encoder.max_source, encoder.max_target)
    assert cut.source[-1] == cut.target[-1] == tokenizer.eos_token_id
    tally = LengthTally(encoder, "truncate")
    tally.add([row])
    assert (
        tally.facts()["truncated_tokens"]
        == source + target
        == encode_all(encoder, [row], "truncate")[1]["truncated_tokens"]
    )
    assert tally.facts()["truncated_rows"] == int(source + target > 0)


def test_a_short_question_does_not_make_room_for_a_long_answer(tokenizer):
    encoder = PairEncoder(tokenizer, 200, 10)
    row = conversation(
        "Gout?", "Crystals of uric acid in a joint make it hurt a lot, above all at night."
    )
    assert encoder.length(row).tokens < encoder.max_length
    for policy, rows in (("drop", 0), ("truncate", 1)):
        tally = LengthTally(encoder, policy)
        tally.add([row])
        encoded, facts = encode_all(encoder, [row], policy)
        assert len(encoded) == rows
        assert tally.facts() == facts
        assert facts["overlong_dropped"] == 1 - rows
    with pytest.raises(DataError, match=r"train\.max_target_length") as caught:
        LengthTally(encoder, "error").add([row])
    assert "row-1" in str(caught.value)


def test_lengths_of_many_equal_those_of_each(encoder):
    rows = [conversation(f"What is {n}?" * n, "It is so. " * n, row=f"r{n}") for n in range(1, 9)]
    assert encoder.lengths(rows) == [encoder.length(row) for row in rows]
    for row, length in zip(rows, encoder.lengths(rows), strict=True):
        pair = encoder.encode(row)
        assert (length.tokens - length.over, length.id) == (pair.tokens, row.id)
    assert encoder.lengths([]) == []


@pytest.mark.parametrize(
    "turns", [("What is gout?", " "), ("What is gout?",), (Message("assistant", "Alone."),)]
)
def test_a_row_that_teaches_nothing_is_an_error_that_names_it(encoder, turns):
    with pytest.raises(DataError, match="no token of this row would be learnt") as caught:
        encoder.encode(conversation(*turns, row="bad-7"))
    assert "bad-7" in str(caught.value)
    with pytest.raises(DataError):
        encoder.lengths([conversation(*turns)])


@pytest.mark.parametrize("limits", [(1, 64), (64, 1)])
def test_limits_too_small_for_anything_are_refused(tokenizer, limits):
    with pytest.raises(RecipeError, match="room for two tokens"):
        PairEncoder(tokenizer, *limits)


def test_the_view_shows_every_token_once_and_what_is_cut(tokenizer):
    row = conversation("What is gout and why does it hurt?", "Crystals of uric acid in a joint.")
    encoder = PairEncoder(tokenizer, 12, 8)
    view, pair = encoder.view(row), encoder.encode(row)
    kept = [piece.id for piece in view.pieces if piece.state != "cut"]
    assert kept == [*pair.source.tolist(), *pair.target.tolist()]
    assert view.count("cut") == pair.cut > 0
    assert view.count("supervised") == len(pair.target)
    text = "".join(piece.unseen + piece.text for piece in view.pieces)
    end = tokenizer.eos_token
    assert (
        text == f"Medical question: What is gout and why does it hurt?{end}"
        f"Crystals of uric acid in a joint.{end}"
    )


def test_the_tokenizer_s_own_template_and_a_named_one_go_before_t5_s(tokenizer):
    result = byte_level_tokenizer()
    result.chat_template = None
    assert choose_template(result, "auto", seq2seq=True) == SEQ2SEQ
    assert "Question: " in choose_template(result, "plain", seq2seq=True)
    result.chat_template = "own {{ messages[0]['content'] }}"
    assert choose_template(result, "auto", seq2seq=True) == result.chat_template


def test_ids_are_whole_numbers_of_sixty_four_bits(encoder):
    row = encoder.encode(conversation("Why?", "So."))
    assert row.source.dtype == row.target.dtype == np.int64
