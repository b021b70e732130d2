"""Control tokens that are written in data are text, whatever the tokenizer's kind."""

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, ModelError, RecipeError
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.control_tokens import ControlTokens
from medtune.tokens.encode import Encoder
from medtune.tokens.encode_pairs import PairEncoder
from medtune.tokens.render import EndpointTemplate

# What ends a turn, and what else a family's template writes.
FAMILIES = {
    "chatml": "<|im_end|>",
    "llama-3": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
    "plain": "</s>",
    "phi-3": "<|end|>",
}


def row(question, answer, system=None):
    head = () if system is None else (Message("system", system),)
    return Conversation(
        "r1", "g1", "test", (*head, Message("user", question), Message("assistant", answer))
    )


def control_ids(tokenizer, ids):
    known = set(special_tokens(tokenizer).values()) - {tokenizer.unk_token_id}
    return [int(i) for i in ids if int(i) in known]


@pytest.mark.parametrize("place", ["question", "answer", "system"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_marker_in_data_is_encoded_as_its_characters(tokenizer_for, family, place):
    tokenizer, end = tokenizer_for("tiny", family), FAMILIES[family]
    encoder = Encoder(tokenizer, 512)
    texts = {"question": "Is 5 mg safe?", "answer": "Yes.", "system": "Be brief."}
    harmless = encoder.encode(row(**texts))
    written = encoder.encode(row(**texts | {place: f"{texts[place]} {end} Stop."}))
    assert control_ids(tokenizer, written.ids) == control_ids(tokenizer, harmless.ids)
    assert f"{end} Stop." in tokenizer.decode(written.ids)
    learnt = tokenizer.decode(written.ids[written.supervised])
    assert learnt.strip() == f"Yes.{f' {end} Stop.' if place == 'answer' else ''}{end}"


def test_a_view_shows_the_text_as_it_is_written(tokenizer_for):
    view = Encoder(tokenizer_for("tiny", "chatml"), 512).view(row("A <|im_end|> b?", "C."))
    shown = "".join(piece.unseen + piece.text for piece in view.pieces)
    assert "A <|im_end|> b?<|im_end|>" in shown
    assert sum(piece.special for piece in view.pieces) == 4  # the template's own


def test_lengths_and_ids_agree(tokenizer_for):
    encoder = Encoder(tokenizer_for("tiny", "chatml"), 512)
    rows = [row("Why?", "So."), row("A </s> b <|im_start|>?", "C <|im_end|>")]
    for length, conversation in zip(encoder.lengths(rows), rows, strict=True):
        encoded = encoder.encode(conversation)
        assert (length.tokens, length.supervised) == (encoded.tokens, encoded.supervised.sum())


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_real_tokenizers_read_the_same_elsewhere(tokenizer_for, name):
    """Only the written control token is read otherwise: what stands around it keeps its ids."""
    tokenizer = tokenizer_for(name, "plain")
    control, end = ControlTokens(tokenizer), tokenizer.eos_token
    text = f"Take 5 mg {end} of X"
    ids, offsets = control.encode(end + control.mask(text) + end)
    places = [i for i, token in enumerate(ids) if token == tokenizer.eos_token_id]
    assert places == [0, len(ids) - 1]
    before = tokenizer("Take 5 mg", add_special_tokens=False)["input_ids"]
    assert ids.tolist()[1 : len(before) + 1] == before
    assert offsets[-1].tolist() == [len(end + text), len(end + text + end)]
    # and a text without any is read as the tokenizer reads it
    plain = f"{end}naïve  µg values.\n\n2. next{end}"
    known = tokenizer(plain, add_special_tokens=False)["input_ids"]
    assert control._encode_apart(plain)[0].tolist() == known


def small(model, normalizer=None, **special):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def test_a_word_of_the_vocabulary_that_is_a_control_token_is_unknown_as_text():
    words = {"[UNK]": 0, "[SEP]": 1, "pain": 2, "[": 3, "SEP": 4}
    tokenizer = small(models.WordLevel(words, "[UNK]"), unk_token="[UNK]", sep_token="[SEP]")
    control = ControlTokens(tokenizer)
    assert control.ids("[SEP]" + control.mask("pain [SEP] pain")) == [1, 2, 0, 2]
    assert control.ids(control.mask("[UNK]")) == [0]


def test_a_piece_of_sentencepiece_that_is_a_control_token_is_no_text():
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("a", -1.0), ("</", -2.0), ("s>", -2.0)]
    tokenizer = small(models.Unigram(pieces, 0), unk_token="<unk>", eos_token="</s>")
    control = ControlTokens(tokenizer)
    assert control.ids(control.mask("a </s>") + "</s>") == [2, 3, 4, 1]


def test_what_a_normalizer_would_make_a_control_token_is_text():
    from tokenizers import AddedToken

    words = {"[UNK]": 0, "[end]": 1, "pain": 2}
    end = AddedToken("[end]", special=True, normalized=True)
    tokenizer = small(
        models.WordLevel(words, "[UNK]"), normalizers.Lowercase(), unk_token="[UNK]", eos_token=end
    )
    assert tokenizer("pain [END]")["input_ids"] == [2, 1]  # as the tokenizer itself reads it
    control = ControlTokens(tokenizer)
    assert control.ids(control.mask("pain [END]") + " [end]") == [2, 0, 1]


def test_a_tokenizer_without_another_way_refuses_the_row(tokenizer_for, monkeypatch):
    encoder = Encoder(tokenizer_for("tiny", "chatml"), 512)
    monkeypatch.setattr(type(encoder.tokenizer), "is_fast", False)
    with pytest.raises(DataError, match=r"r1.*control token"):
        encoder.encode(row("A <|im_end|>", "b"))
    assert encoder.encode(row("A", "b")).tokens


def test_a_code_that_is_no_character_is_refused(tokenizer_for):
    with pytest.raises(ModelError, match=r"U\+FDD0, which is no character"):
        ControlTokens(tokenizer_for("tiny", "chatml")).mask("a\ufdd0b")


def test_sources_and_targets_end_once(tokenizer_for):
    tokenizer = tokenizer_for("tiny", "plain")
    pair = PairEncoder(tokenizer, 64, 64).encode(row("Is </s> safe?", "No </s> it is not."))
    for ids in (pair.source, pair.target):
        assert ids.tolist().count(tokenizer.eos_token_id) == 1
        assert "</s> " in tokenizer.decode(ids[:-1])


def test_an_endpoint_that_would_read_a_control_token_refuses():
    template = EndpointTemplate("chatml")
    assert template.answered((Message("user", "Why?"),), "So.")[1] == "So."
    with pytest.raises(RecipeError, match=r"<\|im_start\|>, which the server reads"):
        template.answered((Message("user", "Why <|im_start|>?"),), "So.")
