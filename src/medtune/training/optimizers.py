"""Optimizers over fp32 master weights (the model may compute in bf16), and learning-rate schedules.

AdamW for all, AdamW with 8-bit moments, or Muon for the matrices of the body and AdamW for the rest
(Jordan et al. 2024).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from medtune.errors import RunError
from medtune.recipe.schema import Pretraining, Train

StateTensors = dict[str, torch.Tensor]
StateNumbers = dict[str, float]
ParameterGroup = dict[str, list[nn.Parameter] | float]  # as torch's optimizers take them


class MasterWeights:
    """fp32 copies of a model's trainable parameters, their gradients, and the optimizers that
    step them.
    """

    def __init__(
        self,
        model: nn.Module,
        build: Callable[[dict[str, nn.Parameter]], list[torch.optim.Optimizer]],
    ) -> None:
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.masters = {
            name: p if p.dtype == torch.float32 else nn.Parameter(p.detach().float().clone())
            for name, p in self.parameters.items()
        }
        self.optimizers = build(self.masters)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["base_lr"] = group["lr"]

    def collect(self) -> None:
        """Add the gradients of the micro-batch just done to the fp32 sums."""
        for name, parameter in self.parameters.items():
            master = self.masters[name]
            if master is parameter or parameter.grad is None:
                continue
            if master.grad is None:
                master.grad = parameter.grad.float()
            else:
                master.grad += parameter.grad
            parameter.grad = None

    def gradients(self) -> Iterable[torch.Tensor]:
        """The fp32 gradient sums, in a fixed order.

        A parameter no loss reached has a gradient of zeros.
        """
        for master in self.masters.values():
            if master.grad is None:
                master.grad = torch.zeros_like(master)
            yield master.grad

    def step(
        self, factor: float, divisor: float, max_norm: float | None, *, skip_overflow: bool = False
    ) -> float:
        """Divide the gradient sums by ``divisor``, clip to ``max_norm``, step, and return the
        norm before clipping.

        A norm that is not finite raises ``RunError``; with ``skip_overflow`` the step is left out
        instead.
        """
        gradients = list(self.gradients())
        for gradient in gradients:
            gradient /= divisor
        norm = float(nn.utils.get_total_norm(gradients))
        if not math.isfinite(norm):
            if skip_overflow:
                self.forget()
                return norm
            raise RunError(
                "the gradient is not finite",
                fix="Lower train.learning_rate, or set model.dtype=float32.",
            )
        if max_norm is not None:
            nn.utils.clip_grads_with_norm_(
                list(self.masters.values()), max_norm, torch.tensor(norm)
            )
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.publish()
        return norm

    def forget(self) -> None:
        """Set the gradients of all parameters to None."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the fp32 weights into the model's own."""
        for name, parameter in self.parameters.items():
            if self.masters[name] is not parameter:
                parameter.copy_(self.masters[name])

    def state(self) -> tuple[StateTensors, StateNumbers]:
        """Everything a resumed run needs: master weights and optimizer state, as named tensors
        and numbers.
        """
        tensors = {f"master/{name}": p.detach() for name, p in self.masters.items()}
        numbers: StateNumbers = {}
        for number, optimizer in enumerate(self.optimizers):
            for index, entries in optimizer.state_dict()["state"].items():
                for key, value in _flat(entries):
                    path = f"optimizer/{number}/{index}/{key}"
                    if isinstance(value, torch.Tensor):
                        # All 8-bit moments share one quantization map, and a file of tensors holds
                        # each apart.
                        tensors[path] = value.clone() if "qmap" in key else value
                    else:
                        numbers[path] = value
        return tensors, numbers

    @torch.no_grad()
    def load_state(self, tensors: StateTensors, numbers: StateNumbers) -> None:
        """Take up where ``state`` was written."""
        for name, master in self.masters.items():
            master.copy_(tensors[f"master/{name}"])
        states: list[dict[int, dict[str, Any]]] = [{} for _ in self.optimizers]
        for path, value in {**tensors, **numbers}.items():
            if path.startswith("optimizer/"):
                _, number, index, *keys = path.split("/")
                entries = states[int(number)].setdefault(int(index), {})
                for key in keys[:-1]:
                    entries = entries.setdefault(key, {})
                entries[keys[-1]] = value
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(
                {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
            )
        self.publish()


def _flat(entries: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Entries of an optimizer's state; those of 8-bit optimizers are nested once."""
    for key, value in entries.items():
        if isinstance(value, dict):
            yield from ((f"{key}/{inner}", entry) for inner, entry in value.items())
        else:
            yield key, value


def adamw(
    parameters: dict[str, nn.Parameter],
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float],
) -> list[torch.optim.Optimizer]:
    """AdamW; weight decay on matrices only, as usual for language models."""
    return [
        torch.optim.AdamW(
            _decayed(parameters, weight_decay), lr=learning_rate, betas=betas, fused=True
        )
    ]


def _decayed(parameters: dict[str, nn.Parameter], weight_decay: float) -> list[ParameterGroup]:
    matrices = [p for p in parameters.values() if p.ndim >= 2]
    vectors = [p for p in parameters.values() if p.ndim < 2]
    groups: list[ParameterGroup] = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def adamw_8bit(
    parameters: dict[str, nn.Parameter],
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float],
) -> list[torch.optim.Optimizer]:
    """AdamW with 8-bit moments, block by block; small tensors stay fp32.

    Source: Dettmers et al. 2022, arXiv:2110.02861.
    """
    from bitsandbytes.optim.adamw import AdamW8bit

    return [AdamW8bit(_decayed(parameters, weight_decay), lr=learning_rate, betas=betas)]


