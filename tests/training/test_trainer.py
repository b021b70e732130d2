"""The training loop: exact gradients, exact resume, early stopping, one process or two."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import VOCABULARY, architecture, rows, settings, trainer, weights

from medtune.errors import RecipeError, RunError
from medtune.models.adapters import add_lora, frozen_hash
from medtune.recipe.schema import Lora
from medtune.training.callbacks import read_metrics
from medtune.training.distributed import Processes
from medtune.training.trainer import rows_of_step, steps_of


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma", "qwen2"])
def test_the_loss_is_that_of_plain_transformers_row_by_row(tmp_path, kind):
    model = architecture(kind)
    loop = trainer(tmp_path, model)
    chosen = rows(3)
    (batch,) = loop.batches(chosen)
    made = float(loop.loss(batch).detach())
    model.set_attn_implementation("eager")
    expected = 0.0
    for row in chosen:
        labels = torch.from_numpy(np.where(row.supervised, row.ids, -100))[None]
        with torch.no_grad():
            logits = model(torch.from_numpy(row.ids)[None]).logits
        expected += float(
            torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="sum")
        )
    assert made == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma"])
def test_accumulation_does_not_change_the_gradient(tmp_path, kind):
    norms, after = [], []
    for size, accumulation in ((4, 1), (1, 4), (2, 2)):
        loop = trainer(
            tmp_path,
            architecture(kind),
            batch_size=size,
            gradient_accumulation=accumulation,
            max_grad_norm=None,
        )
        norms.append(loop.step().gradient_norm)
        after.append(weights(loop.model))
    assert norms == pytest.approx([norms[0]] * 3, rel=1e-5)
    for other in after[1:]:
        torch.testing.assert_close(other, after[0], rtol=0, atol=2e-5)


def test_every_epoch_takes_every_row_once_in_another_order():
    wanted = settings(batch_size=3, gradient_accumulation=2)
    per_epoch = math.ceil(16 / 6)
    epochs = [
        [r for s in range(per_epoch) for r in rows_of_step(e * per_epoch + s, 16, wanted, 5)]
        for e in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(16))
    assert epochs[0] != epochs[1]
    assert steps_of(wanted, 16) == 2 * per_epoch


def test_training_lowers_the_loss_along_a_known_curve(tmp_path):
    loop = trainer(tmp_path, epochs=6, learning_rate=5e-3)
    result = loop.run()
    losses = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    assert len(losses) == result.steps == 24
    assert losses[0] == pytest.approx(
        math.log(VOCABULARY), abs=0.05
    )  # an untrained model knows nothing
    assert losses[-1] < losses[0] - 0.2
    assert result.tokens == 6 * sum(len(r.ids) for r in rows())
    assert result.supervised_tokens == 6 * sum(int(r.supervised[1:].sum()) for r in rows())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    runs = [trainer(tmp_path / str(i), seed=seed) for i, seed in enumerate((5, 5, 6))]
    for loop in runs:
        loop.run()
    first, second, third = (weights(loop.model) for loop in runs)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize("stop", [1, 3, 5])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_resume_in_mid_epoch_ends_with_identical_bits(tmp_path, stop, method):
    def model():
        made = architecture("llama")
        return add_lora(made, Lora(r=2, dropout=0.2), 3) if method == "lora" else made

    options = {"method": method, "save_every": 1, "validate_every": 2, "learning_rate": 5e-3}
    whole = trainer(tmp_path / "whole", model(), **options)
    whole.run()
    first = trainer(tmp_path / "parts", model(), **options)

    def interrupted():
        original = first.step

        def step():
            if first.state.step == stop:
                raise KeyboardInterrupt
            return original()

        first.step = step
        with pytest.raises(KeyboardInterrupt):
            first.run()

    interrupted()
    second = trainer(tmp_path / "parts", model(), **options)
    second.run()
    assert torch.equal(weights(whole.model), weights(second.model))
    logged = [
        [r["loss"] for r in read_metrics(tmp_path / p / "metrics.jsonl")]
        for p in ("whole", "parts")
    ]
    assert logged[0] == logged[1]


def test_a_checkpoint_of_another_training_is_not_taken(tmp_path):
    trainer(tmp_path, fingerprint="one").run()
    other = trainer(tmp_path, fingerprint="two")
    other.run()
    fresh = trainer(tmp_path / "fresh", fingerprint="two")
    fresh.run()
    assert torch.equal(weights(other.model), weights(fresh.model))


def test_validation_loss_does_not_depend_on_the_batch_size(tmp_path):
    model = architecture("llama")
    losses = [trainer(tmp_path, model, batch_size=size).validate() for size in (1, 2, 3, 8)]
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-5)


def test_early_stopping_keeps_the_best_weights(tmp_path):
    loop = trainer(
        tmp_path,
        epochs=40,
        learning_rate=5e-2,
        early_stopping=2,
        validate_every=1,
        schedule="constant",
    )
    result = loop.run()
    losses = {
        r["step"]: r["validation_loss"]
        for r in read_metrics(tmp_path / "metrics.jsonl")
        if "validation_loss" in r
    }
    assert result.stopped_early
    assert result.steps == result.best_step + 2
    assert result.best_validation_loss == min(losses.values()) == losses[result.best_step]
    assert loop.validate() == pytest.approx(result.best_validation_loss, abs=1e-6)


def test_lora_leaves_every_base_weight_alone(tmp_path):
    model = add_lora(architecture("llama"), Lora(r=2), 3)
    before = frozen_hash(model)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    loop = trainer(tmp_path, model, method="lora", learning_rate=1e-2)
    result = loop.run()
    assert result.trainable_parameters == trainable < result.parameters / 2
    assert frozen_hash(model) == before
    assert any(p.abs().sum() > 0 for n, p in model.named_parameters() if "lora_B" in n)


def test_gpt2_adapters_sit_on_c_attn_with_the_published_count():
    import transformers as t

    with torch.device("meta"):
        model = t.GPT2LMHeadModel(t.GPT2Config())
    adapted = add_lora(model, Lora(r=8, alpha=32), 0)
    assert sum(p.numel() for p in adapted.parameters() if p.requires_grad) == 294_912


def test_a_loss_that_is_no_number_stops_with_advice(tmp_path):
    model = architecture("llama")
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(RunError, match="learning_rate"):
        trainer(tmp_path, model).run()


def test_bf16_weights_train_with_fp32_masters(tmp_path):
    model = architecture("llama").bfloat16()
    loop = trainer(tmp_path, model, epochs=6, learning_rate=5e-3)
    loop.run()
    losses = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    assert all(p.dtype == torch.bfloat16 for p in model.parameters())
    assert all(m.dtype == torch.float32 for m in loop.weights.masters.values())
    assert losses[-1] < losses[0] - 0.2


def test_muon_trains_matrices_and_adamw_the_rest(tmp_path):
    loop = trainer(
        tmp_path, epochs=4, optimizer="muon", learning_rate=0.02, adam_learning_rate=5e-3
    )
    kinds = [type(o).__name__ for o in loop.weights.optimizers]
    result = loop.run()
    losses = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    assert kinds == ["Muon", "AdamW"]
    assert losses[-1] < losses[0] - 0.2
    assert result.steps == 16


def test_a_tracker_that_is_not_installed_is_an_error():
    with pytest.raises(RecipeError, match="not installed"):
        Processes(["no_such_tracker"])


SCRIPT = """
import sys, torch
sys.path.insert(0, {tests!r})
from pathlib import Path
from tiny_training import architecture, rows, settings, weights
from medtune.training.distributed import Processes
from medtune.training.trainer import SupervisedTrainer
torch.set_num_threads(1)
place = Path(sys.argv[1])
processes = Processes()
values = settings(**{options!r}), 5, rows(), rows(4, seed=9), place, "f", processes
loop = SupervisedTrainer(architecture("llama"), *values)
loop.run()
if processes.main:
    torch.save(weights(loop.model), place / "weights.pt")
