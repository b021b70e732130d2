"""A base model from plain text: blocks of tokens, exact resume, held-out bits per byte."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from medtune.errors import ModelError
from medtune.files import sha256_json, write_json
from medtune.models.load import context_length
from medtune.models.precision import compute_dtype
from medtune.models.scoring import split_head
from medtune.progress import say, track
from medtune.recipe.schema import PretrainRecipe
from medtune.tokens.control_tokens import ControlTokens
from medtune.training.callbacks import (
    Callback,
    MetricsLogger,
    MetricsRow,
    Resume,
    SaveCheckpoints,
)
from medtune.training.corpus import TokenizedCorpus
from medtune.training.distributed import Processes
from medtune.training.losses import linear_cross_entropy
from medtune.training.optimizers import learning_rate_factor
from medtune.training.trainer import StepResult, Trainer, TrainingResult

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def learnt_from(recipe: PretrainRecipe) -> dict[str, Any]:
    """The recipe as plain values without what leaves the weights as they are."""
    return recipe.model_dump(mode="json", exclude={"train": {"save_minutes"}})


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


class BlockBatch(NamedTuple):
    """Token ids, [rows, context + 1]: every token but the first of a row is predicted."""

    ids: torch.Tensor

    @property
    def tokens(self) -> int:
        """Tokens that the model reads."""
        return self.ids[:, 1:].numel()

    @property
    def supervised(self) -> int:
        """Tokens that are predicted: as many."""
        return self.tokens


class Pretrainer(Trainer):
    """Trains on the next token of blocks drawn from a tokenized corpus."""

    title, unit = "pre-training", "tokens"
    advice = "Lower train.learning_rate."

    def __init__(
        self, recipe: PretrainRecipe, model: "PreTrainedModel", corpus: TokenizedCorpus, out: Path
    ) -> None:
        train = recipe.train
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model.to(device=device, dtype=compute_dtype(train.dtype))
        self.recipe, self.corpus = recipe, corpus
        self.plain_body, head = split_head(model)
        if not isinstance(head, nn.Linear):
            raise ModelError(
                "continued pre-training needs a plain linear head", where=model.config.model_type
            )
        self.head = head
        self.body: Callable[..., Any] = (
            _compiled(self.plain_body) if train.compile else self.plain_body
        )
        self.context = min(recipe.model.context, context_length(model.config))
        self.rows = max(1, train.batch_tokens // self.context)
        self.units_per_step = self.rows * self.context
        epoch = math.ceil(train.epochs * len(corpus.train) / self.units_per_step)
        steps = min(epoch, train.max_steps or epoch)
        schedule = partial(
            learning_rate_factor,
            train.schedule,
            total_steps=steps,
            warmup=train.warmup,
            decay=train.decay,
        )
        fingerprint = sha256_json([learnt_from(recipe), corpus.fingerprint])
        super().__init__(model, train, steps, recipe.seed, out, fingerprint, schedule, Processes())
        log = MetricsLogger(out / "metrics.jsonl", train.log_every)
        self.callbacks = [
            Resume(),
            log,
            HeldOutLogger(log, train.save_every, self.held_out),
            self.clock,
            SaveCheckpoints(train.save_every, train.save_minutes),
        ]
        self._blocks: Iterator[torch.Tensor] | None = None

    def step_batches(self, step: int) -> Iterator[BlockBatch]:
        """The next blocks of the stream, in one batch."""
        if self._blocks is None:
            first = step * self.rows
            self._blocks = training_blocks(self.corpus.train, self.context, self.seed, first)
        yield BlockBatch(torch.stack([next(self._blocks) for _ in range(self.rows)]))

    def loss(self, batch: BlockBatch) -> torch.Tensor:
        """Summed NLL (nats) of the next tokens, a scalar."""
        return self._loss(self.body, batch.ids)

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

    def log_row(self, result: StepResult) -> MetricsRow:
        """A line of ``metrics.jsonl``; the loss in nats a token."""
        step = self.state.step
        return {
            "step": step,
            "tokens": step * self.units_per_step,
            "loss": result.loss,
            "learning_rate_factor": self.schedule(step - 1),
            "gradient_norm": result.gradient_norm,
        }

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
            self.signals.check_in_validation()
            rows = [
                torch.from_numpy(tokens[s : s + context + 1].astype(np.int64))
                for s in starts[first : first + self.rows]
            ]
            total += float(self.loss(BlockBatch(torch.stack(rows))))
        self.model.train()
        return total / math.log(2) / (count * context * self.corpus.held_out_bytes_per_token)

    def run(self) -> TrainingResult:
        """Train to the last step and write ``trainer_stats.json``."""
        result = super().run()
        tokens = result.steps * self.units_per_step
        stats = {"steps": result.steps, "tokens": tokens, "seconds": result.seconds}
        write_json(self.directory / "trainer_stats.json", stats)
        return result


class HeldOutLogger(Callback):
    """Logs the bits per byte of held-out text every so many steps and after the last."""

    def __init__(self, logger: MetricsLogger, every: int, measure: Callable[[], float]) -> None:
        self.logger, self.every, self.measure = logger, every, measure

    def after_step(self, trainer: Trainer, result: StepResult) -> None:
        """Measure and log where it is due."""
        step = trainer.state.step
        if step % self.every == 0 or trainer.finished:
            self.logger.log.write({"step": step, "held_out_bits_per_byte": self.measure()})


def _compiled(body: nn.Module) -> Callable[..., Any]:
    say("compiling the model (about half a minute)")
    return torch.compile(body, dynamic=False)


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True)


class HeldOutFigures(_Figures):
    """Bits per byte over so many held-out ``documents`` of a kind, of ``bytes`` in all."""

    bits_per_byte: float
    bytes: int
    documents: int


class SampleTexts(_Figures):
    """A beginning, continued greedily and by seeded sampling."""

    prompt: str
    greedy: str
    sampled: str


class PretrainingStats(_Figures):
    """``trainer_stats.json`` of a pre-training: steps, tokens, seconds."""

    steps: int
    tokens: int
    seconds: float


class BaseModelFigures(_Figures):
    """``figures.json``: what the card of a base model shows; ``held_out`` by kind of text."""

    parameters: int
    held_out: dict[str, HeldOutFigures]
    samples: list[SampleTexts]
    stats: PretrainingStats


@torch.no_grad()
def held_out_by_kind(trainer: Pretrainer) -> dict[str, HeldOutFigures]:
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
        kind: HeldOutFigures(
            bits_per_byte=nll / math.log(2) / size, bytes=int(size), documents=int(count)
        )
        for kind, (nll, size, count) in sorted(sums.items())
    }


@torch.no_grad()
def sample_texts(trainer: Pretrainer, tokenizer: Any, tokens: int = 80) -> list[SampleTexts]:
    """The recipe's beginnings, continued greedily and by seeded sampling."""
    model = trainer.model.eval()
    samples, control = [], ControlTokens(tokenizer)
    for prompt in trainer.recipe.prompts:
        start = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        ids = torch.tensor([[*start, *control.ids(control.mask(prompt))]], device=model.device)
        mask = torch.ones_like(ids)
        torch.manual_seed(trainer.recipe.seed)
        settings = {"max_new_tokens": tokens, "attention_mask": mask, "repetition_penalty": 1.0}
        greedy = model.generate(ids, do_sample=False, **settings)
        sampled = model.generate(
            ids, do_sample=True, temperature=0.8, top_p=0.95, top_k=0, **settings
        )

        def decode(row: torch.Tensor) -> str:
            return str(tokenizer.decode(row[0], skip_special_tokens=True))

        samples.append(SampleTexts(prompt=prompt, greedy=decode(greedy), sampled=decode(sampled)))
    return samples


def save_base_model(trainer: Pretrainer, tokenizer: Any, target: Path) -> BaseModelFigures:
    """Write weights (bf16 safetensors), tokenizer and generation settings.

    Return the figures of the model card.
    """
    stats = (trainer.directory / "trainer_stats.json").read_text()
    figures = BaseModelFigures(
        parameters=sum(p.numel() for p in trainer.model.parameters()),
        held_out=held_out_by_kind(trainer),
        samples=sample_texts(trainer, tokenizer),
        stats=PretrainingStats.model_validate_json(stats),
    )
    trainer.model.to(dtype=torch.bfloat16)
    trainer.model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return figures
