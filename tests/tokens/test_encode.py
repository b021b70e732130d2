"""Golden masks per chat template, and what is cut from rows that are too long."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.tokens.encode import (
    Encoder,
    count_supervised,
    encode_all,
    keep_positions,
    supervised_mask,
)
from medtune.tokens.lengths import length_summary

# Small copies of the turn structure of well-known families: (template, BOS, terminator).
CHATML = (
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' "
    "+ m.content | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
LLAMA_2 = (
    "{% for m in messages %}{% if m.role == 'user' %}"
    "{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
FAMILIES = {
    "plain": (None, "<|bos|>", "<|eos|>"),
    "chatml": (CHATML, None, "<|im_end|>"),
    "gemma": (GEMMA, "<|bos|>", "<end_of_turn>"),
    "llama-2": (LLAMA_2, "<|bos|>", "<|eos|>"),
}


def conversation(*turns, id="row-7"):
    roles = ["user", "assistant"]
    return Conversation(
        id, "g", "test", tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))
    )


def tokenizer_of(tiny_model, family):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    template = FAMILIES[family][0]
    if template:
        extra = ["<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"]
        tokenizer.add_special_tokens({"additional_special_tokens": extra})
        tokenizer.chat_template = template
    return tokenizer


def supervised_text(tokenizer, row):
    return tokenizer.decode(row.ids[row.supervised])


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_answer_and_its_terminator_are_learnt(tiny_model, family):
    tokenizer = tokenizer_of(tiny_model, family)
    row = Encoder(tokenizer, 256).encode(
        conversation("What causes gout?", "Crystals of uric acid.")
    )
    _, bos, terminator = FAMILIES[family]
    blank = " " if family == "llama-2" else ""
    assert supervised_text(tokenizer, row).strip() == f"Crystals of uric acid.{blank}{terminator}"
    assert tokenizer.decode(row.ids[np.flatnonzero(row.supervised)[-1]]) == terminator
    if bos:
        assert (row.ids == tokenizer.convert_tokens_to_ids(bos)).sum() == 1
        assert row.ids[0] == tokenizer.convert_tokens_to_ids(bos)
    assert tokenizer.pad_token_id not in row.ids[row.supervised]


@pytest.mark.parametrize("family", ["chatml", "gemma", "plain"])
def test_every_assistant_turn_of_a_dialogue_is_learnt(tiny_model, family):
    tokenizer = tokenizer_of(tiny_model, family)
    row = Encoder(tokenizer, 256).encode(conversation("Hi?", "Hello.", "Why?", "Because."))
    text = supervised_text(tokenizer, row)
    assert "Hello." in text
    assert "Because." in text
    assert "Why" not in text
    assert text.count(FAMILIES[family][2]) == 2


def test_a_question_that_quotes_the_answer_is_not_learnt(tiny_model):
    tokenizer = tokenizer_of(tiny_model, "plain")
    row = Encoder(tokenizer, 256).encode(conversation("Is it gout? Answer: gout", "gout"))
    assert supervised_text(tokenizer, row).strip() == "gout<|eos|>"


def test_a_template_that_refuses_system_messages_gets_them_before_the_question(tiny_model):
    tokenizer = tokenizer_of(tiny_model, "gemma")
    encoder = Encoder(tokenizer, 256)
    row = Conversation(
        "i",
        "g",
        "s",
        (Message("system", "Be brief."), Message("user", "Why?"), Message("assistant", "So.")),
    )
    assert "user\nBe brief.\n\nWhy?<end_of_turn>" in tokenizer.decode(encoder.encode(row).ids)


def test_a_row_without_an_answer_is_an_error_naming_it(tiny_model):
    encoder = Encoder(tokenizer_of(tiny_model, "plain"), 256)
    with pytest.raises(DataError, match="row-7"):
        encoder.encode(conversation("What is gout?"))


def test_a_template_that_rewrites_its_beginning_is_refused(tiny_model):
    tokenizer = tokenizer_of(tiny_model, "plain")
    tokenizer.chat_template = (
        "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    with pytest.raises(DataError, match=r"row-7: .*differently"):
        Encoder(tokenizer, 256).encode(conversation("a", "b"))


def test_loss_on_all_learns_everything_but_the_first_token(tiny_model):
    row = Encoder(tokenizer_of(tiny_model, "plain"), 256, loss_on="all").encode(
        conversation("Why?", "So.")
    )
    assert not row.supervised[0]
    assert row.supervised[1:].all()


def test_one_token_too_many_under_each_policy(tiny_model):
    tokenizer = tokenizer_of(tiny_model, "plain")
    item = conversation("Why is it so? " * 3, "Because of this and that. " * 3)
    length = Encoder(tokenizer, 10**6).length(item).tokens
    eos = tokenizer.eos_token_id
    encoder = Encoder(
        tokenizer, length - 2
    )  # the newline after the terminator does not count: one token too many
    (cut,), facts = encode_all(encoder, [item], "truncate")
    assert len(cut.ids) == length - 2
    assert facts["truncated_rows"] == 1
    assert cut.ids[np.flatnonzero(cut.supervised)[-1]] == eos
    rows, facts = encode_all(encoder, [item], "drop")
    assert (rows, facts["overlong_dropped"]) == ([], 1)
    with pytest.raises(DataError, match="row-7"):
        encode_all(encoder, [item], "error")


@given(
    prompt=st.integers(1, 80),
    answer=st.integers(1, 80),
    tail=st.integers(0, 3),
    limit=st.integers(4, 120),
)
@settings(max_examples=200, deadline=None)
def test_cutting_keeps_the_first_token_the_terminator_and_the_order(prompt, answer, tail, limit):
    supervised = np.array([False] * prompt + [True] * answer + [False] * tail)
    kept = keep_positions(supervised, limit)
    assert len(kept) <= limit
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == prompt + answer - 1
    if prompt + answer > limit and supervised[kept].sum() < answer:
        assert (~supervised[kept]).sum() <= 32  # the prompt gave way before the answer did


@pytest.mark.parametrize(
    ("prompt", "answer", "limit", "kept"),
    [
        (3, 5, 8, [*range(8)]),
        (40, 20, 50, [0, *range(11, 60)]),  # the prompt alone gives way
        (100, 120, 140, [0, *range(69, 207), 219]),  # 32 tokens of it stay, then the answer
        (100, 120, 64, [0, *range(85, 147), 219]),  # of a short limit a quarter
        (2, 10, 4, [0, 2, 3, 11]),
    ],
)
def test_exactly_these_tokens_stay(prompt, answer, limit, kept):
    supervised = np.array([False] * prompt + [True] * answer)
    assert keep_positions(supervised, limit).tolist() == kept


class Offsets:
    """As much of a tokenizer's encoding as counting asks for."""

    def __init__(self, *offsets):
        self.offsets = offsets

    def __len__(self):
        return len(self.offsets)

    def char_to_token(self, char):
        return next((i for i, (a, b) in enumerate(self.offsets) if a <= char < b), None)

    def token_to_chars(self, token):
        return self.offsets[token]


