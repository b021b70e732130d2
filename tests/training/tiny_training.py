"""A tiny model, encoded rows and a trainer of them, for the tests of training."""

from pathlib import Path

import numpy as np
import torch

from medtune.recipe.schema import Train
from medtune.tokens.encode import Encoded
from medtune.training.trainer import SupervisedTrainer

VOCABULARY = 64


def architecture(kind):
    """A tiny model of a real architecture, random weights, float32."""
    import transformers as t

    torch.manual_seed(1)
    common = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    llama_like = common | {
        "intermediate_size": 32,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
    }
    if kind == "gpt2":
        drop = dict.fromkeys(["resid_pdrop", "embd_pdrop", "attn_pdrop"], 0.0)
        config = t.GPT2Config(
            vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64, **drop
        )
    elif kind == "llama":
        config = t.LlamaConfig(**llama_like)
    elif kind == "mistral":
        config = t.MistralConfig(**llama_like, sliding_window=8)
    elif kind == "gemma":
        config = t.GemmaConfig(**llama_like, head_dim=8)
    else:
        config = t.Qwen2Config(**llama_like)
    return t.AutoModelForCausalLM.from_config(config).float()


def rows(count=16, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        length = int(rng.integers(4, 20))
        supervised = np.zeros(length, dtype=bool)
        supervised[int(rng.integers(1, length - 1)) :] = True
        made.append(Encoded(f"row-{number}", rng.integers(3, VOCABULARY, size=length), supervised))
    return made


def settings(**values):
    base = {
        "method": "full",
        "epochs": 2,
        "learning_rate": 1e-3,
        "batch_size": 4,
        "gradient_accumulation": 1,
        "save_every": 2,
    }
    return Train(**(base | values))


def trainer(place, model=None, train=None, validation=None, fingerprint="f", seed=5, **values):
    model = architecture("llama") if model is None else model
    validation = rows(4, seed=9) if validation is None else validation
    return SupervisedTrainer(
        model, settings(**values), seed, train or rows(), validation, Path(place), fingerprint
    )


def weights(model):
    return torch.cat([p.detach().flatten().float() for p in model.parameters()])
