"""What tokenizers lose of a text: known answers for every kind."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from medtune.conversation import Conversation, Message
from medtune.data.text_loss import loss_sentences
from medtune.tokens.control_tokens import ControlTokens
from medtune.tokens.lost_text import LossTally, RoundTrip

WORDS = "[UNK] [SEP] the who says : do not . take 5 mg ##s".split()


def word_piece():
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", sep_token="[SEP]")


def measured(tokenizer, text):
    trip = RoundTrip(ControlTokens(tokenizer))
    loss = trip.measure(trip.control.mask(text))
    return loss.unknown, dict(loss.characters), loss.kept_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the who says: do not. take 5 mgs.", (0, {}, 33)),  # "don't" of its decoder is none
        ("  take 5   mg ", (0, {}, 14)),
        ("The WHO says", (0, {"T": 1, "W": 1, "H": 1, "O": 1}, 12)),
        ("take 5\nmg", (0, {"\n": 1}, 9)),  # a blank stands in its place
        ("take 5 µg", (1, {"µ": 1, "g": 1}, 6)),
        ("take 5 mg [SEP] .", (3, {"[": 1, "S": 1, "E": 1, "P": 1, "]": 1}, 12)),
    ],
)
def test_word_pieces(text, expected):
    assert measured(word_piece(), text)[:2] == expected[:2]


@pytest.mark.parametrize(
    "text", ["INR < 2", "a\n  b\tc", "µ ½ 中文 😀", "</s> x", "e\u0301 ﬁ\u00a0x"]
)
def test_bytes_lose_nothing(tokenizer_for, text):
    assert measured(tokenizer_for("tiny", "plain"), text) == (0, {}, len(text.encode()))


@pytest.mark.parametrize(
    ("text", "unknown", "lost"),
    [
        ("INR < 2 and INR ~ 3", 2, {"<": 1, "~": 1}),
        ("a\nb\tc", 0, {"\n": 1, "\t": 1}),
        ("Code:\n  - a", 0, {"\n": 1, " ": 1}),
        ("{5 mg}", 2, {"{": 1, "}": 1}),
        ("Take  5 mg daily.", 0, {}),
        ("x </s> y", 1, {"<": 1}),
    ],
)
def test_t5_loses_signs_and_lines(tokenizer_for, text, unknown, lost):
    assert measured(tokenizer_for("t5", "plain"), text)[:2] == (unknown, lost)


def test_what_another_character_stands_for_is_no_more_than_it():
    """NFKC and a text that vanishes whole: never more bytes than tokens stand for."""
    pieces = [("<unk>", 0.0), *((c, -1.0) for c in "▁1a")]
    tokenizer = Tokenizer(models.Unigram(pieces, 0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("中", "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    assert measured(tokenizer, "a ①") == (0, {"①": 1}, 3)
    assert measured(tokenizer, "中中") == (0, {"中": 2}, 0)
    assert measured(tokenizer, "bb")[0] >= 1


def talk(question, answer):
    return Conversation("r", "g", "s", (Message("user", question), Message("assistant", answer)))


def test_prompts_and_answers_are_counted_apart():
    tally = LossTally(ControlTokens(word_piece()))
    tally.add([talk("the µg", "the who"), talk("5 mg [SEP]", "DO")])
    loss = tally.summary()
    prompts = loss.prompts
    assert (prompts.texts, prompts.with_unknown, prompts.with_control_tokens) == (2, 2, 1)
    assert loss.answers.model_dump() == {
        "texts": 2,
        "characters": 9,
        "with_unknown": 0,
        "unknown_tokens": 0,
        "with_loss": 1,
        "lost_characters": 2,
        "most_lost": {"D": 1, "O": 1},
        "with_control_tokens": 0,
        "control_tokens": 0,
    }
    first, second = loss_sentences({"test": loss})
    assert first.endswith("1 hold control tokens (1), which are read as text")
    assert second == "test, answers: 1 of 2 lose 2 of 9 characters (D 1, O 1)"
