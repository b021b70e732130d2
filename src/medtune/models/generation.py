"""Answers to several prompts at once: rows of like length together, finished rows leave, nothing
is computed twice.

Token for token what ``transformers.generate`` gives one prompt at a time, greedy or sampled from
one seed (in float32, but for ties of rounding).
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENS_AT_ONCE = 16_384  # of prompts and answers whose keys and values lie in memory together
# logits [rows, vocabulary] of the prompts with these numbers → a token each
Choice = Callable[[torch.Tensor, Sequence[int]], torch.Tensor]


def length_batches(lengths: Sequence[int], room: int, rows: int) -> Iterator[list[int]]:
    """Rows by number, longest first, at most ``rows`` and ``TOKENS_AT_ONCE`` tokens with their
    answers at a time.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        most = max(1, min(rows, TOKENS_AT_ONCE // (lengths[order[0]] + room)))
        yield order[:most]
        order = order[most:]


def keeps_keys_alone(model: Any) -> bool:
    """Whether a model remembers keys and values alone, from which rows can be taken: Mamba and
    hybrids hold states too.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, LinearAttentionCacheLayerMixin

    layers = DynamicCache(config=model.config).layers
    return all(
        isinstance(x, DynamicLayer) and not isinstance(x, LinearAttentionCacheLayerMixin)
        for x in layers
    )


def likeliest(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """The likeliest token of each row: greedy decoding."""
    return logits.argmax(-1)


def prompt_seed(seed: int, prompt: np.ndarray) -> int:
    """The seed of one prompt's draws: its company changes nothing, and two questions do not
    share their luck.
    """
    return int.from_bytes(sha256(f"{seed} {prompt.tolist()}".encode()).digest()[:7])


def sampled(temperature: float, top_p: float, seeds: Sequence[int], device: torch.device) -> Choice:
    """Sampling within ``top_p``: each row draws from a generator of its own, begun with its
    seed.
    """
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    warm, nucleus = TemperatureLogitsWarper(temperature), TopPLogitsWarper(top_p)

    def draw(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        ids = logits.new_empty(len(rows), 0, dtype=torch.int64)
        scores = warm(ids, logits.float())
        shares = (nucleus(ids, scores) if top_p < 1 else scores).softmax(-1)
        drawn = [
            torch.multinomial(part, 1, generator=generators[i])
            for part, i in zip(shares, rows, strict=True)
        ]
        return torch.cat(drawn)

    return draw


@torch.no_grad()
def generate_batch(
    model: Any,
    prompts: Sequence[np.ndarray],
    stops: frozenset[int],
    room: int,
    choose: Choice = likeliest,
) -> list[list[int]]:
    """The tokens of each answer, at most ``room``, the stop token among them where one came.

    Prompts are ids [n].
    """
    from transformers import DynamicCache

    device, cache = model.device, DynamicCache(config=model.config)
    ids, mask = left_padded(prompts)
    ids, mask = ids.to(device), mask.to(device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    answers: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))  # the prompts that are still being answered
    for _ in range(room):
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        chosen = choose(logits, active)
        for row, token in zip(active, chosen.tolist(), strict=True):
            answers[row].append(token)
        going = [i for i, row in enumerate(active) if answers[row][-1] not in stops]
        if not going:
            break
        if len(going) < len(active):
            kept = torch.tensor(going, device=device)
            cache.batch_select_indices(kept)
            chosen, mask, positions = chosen[kept], mask[kept], positions[kept]
            active = [active[i] for i in going]
        ids, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
    return answers


def decode_answer(
    tokenizer: "PreTrainedTokenizerBase", tokens: Sequence[int], stops: frozenset[int]
) -> tuple[str, int, bool]:
    """The text before the first stop token, its tokens, and whether a stop token came."""
    end = next((i for i, token in enumerate(tokens) if token in stops), None)
    answer = list(tokens if end is None else tokens[:end])
    text = str(tokenizer.decode(answer, skip_special_tokens=True)).strip()
    return text, len(answer), end is not None


def configured_stops(model: Any, tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """EOS, and the end tokens of the model's own generation settings."""
    settings = getattr(model, "generation_config", None)
    ends = settings.eos_token_id if settings is not None else None
    ids = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    return {i for i in ids if i is not None}


def left_padded(rows: Sequence[np.ndarray], pad: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [rows, longest]; what stands in the padding is never seen."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for number, row in enumerate(rows):
        ids[number, width - len(row) :] = torch.from_numpy(row)
        mask[number, width - len(row) :] = 1
    return ids, mask


def text_streamer(tokenizer: "PreTrainedTokenizerBase", on_text: Callable[[str], None]) -> Any:
    """A streamer for transformers' ``generate`` that gives ``on_text`` whole words, without
    blanks before the first.
    """
    from transformers import TextStreamer

    class Pieces(TextStreamer):  # type: ignore[misc]
        begun = False

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            text = text if self.begun else text.lstrip()
            self.begun = self.begun or bool(text)
            on_text(text)

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)