"""


def script(tmp_path, **options):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT.format(tests=str(Path(__file__).parent), options=options))
    return path


def environment():
    return {k: v for k, v in os.environ.items() if k != "WORLD_SIZE"} | {"OMP_NUM_THREADS": "1"}


def test_two_processes_learn_as_one(tmp_path):
    path = script(tmp_path, batch_size=4, gradient_accumulation=2, epochs=3)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    subprocess.run([sys.executable, path, one], check=True, env=environment())
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launcher, path, two], check=True, env=environment(), capture_output=True)
    logs = [read_metrics(place / "metrics.jsonl") for place in (one, two)]
    for key in ("loss", "validation_loss", "gradient_norm", "tokens"):
        values = [[row[key] for row in log if key in row] for log in logs]
        assert values[0] == pytest.approx(values[1], rel=1e-4)
    torch.testing.assert_close(
        torch.load(one / "weights.pt"), torch.load(two / "weights.pt"), rtol=0, atol=1e-4
    )


def saved(place):
    return {path.name for path in place.glob("checkpoints/step-*")}


@pytest.mark.long
def test_killed_at_random_moments_it_still_ends_with_the_same_weights(tmp_path):
    path = script(tmp_path, epochs=30, save_every=1, validate_every=5)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    subprocess.run([sys.executable, path, whole], check=True, env=environment())
    rng, checkpoints = np.random.default_rng(int.from_bytes(os.urandom(4), "big")), set()
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, path, parts], env=environment(), stderr=subprocess.DEVNULL
        )
        for _ in range(int(rng.integers(1, 8))):  # so many new checkpoints later
            while checkpoints >= saved(parts) and process.poll() is None:
                time.sleep(0.001)
            checkpoints |= saved(parts)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, path, parts], check=True, env=environment())
    assert torch.equal(torch.load(whole / "weights.pt"), torch.load(parts / "weights.pt"))
    stable = [
        [
            {k: v for k, v in r.items() if k != "tokens_per_second"}
            for r in read_metrics(p / "metrics.jsonl")
        ]
        for p in (whole, parts)
    ]
    assert json.dumps(stable[0]) == json.dumps(stable[1])
