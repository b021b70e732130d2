"""Likelihoods and generation of local models: known answers, and independence of batches."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from medtune.conversation import user_asks
from medtune.models.causal import CausalModel
from medtune.models.interface import DecodingSettings
from medtune.models.load import locate

PAIRS = [
    (user_asks("What causes gout?"), "Crystals of uric acid settle in a joint."),
    (user_asks("Why?"), "So."),
    (
        user_asks("What does eczema look like, and where on the body is it found?"),
        "Dry, itchy, inflamed patches. " * 6,
    ),
    (user_asks("naïve µg?"), "5 µg"),
]


@pytest.fixture(scope="module")
def model(tiny_model):
    return CausalModel.load(locate(str(tiny_model)), torch.float32)


def reference_loglikelihood(model, prompt, text):
    """Plain transformers: one text, eager attention, all logits."""
    ids = model.tokenizer(prompt + text, add_special_tokens=False, return_tensors="pt").input_ids
    start = len(model.tokenizer(prompt, add_special_tokens=False).input_ids)
    model.model.set_attn_implementation("eager")
    with torch.no_grad():
        logs = model.model(ids).logits[0].log_softmax(-1)
    return float(logs[range(start - 1, ids.shape[1] - 1), ids[0, start:]].sum())


def test_likelihoods_equal_plain_transformers(model):
    for result in model.loglikelihoods(PAIRS):
        assert result.loglikelihood == pytest.approx(
            reference_loglikelihood(model, result.prompt, result.text), abs=1e-4
        )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_likelihoods_do_not_depend_on_batch_or_order(model, size):
    together = [x.loglikelihood for x in model.loglikelihoods(PAIRS)]
    apart = [
        x.loglikelihood
        for i in range(0, len(PAIRS), size)
        for x in model.loglikelihoods(PAIRS[i : i + size])
    ]
    reverse = [x.loglikelihood for x in model.loglikelihoods(PAIRS[::-1])][::-1]
    assert together == pytest.approx(apart, abs=1e-5)
    assert together == pytest.approx(reverse, abs=1e-5)


def test_answer_alone_is_whole_less_question(model):
    wholes = model.conversation_loglikelihoods(PAIRS)
    for result, whole in zip(model.loglikelihoods(PAIRS), wholes, strict=True):
        bos, question = result.prompt[:7], result.prompt[7:]
        assert bos == model.tokenizer.bos_token
        assert result.loglikelihood == pytest.approx(
            whole.loglikelihood - reference_loglikelihood(model, bos, question), abs=1e-4
        )
        assert whole.text == result.prompt + result.text


def test_in_8_bits_a_likelihood_does_not_depend_on_its_company():
    pytest.importorskip("bitsandbytes")
    model = CausalModel.load(replace(locate("medtune-base"), quantization="int8"), torch.float32)
    together = [x.loglikelihood for x in model.loglikelihoods(PAIRS[:3])]
    assert together == [model.loglikelihoods([pair])[0].loglikelihood for pair in PAIRS[:3]]


def test_control_tokens_of_the_data_are_scored_as_text(model):
    """In prompt, answer and plain text: BOS stands once, and every byte counts."""
    end = model.tokenizer.eos_token
    (result,) = model.loglikelihoods([(user_asks(f"Is {end} safe?"), f"No {end} is.")])
    assert result.prompt == f"<|bos|>Question: Is {end} safe?\nAnswer:"
    assert (result.text.strip(), result.bytes) == (f"No {end} is.", len(f"No {end} is."))
    pieces = model.template.control.ids(model.template.control.mask(f" No {end} is."))
    assert result.tokens == len(pieces) > 5
    assert model.tokenizer.eos_token_id not in pieces
    assert model.text_loglikelihoods([end])[0].tokens > 1


def test_bytes_are_of_the_answer_in_utf8(model):
    assert model.loglikelihoods(PAIRS[3:])[0].bytes == 5  # 5, blank, two bytes of µ, g


@pytest.mark.parametrize(
    ("prompt", "text"),
    [("Ans", "wer"), ("hello wor", "ld"), ("Answer:", " C"), ("", "a"), ("a ", "b")],
)
def test_joint_tokens_never_leave_an_empty_continuation(model, prompt, text):
    ids, first = model._encode_pair(prompt, text)
    assert first < len(ids) or len(ids) == 1
    assert model.tokenizer.decode(ids) == prompt + text


def test_a_uniform_model_gives_every_token_the_same_share(tiny_model):
    model = CausalModel.load(locate(str(tiny_model)), torch.float32)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.zero_()
    result = model.loglikelihoods(PAIRS[:1])[0]
    vocabulary = model.model.config.vocab_size
    assert result.loglikelihood == pytest.approx(-result.tokens * math.log(vocabulary), rel=1e-5)


def test_long_texts_are_scored_in_windows_every_token_once(model):
    text = "Dry and itchy skin. " * 60
    result = model.text_loglikelihoods([text])[0]
    ids = model.tokenizer(text, add_special_tokens=False).input_ids
    assert len(ids) > model.context
    assert result.tokens == len(ids)
    assert math.isfinite(result.loglikelihood)


def test_packed_rows_do_not_see_each_other(model):
    alone = model.loglikelihoods(PAIRS[1:2])[0].loglikelihood
    beside = [
        model.loglikelihoods([other, PAIRS[1]])[1].loglikelihood
        for other in (PAIRS[0], PAIRS[2], PAIRS[3])
    ]
    assert beside == pytest.approx([alone] * 3, abs=1e-5)


def test_greedy_answers_repeat_and_do_not_depend_on_the_batch(model):
    prompts = [messages for messages, _ in PAIRS]
    settings = DecodingSettings(12)
    first = model.generate(prompts, settings)
    assert [g.text for g in first] == [g.text for g in model.generate(prompts, settings)]
    model.batch_size = 1
    try:
        assert [g.text for g in first] == [g.text for g in model.generate(prompts, settings)]
    finally:
        model.batch_size = 16


def test_sampled_answers_follow_their_seed_alone(model):
    prompts = [messages for messages, _ in PAIRS]
    settings = DecodingSettings(12, temperature=1.0, top_p=0.95, seed=3)
    together = [g.text for g in model.generate(prompts, settings)]
    assert together == [model.generate([p], settings)[0].text for p in prompts]
    assert together != [
        g.text for g in model.generate(prompts, DecodingSettings(12, 1.0, 0.95, seed=4))
    ]


def test_generation_stops_at_the_terminator_and_says_so(tiny_model):
    model = CausalModel.load(locate(str(tiny_model)), torch.float32)
    eos = model.tokenizer.eos_token_id

    class Ends(torch.nn.Module):
        def forward(self, hidden):
            logits = torch.zeros(*hidden.shape[:-1], model.model.config.vocab_size)
            logits[..., eos] = 9.0
            return logits

    model.model.set_output_embeddings(Ends())
    result = model.generate([PAIRS[0][0]], DecodingSettings(12))[0]
    assert (result.text, result.tokens, result.finished) == ("", 0, True)


def test_hub_defaults_that_sample_do_not_sneak_in(tiny_model, tmp_path):
    import json
    import shutil

    directory = tmp_path / "sampling"
    shutil.copytree(tiny_model, directory)
    (directory / "generation_config.json").write_text(
        json.dumps({"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0})
    )
    tricky = CausalModel.load(locate(str(directory)), torch.float32)
    plain = CausalModel.load(locate(str(tiny_model)), torch.float32)
    prompts = [messages for messages, _ in PAIRS]
    assert [g.text for g in tricky.generate(prompts, DecodingSettings(8))] == [
        g.text for g in plain.generate(prompts, DecodingSettings(8))
    ]


def test_streaming_gives_the_same_text_piece_by_piece(model):
    pieces = []
    result = model.stream(PAIRS[0][0], DecodingSettings(12), pieces.append)
    assert result.text == model.generate([PAIRS[0][0]], DecodingSettings(12))[0].text
    assert "".join(pieces).strip() == result.text


@pytest.mark.parametrize("name", ["stories260k", "babyllama-1m"])
def test_real_weights_predict_their_own_kind_of_text(real_models, name):
    model = CausalModel.load(locate(str(real_models / name)), torch.float32)
    natural, scrambled = (
        "Once upon a time there was a little girl.",
        "girl a was. there little time Once a upon",
    )
    scores = model.text_loglikelihoods([natural, scrambled])
    assert scores[0].loglikelihood / scores[0].bytes > scores[1].loglikelihood / scores[1].bytes
    assert np.isfinite([s.loglikelihood for s in scores]).all()


def test_how_much_of_a_prompt_was_not_seen_is_told(model):
    short, long = model.loglikelihoods([PAIRS[0], (user_asks("Is it so? " * 400), "Yes.")])
    assert short.prompt_cut == 0
    whole = len(model.tokenizer.encode(long.prompt + long.text, add_special_tokens=False))
    first, seen = whole - long.tokens, model.context
    assert 0 < first - long.prompt_cut < seen
    assert whole - long.prompt_cut <= seen


WHOLE = [
    (user_asks("Which diabetes?"), ["diabetes", "diabetes insipidus", "diabetes mellitus"]),
    (user_asks("How many?"), ["1", "10"]),
]


def test_the_end_of_a_turn_is_scored_beside_the_answer(model):
    plain = model.choice_loglikelihoods(WHOLE)
    for choice, without in zip(model.choices_with_ends(WHOLE), plain, strict=True):
        assert choice.loglikelihoods == pytest.approx(without.loglikelihoods, abs=1e-4)
        assert (choice.texts, choice.tokens) == (without.texts, without.tokens)
        terminator = model.tokenizer.eos_token
        for text, whole in zip(choice.texts, choice.whole(), strict=True):
            assert whole == pytest.approx(
                reference_loglikelihood(model, choice.prompt, text + terminator), abs=1e-4
            )


def test_an_empty_block_of_thoughts_is_no_part_of_the_answer(tiny_model):
    plain = CausalModel.load(locate(str(tiny_model)), torch.float32)
    thinking = copy.copy(plain.tokenizer)
    source = plain.template.source
    thinking.chat_template = source.replace(
        "' ' + message['content'] | trim",
        "'<think>\\n\\n</think>\\n\\n' + message['content'] | trim",
    )
    assert thinking.chat_template != source
    other = CausalModel(plain.model, thinking, "thinking", "")
    (scored,) = other.loglikelihoods([(user_asks("What is gout?"), "think")])
    assert scored.text == "think"
    assert scored.prompt.endswith("</think>\n\n")
    assert scored.loglikelihood == pytest.approx(
        reference_loglikelihood(plain, scored.prompt, "think"), abs=1e-4
    )


def test_without_the_middle_of_a_long_prompt_all_is_as_with_it(model, monkeypatch):
    from medtune.tokens import long_text

    messages = user_asks(" ".join(f"Case {n} has gout." for n in range(4000)))
    whole = model._encode_prompt(messages, DecodingSettings(12))
    (choices,) = model.choice_loglikelihoods([(messages, ("Yes.", "No."))])
    monkeypatch.setattr(long_text, "LONG", 1000)
    shortened, omitted = model._long.shorten_prompt(messages)
    assert omitted > 10_000
    assert len(shortened[0].content) < len(messages[0].content) / 2
    text, ids, cut = model._encode_prompt(messages, DecodingSettings(12))
    assert (text, ids.tolist(), cut) == (whole[0], whole[1].tolist(), whole[2])
    (again,) = model.choice_loglikelihoods([(messages, ("Yes.", "No."))])
    assert (again.loglikelihoods, again.prompt_cut) == (choices.loglikelihoods, choices.prompt_cut)
