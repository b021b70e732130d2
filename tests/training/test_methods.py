"""Every way of training: adapters of three kinds, 4-bit and 8-bit bases, 8-bit moments, float16,
recomputed activations.
"""

import math

import pytest
import torch
from peft.tuners.lora import LoraLayer
from tiny_training import architecture, rows, settings, trainer, weights

from medtune.errors import RunError
from medtune.models.adapters import add_lora, frozen_hash
from medtune.models.load import LocalModelRef, load_weights
from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
from medtune.recipe.schema import Lora
from medtune.training.callbacks import SaveCheckpoints, read_metrics
from medtune.training.checkpoints import FIRST_SCALE, GROW_AFTER, HIGHEST_SCALE, TrainingState
from medtune.training.trainer import SupervisedTrainer


def losses(place):
    return [row["loss"] for row in read_metrics(place / "metrics.jsonl") if "loss" in row]


def run(place, model, **values):
    wanted = settings(
        **({"method": "lora", "epochs": 10, "learning_rate": 3e-2, "keep_best": False} | values)
    )
    SupervisedTrainer(model, wanted, 5, rows(), rows(4, seed=9), place, "f").run()
    return losses(place)


def learns(made):
    return sum(made[-4:]) < sum(made[:4]) - 0.05


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gpt2", {}),
        ("llama", {"rslora": True}),
        ("mistral", {"dora": True}),
        ("gemma", {}),
        ("gpt2", {"dora": True}),
    ],
)
def test_adapters_learn_and_leave_the_base_alone(tmp_path, kind, options):
    model = add_lora(architecture(kind), Lora(r=4, alpha=8, **options), seed=0)
    frozen = frozen_hash(model)
    assert learns(run(tmp_path, model))
    assert frozen_hash(model) == frozen


def test_rslora_scales_by_the_root_of_the_rank():
    plain, rooted = (
        add_lora(architecture("llama"), Lora(r=16, alpha=8, rslora=on), 0) for on in (False, True)
    )
    scale = [
        next(m.scaling["default"] for m in x.modules() if isinstance(m, LoraLayer))
        for x in (plain, rooted)
    ]
    assert scale == [0.5, 2.0]


def wide():
    from transformers import LlamaConfig, LlamaForCausalLM

    register_packed_attention()
    torch.manual_seed(1)
    width = {
        "hidden_size": 96,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, **width))


@pytest.fixture
def on_disk(tmp_path):
    wide().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_qlora_trains_on_a_quantized_base_that_stays_as_it_is(tmp_path, on_disk, quantization):
    located = LocalModelRef("tiny", on_disk, quantization=quantization)
    model = load_weights(located, torch.float32, PACKED_ATTENTION)
    with torch.no_grad():  # measured before it is trained, as in a run
        model.set_attn_implementation("eager")
        model(torch.arange(9)[None])
    packed = [p for p in model.parameters() if p.dtype in (torch.uint8, torch.int8)]
    assert len(packed) == 14  # seven projections of two layers
    model = add_lora(model, Lora(r=4, alpha=16), seed=0)
    frozen = frozen_hash(model)
    assert learns(run(tmp_path / "train", model, method="qlora"))
    assert frozen_hash(model) == frozen


def test_nf4_is_close_to_the_weights_it_stands_for(on_disk):
    chosen = torch.arange(20)[None]
    full = load_weights(LocalModelRef("a", on_disk), torch.float32, PACKED_ATTENTION)
    small = load_weights(
        LocalModelRef("a", on_disk, quantization="nf4"), torch.float32, PACKED_ATTENTION
    )
    for model in (full, small):
        model.set_attn_implementation("eager")
    with torch.no_grad():
        one, other = (torch.log_softmax(model(chosen).logits, -1) for model in (full, small))
    divergence = float((one.exp() * (one - other)).sum(-1).mean())
    assert 0 < divergence < 1e-2
    assert (
        LocalModelRef("a", on_disk).fingerprint()
        != LocalModelRef("a", on_disk, quantization="nf4").fingerprint()
    )