@pytest.mark.parametrize(
    ("offsets", "span", "count"),
    [
        ([(0, 3), (3, 7), (7, 10)], (3, 7), 1),
        ([(0, 3), (3, 7), (7, 10)], (3, 10), 2),
        ([(0, 3), (3, 7), (7, 10)], (4, 7), 1),  # with the blank before the answer
        ([(0, 3), (3, 7), (7, 10)], (5, 7), None),  # begins well before it: offsets decide
        ([(0, 3), (3, 7), (9, 10)], (3, 8), 1),  # what no token covers is passed over
        ([(0, 3), (5, 7)], (3, 5), None),
    ],
)
def test_supervised_tokens_are_counted_by_two_look_ups(offsets, span, count):
    length = offsets[-1][1]
    assert count_supervised(Offsets(*offsets), *span, length) == count
    if count is not None:
        assert supervised_mask(np.array(offsets), [span]).sum() == count


def test_a_row_needs_room_for_two_tokens(tiny_model):
    tokenizer = tokenizer_of(tiny_model, "plain")
    assert len(Encoder(tokenizer, 2).encode(conversation("Why?", "So.")).ids) == 2
    with pytest.raises(RecipeError, match="two tokens"):
        Encoder(tokenizer, 1)


def test_length_facts_count_all_and_supervised_tokens(tiny_model):
    encoder = Encoder(tokenizer_of(tiny_model, "plain"), 256)
    facts = length_summary(
        encoder.length(c) for c in [conversation("a", "b"), conversation("a", "b c d e f g h")]
    )
    assert facts.max > facts.median > 0
    assert 0 < facts.supervised_share < 1


def test_changing_the_template_changes_the_tokens(tiny_model):
    item = conversation("What causes gout?", "Crystals.")
    ids = {f: tuple(Encoder(tokenizer_of(tiny_model, f), 256).encode(item).ids) for f in FAMILIES}
    assert len(set(ids.values())) == len(FAMILIES)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_real_tokenizers_learn_exactly_the_answer(real_tokenizers, name):
    from transformers import AutoTokenizer, GPT2TokenizerFast

    directory = real_tokenizers / name
    tokenizer = (
        GPT2TokenizerFast.from_pretrained(directory)
        if name == "gpt2"
        else AutoTokenizer.from_pretrained(directory)
    )
    tokenizer.chat_template = None
    row = Encoder(tokenizer, 512).encode(
        conversation("What is naïve µg dosing?", "A dose of 5 µg, naïvely.")
    )
    assert (
        supervised_text(tokenizer, row).strip() == f"A dose of 5 µg, naïvely.{tokenizer.eos_token}"
    )
    assert (row.ids == tokenizer.bos_token_id).sum() == (
        2 if name == "gpt2" else 1
    )  # GPT-2 has one token for both ends