def muon(
    parameters: dict[str, nn.Parameter],
    learning_rate: float,
    adam_learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float],
) -> list[torch.optim.Optimizer]:
    """Muon for the body's matrices; AdamW without decay for embeddings, head and vectors."""
    apart = ("embed", "lm_head", "wte", "wpe")
    matrices = {
        n: p for n, p in parameters.items() if p.ndim == 2 and not any(part in n for part in apart)
    }
    rest = {n: p for n, p in parameters.items() if n not in matrices}
    return [
        torch.optim.Muon(
            list(matrices.values()), lr=learning_rate, weight_decay=weight_decay, momentum=0.95
        ),
        *adamw(rest, adam_learning_rate, 0.0, betas),
    ]


def _muon(
    settings: Train | Pretraining, parameters: dict[str, nn.Parameter]
) -> list[torch.optim.Optimizer]:
    return muon(
        parameters,
        settings.learning_rate,
        settings.adam_learning_rate,
        settings.weight_decay,
        settings.betas,
    )


class OptimizerKind(NamedTuple):
    """How a recipe's optimizer is built, and the bytes that it keeps of each trained weight."""

    build: Callable[[Train | Pretraining, dict[str, nn.Parameter]], list[torch.optim.Optimizer]]
    moment_bytes: int


# A new optimizer is a line here, and its name in ``recipe/train.py``.
OPTIMIZERS = {
    "adamw": OptimizerKind(
        lambda s, parameters: adamw(parameters, s.learning_rate, s.weight_decay, s.betas), 8
    ),
    "adamw_8bit": OptimizerKind(
        lambda s, parameters: adamw_8bit(parameters, s.learning_rate, s.weight_decay, s.betas), 2
    ),
    "muon": OptimizerKind(_muon, 4),
}


def build_optimizers(
    settings: Train | Pretraining, parameters: dict[str, nn.Parameter]
) -> list[torch.optim.Optimizer]:
    """The optimizers that a recipe names, over these parameters."""
    return OPTIMIZERS[settings.optimizer].build(settings, parameters)


def warmup_length(warmup: float, total_steps: int) -> int:
    """Warm-up in steps: a value below 1 is a share of all steps, any other a number of steps."""
    return math.ceil(warmup * total_steps) if 0 < warmup < 1 else int(warmup)


def learning_rate_factor(
    schedule: str, step: int, total_steps: int, warmup: float = 0, decay: float = 0.4
) -> float:
    """The factor for optimizer step ``step`` (counted from 0).

    ``linear`` and ``cosine`` fall to 0 after warm-up; ``constant`` stays; ``wsd`` (warm-up, stable,
    decay) falls linearly to 0 over the last ``decay`` share of all steps (Hu et al. 2024,
    arXiv:2404.06395).
    """
    warm = warmup_length(warmup, total_steps)
    if step < warm:
        return (step + 1) / warm
    rest = max(1, total_steps - warm)
    progress = (step - warm) / rest
    if schedule == "linear":
        return max(0.0, 1 - progress)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if schedule == "wsd":
        length = max(1, round(decay * total_steps))
        return min(1.0, max(0.0, (total_steps - step) / length))
    return 1.0
