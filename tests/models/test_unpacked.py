"""Architectures that cannot be computed in packed rows are measured as transformers computes
them, text by text.
"""

import sys

import pytest
import torch
import transformers as t

from medtune.conversation import user_asks
from medtune.models.causal import CausalModel
from medtune.models.interface import DecodingSettings, choice_loglikelihoods
from medtune.models.load import load_tokenizer, load_weights, locate
from medtune.models.open import open_model
from medtune.models.packed_attention import PackingUnsupportedError
from medtune.models.unpacked import UnpackedModel
from medtune.recipe.schema import Model

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
HEADS = {"num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 128}
KINDS = {
    "bloom": lambda size: t.BloomConfig(**size, hidden_size=32, n_layer=2, n_head=4),
    "cohere": lambda size: t.CohereConfig(**size, **SMALL, **HEADS, logit_scale=0.0625),
    "falcon": lambda size: t.FalconConfig(**size, **SMALL),
    "gptj": lambda size: t.GPTJConfig(
        **size, n_embd=32, n_layer=2, n_head=4, n_positions=128, rotary_dim=4
    ),
    "gpt_neo": lambda size: t.GPTNeoConfig(
        **size,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=9,
    ),
    "granite": lambda size: t.GraniteConfig(**size, **SMALL, **HEADS, logits_scaling=8.0),
    "mamba": lambda size: t.MambaConfig(**size, hidden_size=32, num_hidden_layers=2, state_size=8),
    "stablelm": lambda size: t.StableLmConfig(**size, **SMALL, **HEADS),
}
TEXTS = ["Why? Anemia.", "What are the symptoms of anemia? Fatigue and pale skin. " * 12]
ASKED = [
    (user_asks("Why?"), ["Anemia.", "Iron"]),
    (user_asks("What are the symptoms of anemia?"), ["Pale skin", "x"]),
]


@pytest.fixture(scope="module", params=KINDS)
def directory(request, tiny_model, tmp_path_factory):
    """A tiny model of the kind around the usual tiny tokenizer."""
    directory = tmp_path_factory.mktemp("plain") / request.param
    tokenizer = load_tokenizer(locate(str(tiny_model)))
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": 0,
    }
    config = KINDS[request.param]({"vocab_size": len(tokenizer), **special})
    t.AutoModelForCausalLM.from_config(config).eval().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def opened(directory):
    return open_model(locate(str(directory)), Model(name=str(directory)), batch_size=4)


@torch.no_grad()
def directly(model, ids, first):
    scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(float(scores[i - 1, ids[i]]) for i in range(first, len(ids)))


def test_it_is_opened_and_scores_as_transformers_does(directory, opened):
    assert isinstance(opened, CausalModel)
    model = t.AutoModelForCausalLM.from_pretrained(directory).eval()
    for text, actual in zip(TEXTS, opened.text_loglikelihoods(TEXTS), strict=True):
        tokens = opened.tokenizer.encode(text, add_special_tokens=False)
        bos = opened.tokenizer.bos_token_id
        ids = tokens if bos is None or tokens[0] == bos else [bos, *tokens]
        if len(ids) <= opened.context:
            assert actual.loglikelihood == pytest.approx(directly(model, ids, 1), rel=1e-5)
        assert actual.tokens == len(ids) - 1
    for (messages, answers), actual in zip(
        ASKED, choice_loglikelihoods(opened, ASKED), strict=True
    ):
        for answer, score in zip(answers, actual.loglikelihoods, strict=True):
            prompt, text = opened.template.answered(messages, answer)
            ids = opened.tokenizer.encode(prompt + text, add_special_tokens=False)
            first = len(opened.tokenizer.encode(prompt, add_special_tokens=False))
            assert score == pytest.approx(directly(model, ids, first), rel=1e-5)


def test_answers_are_those_of_transformers_alone(directory, opened):
    requests = [user_asks(text) for text in ("Why?", "What are the symptoms of anemia?")]
    together = opened.generate(requests, DecodingSettings(6))
    model = t.AutoModelForCausalLM.from_pretrained(directory).eval()
    for result in together:
        ids = torch.tensor([opened.tokenizer.encode(result.prompt, add_special_tokens=False)])
        alone = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=opened.stop_ids(),
        )
        assert (
            result.text
            == opened.tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True).strip()
        )


def test_it_is_not_trained(directory, opened):
    if isinstance(opened, UnpackedModel):
        from medtune.models.packed_attention import PACKED_ATTENTION

        with pytest.raises(PackingUnsupportedError, match="measured and asked, not trained"):
            load_weights(locate(str(directory)), torch.float32, PACKED_ATTENTION)


def test_the_refused_copy_of_the_weights_is_let_go_before_the_second_is_read(
    directory, monkeypatch
):
    from medtune.models import unpacked as plain

    at_work = []
    monkeypatch.setattr(
        plain, "load_weights", lambda *a: at_work.append(sys.exc_info()[1]) or load_weights(*a)
    )
    opened = open_model(locate(str(directory)), Model(name=str(directory)), batch_size=1)
    assert at_work == (
        [None] if isinstance(opened, UnpackedModel) else []
    )  # an error at hand would hold the first


def test_a_run_refuses_it_before_anything_is_measured(directory, opened):
    if isinstance(opened, UnpackedModel):
        with pytest.raises(PackingUnsupportedError, match="not trained"):
            open_model(
                locate(str(directory)), Model(name=str(directory)), batch_size=1, to_train=True
            )
