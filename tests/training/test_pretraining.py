"""Pre-training: blocks, held-out documents, exact resume, a usable model at the end."""

import json
import math
import signal

import numpy as np
import pytest
import torch

from medtune.errors import DataError, Stopped
from medtune.recipe.read import parse_recipe
from medtune.runs.pretrain import pretrain
from medtune.training.corpus import Document, hold_out, train_tokenizer
from medtune.training.pretraining import Pretrainer, training_blocks


def documents(count=60):
    words = [
        "the",
        "heart",
        "pumps",
        "blood",
        "through",
        "vessels",
        "and",
        "lungs",
        "while",
        "nerves",
        "carry",
        "signals",
        "to",
        "muscles",
    ]
    rng = np.random.default_rng(0)
    return [
        {
            "text": " ".join(rng.choice(words, 80)) + f" case {n}",
            "kind": "med" if n % 3 else "gen",
            "id": f"d{n // 2}",
        }
        for n in range(count)
    ]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(json.dumps(d) for d in documents()))
    return path


def recipe(corpus, **train):
    values = {
        "name": "tiny-base",
        "kind": "pretrain",
        "corpus": {"source": str(corpus), "kind": "kind", "group": "id", "held_out": 0.1},
        "model": {
            "vocabulary": 400,
            "width": 32,
            "layers": 2,
            "heads": 2,
            "feed_forward": 64,
            "context": 32,
        },
        "train": {
            "epochs": 2,
            "batch_tokens": 128,
            "warmup": 2,
            "save_every": 5,
            "log_every": 5,
            "dtype": "float32",
        }
        | train,
        "prompts": ["the heart"],
    }
    return parse_recipe(values)


def test_a_pass_takes_every_block_once_and_any_start_continues_it():
    tokens = np.arange(1000, dtype=np.uint32)
    whole = training_blocks(tokens, 16, 3, 0)
    first = [next(whole) for _ in range(150)]
    starts = [int(b[0]) for b in first[:61]]
    assert len(set(starts)) == len(starts)
    assert all(torch.equal(b, torch.arange(int(b[0]), int(b[0]) + 17)) for b in first)
    for position in (1, 60, 61, 62, 130):
        assert torch.equal(next(training_blocks(tokens, 16, 3, position)), first[position])


def test_documents_of_one_group_are_held_out_together_and_from_every_kind():
    rows = [Document(d["text"], d["kind"], d["id"]) for d in documents()]
    train, held = hold_out(rows, 0.1, 0)
    assert not {d.group for d in train} & {d.group for d in held}
    assert {d.kind for d in held} == {"med", "gen"}
    assert len(train) + len(held) == len(rows)
    assert hold_out(rows, 0.1, 0) == (train, held) != hold_out(rows, 0.1, 1)


def test_no_text_is_unknown_to_the_tokenizer():
    tokenizer = train_tokenizer(["plain text only"] * 5, 300, 64)
    text = "naïve µg 中文 🩺\n\ttabs"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_a_whole_pretraining_learns_and_leaves_a_model_with_a_card(corpus, tmp_path):
    figures = pretrain(recipe(corpus, epochs=6), tmp_path / "run", None)
    log = [
        json.loads(line) for line in (tmp_path / "run/train/metrics.jsonl").read_text().splitlines()
    ]
    losses = [row["loss"] for row in log if "loss" in row]
    assert losses[-1] < losses[0] - 1
    assert set(figures.held_out) == {"all", "gen", "med"}
    uniform = (
        math.log2(400) / 3
    )  # bits a byte of a model that knows nothing, at three bytes a token
    assert figures.held_out["all"].bits_per_byte < uniform
    card = (tmp_path / "run/model/README.md").read_text()
    assert f"{figures.held_out['all'].bits_per_byte:.3f}" in card
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run/model")
    assert next(model.parameters()).dtype == torch.bfloat16


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_resume_gives_the_same_weights(corpus, tmp_path, optimizer, monkeypatch):
    from safetensors.torch import load_file

    from medtune.training.callbacks import SaveCheckpoints

    options = {"optimizer": optimizer, "learning_rate": 0.02 if optimizer == "muon" else 1e-3}
    pretrain(recipe(corpus, **options), tmp_path / "whole", None)
    save = SaveCheckpoints.after_step

    def save_and_die(self, trainer, result):
        save(self, trainer, result)
        if trainer.state.step == 10:
            raise KeyboardInterrupt

    monkeypatch.setattr(SaveCheckpoints, "after_step", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        pretrain(recipe(corpus, **options), tmp_path / "parts", None)
    monkeypatch.undo()
    pretrain(recipe(corpus, **options), tmp_path / "parts", None)
    one, two = (load_file(tmp_path / p / "model/model.safetensors") for p in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)


# In a step; in a check of held-out text, which is given up.
@pytest.mark.parametrize(("method", "call", "step"), [("loss", 4, 4), ("held_out", 1, 5)])
def test_a_signal_ends_it_after_the_step_and_it_goes_on_to_the_same_weights(
    corpus, tmp_path, method, call, step, monkeypatch
):
    from safetensors.torch import load_file

    options = {"save_every": 5, "max_steps": 12}
    pretrain(recipe(corpus, **options), tmp_path / "whole", None)
    original, calls = getattr(Pretrainer, method), []

    def called(self, *arguments):
        calls.append(method)
        if len(calls) == call:
            signal.raise_signal(signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(Pretrainer, method, called)
    with pytest.raises(Stopped, match=f"pre-training, step {step} of 12 is saved"):
        pretrain(recipe(corpus, **options), tmp_path / "parts", None)
    monkeypatch.undo()
    assert json.loads((tmp_path / "parts/run.json").read_text())["status"] == "interrupted"
    # Another interval of saving leaves the weights as they are.
    pretrain(recipe(corpus, **options, save_minutes=1), tmp_path / "parts", None)
    places = [tmp_path / name for name in ("whole", "parts")]
    one, two = (load_file(place / "model/model.safetensors") for place in places)
    assert all(torch.equal(one[name], two[name]) for name in one)
    logs = [(place / "train/metrics.jsonl").read_text() for place in places]
    assert logs[0] == logs[1]


def test_another_seed_never_takes_up_the_tokens_of_the_first(corpus, tmp_path):
    from medtune.training.corpus import tokenize_corpus

    made = [
        tokenize_corpus(
            recipe(corpus).model_copy(update={"seed": seed}), corpus, tmp_path / "same", None
        )[0]
        for seed in (1, 2)
    ]
    for tokenized in made:
        stream = tokenized.train.tobytes()
        assert not any(
            document.tokens.astype(np.uint32).tobytes() in stream for document in tokenized.held_out
        )
    assert made[0].fingerprint != made[1].fingerprint


def test_too_little_text_is_an_error_not_an_endless_loop(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text("One short paragraph.\n\nAnother one.\n")
    with pytest.raises(DataError, match="fewer than two blocks"):
        pretrain(recipe(path, max_steps=2), tmp_path / "run", None)


def test_going_on_from_an_existing_model_keeps_its_tokenizer(corpus, tmp_path, tiny_model):
    settings = recipe(corpus, max_steps=2)
    settings = settings.model_copy(
        update={"model": settings.model.model_copy(update={"continue_from": str(tiny_model)})}
    )
    pretrain(settings, tmp_path / "run", None)
    from transformers import AutoTokenizer

    old, new = (AutoTokenizer.from_pretrained(p) for p in (tiny_model, tmp_path / "run/model"))
    assert old.get_vocab() == new.get_vocab()
