"""Golden ids and masks on the real tokenizers: what is learnt, one BOS, no padding, the limit
and one token more.
"""

import json

import numpy as np
import pytest

from medtune.conversation import Conversation, Message
from medtune.errors import DataError
from medtune.tokens.chat_templates import TEMPLATES
from medtune.tokens.encode import Encoder, encode_all

REAL = ("gpt2", "llama", "mistral", "t5")
# How often each family's published template writes BOS into a single-turn conversation.
BOS = {"plain": 1, "alpaca": 1, "gemma": 1, "llama-2": 1, "mistral": 1, "llama-3": 1}
TERMINATORS = {
    "gemma": "<end_of_turn>",
    "llama-3": "<|eot_id|>",
    "qwen2.5": "<|im_end|>",
    "chatml": "<|im_end|>",
    "phi-3": "<|end|>",
}
# (tokenizer, family) → tokens of "Why?" answered by "So."; those learnt are the ones after the bar.
GOLDEN = {
    ("mistral", "mistral"): "<s> ▁[ INST ] ▁Why ? ▁[ / INST ] | ▁So . </s>",
    ("llama", "llama-2"): "<s> [ INST ] ▁Why ? ▁[ / INST ] | ▁So . ▁ </s>",
    ("gpt2", "plain"): "<|endoftext|> Question : ĠWhy ? Ċ Answer : | ĠSo . <|endoftext|> | Ċ",
    (
        "gpt2",
        "chatml",
    ): "<|im_start|> user Ċ Why ? <|im_end|> Ċ <|im_start|> ass istant Ċ | So . <|im_end|> | Ċ",
    ("t5", "plain"): "<s> ▁Question : ▁Why ? ▁Answer : | ▁So . </s>",
}


def conversation(*turns, id="row-7"):
    roles = ("user", "assistant")
    return Conversation(
        id, "g", "s", tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))
    )


@pytest.mark.parametrize(("name", "family"), GOLDEN)
def test_golden_tokens_and_mask(tokenizer_for, name, family):
    tokenizer = tokenizer_for(name, family)
    row = Encoder(tokenizer, 512).encode(conversation("Why?", "So."))
    parts = [part.split() for part in GOLDEN[name, family].split(" | ")]
    assert tokenizer.convert_ids_to_tokens(row.ids.tolist()) == [
        token for part in parts for token in part
    ]
    assert row.supervised.tolist() == [
        number == 1 for number, part in enumerate(parts) for _ in part
    ]


def test_mistral_ids_are_those_of_its_own_sentencepiece_model(tokenizer_for, real_tokenizers):
    sentencepiece = pytest.importorskip("sentencepiece")
    model = sentencepiece.SentencePieceProcessor(
        model_file=str(real_tokenizers / "mistral" / "tokenizer.model")
    )
    text = "A dose of 5 µg, naïvely 😀."
    row = Encoder(tokenizer_for("mistral", "mistral"), 512).encode(conversation("Why naïve?", text))
    assert row.ids.tolist() == [1, *model.encode(f"[INST] Why naïve? [/INST] {text}"), 2]


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("family", TEMPLATES)
def test_answers_and_terminators_are_learnt_after_one_bos_and_without_padding(
    tokenizer_for, name, family
):
    tokenizer = tokenizer_for(name, family)
    encoder = Encoder(tokenizer, 512)
    row = encoder.encode(conversation("What is gout?", "Crystals of uric acid."))
    end = TERMINATORS.get(family, tokenizer.eos_token)
    learnt = tokenizer.decode(row.ids[row.supervised]).replace(f" {end}", end).strip()
    assert learnt == f"Crystals of uric acid.{end}"
    assert row.ids[np.flatnonzero(row.supervised)[-1]] == tokenizer.convert_tokens_to_ids(end)
    if tokenizer.bos_token == tokenizer.eos_token:  # GPT-2 has one token for both ends
        assert (row.ids[0] == tokenizer.bos_token_id) == bool(BOS.get(family))
    else:
        assert (row.ids == tokenizer.bos_token_id).sum() == BOS.get(family, 0)
    if tokenizer.pad_token_id not in (None, tokenizer.eos_token_id):
        assert tokenizer.pad_token_id not in row.ids


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("family", TEMPLATES)
def test_one_token_more_than_the_limit_under_each_policy(tokenizer_for, name, family):
    tokenizer = tokenizer_for(name, family)
    item = conversation("Why is it so? " * 3, "Because of this and that. " * 9)
    tokens = Encoder(tokenizer, 10**6).lengths([item])[0].tokens
    (whole,), facts = encode_all(Encoder(tokenizer, tokens), [item], "error")
    assert (len(whole.ids), facts["truncated_rows"]) == (tokens, 0)
    limited = Encoder(tokenizer, tokens - 1)
    (cut,), facts = encode_all(limited, [item], "truncate")
    assert len(cut.ids) <= tokens - 1
    assert facts == {
        "truncated_rows": 1,
        "truncated_tokens": 1,
        "overlong_dropped": 0,
        "lost_terminators": 0,
    }
    assert (
        cut.ids[np.flatnonzero(cut.supervised)[-1]]
        == whole.ids[np.flatnonzero(whole.supervised)[-1]]
    )
    assert encode_all(limited, [item], "drop")[1]["overlong_dropped"] == 1
    with pytest.raises(DataError, match=rf"row-7: {tokens} tokens, more than the {tokens - 1} "):
        encode_all(limited, [item], "error")


@pytest.mark.parametrize("limit", [2, 3, 8, 40])
def test_even_the_smallest_limit_keeps_the_terminator_learnt(tokenizer_for, limit):
    tokenizer = tokenizer_for("gpt2", "plain")
    row = Encoder(tokenizer, limit).encode(conversation("Why is it so? " * 20, "Because. " * 20))
    assert len(row.ids) == limit
    assert row.supervised[-1]
    assert row.ids[-1] == tokenizer.eos_token_id


def test_golden_chats_have_the_length_of_their_published_text(tokenizer_for, real_data):
    """What the families' published templates render, tokenized as it stands, has as many tokens
    as we count.
    """
    rows = [
        json.loads(line)
        for line in (real_data / "golden_chats.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    checked = 0
    for row in rows:
        answered = (
            any(m["role"] == "assistant" for m in row["messages"])
            and not row["add_generation_prompt"]
        )
        if row["error"] or not answered:
            continue
        tokenizer = tokenizer_for("llama", row["family"])
        published = (
            row["rendered"]
            .replace(row.get("bos") or "<s>", "<s>")
            .replace(row.get("eos") or "</s>", "</s>")
        )
        item = Conversation(
            "i", "g", "s", tuple(Message(m["role"], m["content"]) for m in row["messages"])
        )
        if row["family"] == "llama-3":  # its BOS and EOS are named after the terminator
            published = row["rendered"].replace("<|begin_of_text|>", "<s>")
        ids = tokenizer(published, add_special_tokens=False)["input_ids"]
        assert Encoder(tokenizer, 10**6).lengths([item])[0].tokens == len(ids), (
            row["family"],
            row["case"],
        )
        checked += 1
    assert checked >= 10