def test_moments_in_eight_bits_learn_like_those_in_thirty_two(tmp_path):
    made = {}
    for name in ("adamw", "adamw_8bit"):
        loop = trainer(tmp_path / name, epochs=6, learning_rate=5e-3, optimizer=name)
        loop.run()
        made[name] = losses(tmp_path / name)
    assert made["adamw_8bit"][-1] == pytest.approx(made["adamw"][-1], abs=0.02)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_recomputed_activations_give_the_same_weights(tmp_path, method):
    ends = []
    for on in (False, True):
        model = architecture("llama")
        model = add_lora(model, Lora(r=4, dropout=0.1), 0) if method == "lora" else model
        loop = SupervisedTrainer(
            model, settings(method=method), 5, rows(), [], tmp_path / str(on), "f", checkpointing=on
        )
        result = loop.run()
        assert result.gradient_checkpointing == on
        ends.append(weights(model))
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=1e-6)


def test_recomputing_keeps_fewer_bytes():
    from medtune.training.memory_estimate import saved_bytes
    from medtune.training.objectives import CausalObjective

    with torch.device("meta"):
        model = architecture("llama")
    objective = CausalObjective()
    objective.prepare(model)
    small, large = (saved_bytes(model, objective, rows(n)) for n in (4, 16))
    assert 3 < large / small < 6


def test_float16_learns_with_scaled_losses(tmp_path):
    loop = trainer(
        tmp_path, architecture("llama").half(), validation=[], epochs=6, learning_rate=5e-3
    )
    assert loop.half
    result = loop.run()
    made = losses(tmp_path)
    assert made[-1] < made[0] - 0.2
    assert result.skipped_steps == 0


def test_an_overflow_skips_the_step_and_halves_the_scale(tmp_path):
    loop = trainer(tmp_path, architecture("llama").half(), validation=[])
    loop.state.loss_scale = 2.0**40
    before = weights(loop.model)
    assert not math.isfinite(loop.step().gradient_norm)
    assert torch.equal(weights(loop.model), before)
    assert (loop.state.loss_scale, loop.state.skipped_steps) == (2.0**39, 1)
    loop.state.loss_scale = FIRST_SCALE
    loop.step()
    assert not torch.equal(weights(loop.model), before)


def test_the_loss_scale_doubles_after_so_many_good_steps_in_a_row():
    state = TrainingState()
    for _ in range(199):
        state.rescale(1.0)
    assert (GROW_AFTER, state.loss_scale) == (200, FIRST_SCALE)
    state.rescale(1.0)
    assert state.loss_scale == 2 * FIRST_SCALE
    for _ in range(150):
        state.rescale(1.0)
    state.rescale(math.inf)  # counted from the overflow on
    assert (state.loss_scale, state.skipped_steps) == (FIRST_SCALE, 1)
    for _ in range(199):
        state.rescale(1.0)
    assert state.loss_scale == FIRST_SCALE
    for _ in range(200 * 20):
        state.rescale(1.0)
    assert state.loss_scale == HIGHEST_SCALE


def test_a_scale_that_only_overflows_is_an_error():
    state = TrainingState()
    for _ in range(19):
        state.rescale(math.nan)
    with pytest.raises(RunError, match="overflow at any scale"):
        state.rescale(math.nan)  # 64 halved twenty times is below 1e-4


@pytest.mark.parametrize("optimizer", ["adamw_8bit", "adamw"])
def test_resume_is_exact_with_either_optimizer(tmp_path, optimizer):
    values = {"epochs": 3, "save_every": 1, "optimizer": optimizer, "keep_best": False}

    def trainer(place, **values):  # wide enough that moments are kept in 8 bits
        return SupervisedTrainer(wide(), settings(**values), 5, rows(), [], place, "f")

    whole = trainer(tmp_path / "whole", **values)
    whole.run()
    if optimizer == "adamw_8bit":
        assert any(t.dtype == torch.uint8 for t in whole.weights.state()[0].values())
    first = trainer(tmp_path / "cut", **values)
    while first.state.step < 5:
        result = first.step()
    SaveCheckpoints(1, None).after_step(first, result)
    second = trainer(tmp_path / "cut", **values)
    second.run()
    assert torch.equal(weights(second.model), weights(whole.model))
