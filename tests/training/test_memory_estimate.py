"""Memory foreseen from shapes alone, against what tensors really take."""

from types import SimpleNamespace

import pytest
import torch
from tiny_training import architecture, rows

from medtune.models.adapters import add_lora
from medtune.models.packed_attention import register_packed_attention
from medtune.recipe.schema import Lora, Recipe
from medtune.training import memory_estimate as footprints
from medtune.training.memory_estimate import footprint, saved_bytes, weight_bytes
from medtune.training.objectives import CausalObjective
from medtune.training.trainer import heaviest_batch, rows_of_step, steps_of


def recipe(**train):
    return Recipe.model_validate(
        {
            "name": "r",
            "data": {"source": "curated"},
            "model": {"name": "m"},
            "train": {"method": "full", **train},
        }
    )


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma", "qwen2"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_shapes_alone_tell_what_a_real_pass_keeps(kind, method):
    kept = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            model = architecture(kind)
            model = add_lora(model, Lora(r=4), 0) if method == "lora" else model
        objective = CausalObjective()
        objective.prepare(model.train())
        kept.append(saved_on(device, model, objective))
    assert kept[0] == pytest.approx(kept[1], rel=0.01)
    assert kept[0] > 10_000


def saved_on(device, model, objective):
    if device == "meta":
        return saved_bytes(model, objective, rows(4))
    own = {p.untyped_storage()._cdata for p in [*model.parameters(), *model.buffers()]}
    found = {}

    def pack(tensor):
        if tensor.untyped_storage()._cdata not in own:
            found[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        (batch,) = objective.batches(rows(4), 4, torch.device("cpu"))
        loss = objective.loss(model, batch)
    total = sum(found.values())
    del loss
    return total


def test_four_bits_are_counted_as_four_bits():
    model = architecture("llama")
    linear = sum(
        m.weight.numel()
        for n, m in model.named_modules()
        if isinstance(m, torch.nn.Linear) and n != "lm_head"
    )
    rest = sum(p.numel() for p in model.parameters()) - linear
    assert weight_bytes(model, None) == 4 * (linear + rest)
    assert weight_bytes(model, "nf4") == pytest.approx(4 * rest + linear * 4.127 / 8, abs=1)


def of(settings, monkeypatch, available):
    register_packed_attention()
    monkeypatch.setattr(footprints, "available_bytes", lambda: available)
    monkeypatch.setattr(footprints, "resident_bytes", lambda: 0)
    config = architecture("llama").config
    return footprint(config, settings, torch.float32, CausalObjective(), rows(16))


def test_activations_are_recomputed_only_where_memory_is_short(monkeypatch):
    plain = of(recipe(), monkeypatch, 10**12)
    assert not plain.checkpointing
    short = of(recipe(), monkeypatch, plain.total - 1)
    assert short.checkpointing
    assert short.activations < plain.activations
    # A tenth of the free memory is spared.
    assert not of(recipe(), monkeypatch, plain.total * 1.12).checkpointing
    assert of(recipe(), monkeypatch, plain.total * 1.10).checkpointing
    assert of(recipe(gradient_checkpointing=True), monkeypatch, 10**12).checkpointing
    assert not of(recipe(gradient_checkpointing=False), monkeypatch, 1).checkpointing


def test_a_full_training_holds_gradient_and_two_moments(monkeypatch):
    found = of(recipe(), monkeypatch, 10**12)
    parameters = sum(p.numel() for p in architecture("llama").parameters())
    assert found.weights == 4 * parameters
    assert found.training == 12 * parameters
    assert of(recipe(optimizer="adamw_8bit"), monkeypatch, 10**12).training == 6 * parameters


def test_the_heaviest_batch_is_one_that_training_will_meet():
    settings = SimpleNamespace(batch_size=2, gradient_accumulation=1, epochs=1, max_steps=None)
    lengths = [5, 9, 9, 1, 1, 2, 3, 4]
    found = heaviest_batch(lengths, settings, 3)
    steps = [rows_of_step(s, 8, settings, 3) for s in range(steps_of(settings, 8))]
    assert set(found) in [set(step) for step in steps]
    assert sum(lengths[i] for i in found) == max(sum(lengths[i] for i in step) for step in steps)
