"""A base model from plain text: tokenizer, packed blocks, training with exact resume, held-out
bits per byte.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from medtune.errors import ModelError, RunError
from medtune.files import sha256_json, write_json
from medtune.models.load import context_length
from medtune.models.precision import compute_dtype
from medtune.models.scoring import split_head
from medtune.progress import say, track
from medtune.recipe.schema import Pretraining, PretrainRecipe
from medtune.training.callbacks import MetricsLog
from medtune.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from medtune.training.corpus import TokenizedCorpus
from medtune.training.losses import linear_cross_entropy
from medtune.training.optimizers import MasterWeights, adamw, learning_rate_factor, muon

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HELD_OUT_SAMPLE = 64  # blocks of a check during training; the final figures use all held-out text


def new_model(
    recipe: PretrainRecipe, vocabulary: int, special: dict[str, int]
) -> "PreTrainedModel":
    """A Llama-style decoder with tied embeddings, initialised from the recipe's seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = recipe.model
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        **special,
    )
    return LlamaForCausalLM(config)


def training_blocks(
    tokens: np.ndarray, context: int, seed: int, first: int
) -> Iterator[torch.Tensor]:
    """Blocks of ``context + 1`` token ids for ever, from block number ``first`` on.

    Each pass cuts the token stream at another offset and takes its blocks in another order, both
    drawn from ``(seed, pass)``: so the position in the data is one number, and a resumed run needs
    nothing else.
    """
    number = 0
    for epoch in range(10**9):
        rng = np.random.default_rng([seed, epoch])
        offset = int(rng.integers(context))
        starts = rng.permutation((len(tokens) - offset - 1) // context) * context + offset
        if number + len(starts) <= first:
            number += len(starts)
            continue
        for start in starts[max(0, first - number) :]:
            yield torch.from_numpy(tokens[start : start + context + 1].astype(np.int64))
        number += len(starts)


@dataclass
class Pretrainer:
    """Everything one optimizer step needs."""

    recipe: PretrainRecipe
    model: "PreTrainedModel"
    corpus: TokenizedCorpus
    directory: Path

    def __post_init__(self) -> None:
        train = self.recipe.train
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(device=device, dtype=compute_dtype(train.dtype))
        self.model.train()
        self.weights = MasterWeights(self.model, _optimizers(train))
        self.plain_body, head = split_head(self.model)
        if not isinstance(head, nn.Linear):
            raise ModelError(
                "continued pre-training needs a plain linear head",
                where=self.model.config.model_type,
            )
        self.head = head
        self.body: Callable[..., Any] = (
            _compiled(self.plain_body) if train.compile else self.plain_body
        )
        self.context = min(self.recipe.model.context, context_length(self.model.config))
        self.rows = max(1, train.batch_tokens // self.context)
        passes = math.ceil(train.epochs * len(self.corpus.train) / (self.rows * self.context))
        self.steps = min(passes, train.max_steps or passes)
        self.fingerprint = sha256_json(
            [self.recipe.model_dump(mode="json"), self.corpus.fingerprint]
        )

    def loss(self, blocks: torch.Tensor) -> torch.Tensor:
        """Summed NLL (nats) of the next tokens of ``blocks``, [rows, context + 1]."""
        return self._loss(self.body, blocks)

    def plain_loss(self, blocks: torch.Tensor) -> torch.Tensor:
        """The loss without the compiled body, which would be compiled again for every length."""
        return self._loss(self.plain_body, blocks)

    def _loss(self, body: Callable[..., Any], blocks: torch.Tensor) -> torch.Tensor:
        blocks = blocks.to(self.model.device)
        inputs, targets = blocks[:, :-1], blocks[:, 1:]
        positions = torch.arange(inputs.shape[1], device=inputs.device)[None].expand_as(inputs)
        hidden = body(input_ids=inputs, position_ids=positions, use_cache=False).last_hidden_state
        return linear_cross_entropy(
            hidden.flatten(0, 1), self.head.weight, targets.flatten(), self.head.bias
        )

    @torch.no_grad()
    def held_out(self) -> float:
        """Bits per byte on a fixed sample of held-out blocks, while training goes on."""
        tokens, context = self.corpus.held_out_tokens, self.context
        count = min(HELD_OUT_SAMPLE, (len(tokens) - 1) // context) // self.rows * self.rows
        if count == 0:
            return math.nan
        starts = np.linspace(0, len(tokens) - context - 1, count).astype(int)
        self.model.eval()
        total = 0.0
        for first in range(0, count, self.rows):
            rows = [
                torch.from_numpy(tokens[s : s + context + 1].astype(np.int64))
                for s in starts[first : first + self.rows]
            ]
            total += float(self.loss(torch.stack(rows)))
        self.model.train()
        return total / math.log(2) / (count * context * self.corpus.held_out_bytes_per_token)

    def run(self) -> None:
        """Train to the last step, from the newest checkpoint where there is one."""
        train, directory = self.recipe.train, self.directory
        found = latest_checkpoint(directory / "checkpoints", self.fingerprint)
        step, seconds = 0, 0.0
        if found:
            self.weights.load_state(found.tensors, found.numbers)
            step, seconds = found.step, found.progress["seconds"]
            say(f"resuming at step {step} of {self.steps}")
        log = MetricsLog(directory / "metrics.jsonl", step)
        blocks = training_blocks(
            self.corpus.train, self.context, self.recipe.seed, step * self.rows
        )
        batch_tokens = self.rows * self.context
        started, note = time.monotonic() - seconds, ""
        with track("pre-training", self.steps * batch_tokens, "tokens") as bar:
            bar.skip(step * batch_tokens)
            while step < self.steps:
                factor = learning_rate_factor(
                    train.schedule, step, self.steps, train.warmup, train.decay
                )
                loss = self.loss(torch.stack([next(blocks) for _ in range(self.rows)]))
                if not torch.isfinite(loss):
                    raise RunError(
                        f"the loss is {float(loss.detach())} at step {step}",
                        fix="Lower train.learning_rate.",
                    )
                loss.backward()
                self.weights.collect()
                norm = self.weights.step(factor, batch_tokens, train.max_grad_norm)
                step += 1
                if step % train.log_every == 0 or step == self.steps:
                    entry = {
                        "step": step,
                        "tokens": step * batch_tokens,
                        "loss": float(loss.detach()) / batch_tokens,
                    }
                    log.write(entry | {"learning_rate_factor": factor, "gradient_norm": norm})
                    note = f"loss {entry['loss']:.3f}"
                if step % train.save_every == 0 or step == self.steps:
                    log.write({"step": step, "held_out_bits_per_byte": self.held_out()})
                    self._save(step, time.monotonic() - started)
                bar.advance(batch_tokens, note)
        write_json(
            directory / "trainer_stats.json",
            {"steps": step, "tokens": step * batch_tokens, "seconds": time.monotonic() - started},
        )

    def _save(self, step: int, seconds: float) -> None:
        tensors, numbers = self.weights.state()
        progress = {"seconds": seconds}
        save_checkpoint(
            self.directory / "checkpoints",
            Checkpoint(step, self.fingerprint, tensors, numbers, progress),
        )


def _optimizers(
    train: Pretraining,
) -> Callable[[dict[str, nn.Parameter]], list[torch.optim.Optimizer]]:
    if train.optimizer == "muon":
        return lambda ps: muon(
            ps, train.learning_rate, train.adam_learning_rate, train.weight_decay, train.betas
        )
    return lambda ps: adamw(ps, train.learning_rate, train.weight_decay, train.betas)


def _compiled(body: nn.Module) -> Callable[..., Any]:
    say("compiling the model (about half a minute)")
    return torch.compile(body, dynamic=False)


@torch.no_grad()
def held_out_by_kind(trainer: Pretrainer) -> dict[str, dict[str, float]]:
    """Bits per byte over all held-out documents, each in windows of the context, by kind of text
    and in all.
    """
    trainer.model.eval()
    sums: dict[str, list[float]] = {}
    with track("held-out text", len(trainer.corpus.held_out), "documents") as bar:
        for document in trainer.corpus.held_out:
            nll = 0.0
            for start in range(0, len(document.tokens) - 1, trainer.context):
                window = torch.from_numpy(
                    document.tokens[start : start + trainer.context + 1].astype(np.int64)
                )
                nll += float(trainer.plain_loss(window[None]))
            for kind in (document.kind, "all"):
                entry = sums.setdefault(kind, [0.0, 0, 0])
                entry[0] += nll
                entry[1] += document.bytes
                entry[2] += 1
            bar.advance()
    trainer.model.train()
    return {
        kind: {"bits_per_byte": nll / math.log(2) / size, "bytes": size, "documents": count}
        for kind, (nll, size, count) in sorted(sums.items())
    }


@torch.no_grad()
def sample_texts(trainer: Pretrainer, tokenizer: Any, tokens: int = 80) -> list[dict[str, str]]:
    """The recipe's beginnings, continued greedily and by seeded sampling."""
    model = trainer.model.eval()
    samples = []
    for prompt in trainer.recipe.prompts:
        start = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        ids = torch.tensor(
            [[*start, *tokenizer.encode(prompt, add_special_tokens=False)]], device=model.device
        )
        mask = torch.ones_like(ids)
        torch.manual_seed(trainer.recipe.seed)
        settings = {"max_new_tokens": tokens, "attention_mask": mask, "repetition_penalty": 1.0}
        greedy = model.generate(ids, do_sample=False, **settings)
        sampled = model.generate(
            ids, do_sample=True, temperature=0.8, top_p=0.95, top_k=0, **settings
        )

        def decode(row: torch.Tensor) -> str:
            return str(tokenizer.decode(row[0], skip_special_tokens=True))

        samples.append({"prompt": prompt, "greedy": decode(greedy), "sampled": decode(sampled)})
    return samples


def save_base_model(trainer: Pretrainer, tokenizer: Any, target: Path) -> dict[str, Any]:
    """Write weights (bf16 safetensors), tokenizer and generation settings.

    Return the figures of the model card.
    """
    figures = {
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "held_out": held_out_by_kind(trainer),
        "samples": sample_texts(trainer, tokenizer),
        "stats": json.loads((trainer.directory / "trainer_stats.json").read_text()),
    }
    trainer.model.to(dtype=torch.bfloat16)
    trainer.model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return figures
