"""Learning-rate schedules as plain functions of the step: a factor between 0 and 1."""

import math


def warmup_length(warmup: float, total_steps: int) -> int:
    """Warm-up in steps: a value below 1 is a share of all steps, any other a number of steps."""
    return math.ceil(warmup * total_steps) if 0 < warmup < 1 else int(warmup)


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup: float = 0, decay: float = 0.4) -> float:
    """The factor for optimizer step ``step`` (counted from 0).

    ``linear`` and ``cosine`` fall to 0 after warm-up; ``constant`` stays; ``wsd`` (warm-up, stable, decay) falls
    linearly to 0 over the last ``decay`` share of all steps (Hu et al. 2024, arXiv:2404.06395).
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
