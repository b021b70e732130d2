"""LitGPT's own LoRA fine-tuning of the benchmark's rows.

It has no GPT-2: a GPT-NeoX of the same shapes stands in.

PYTHON lit.py litgpt-fp32|litgpt-bf16 JOB.json SCRATCH
"""

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from job import ALPHA, LEARNING_RATE, RANK, Clock, Job
from litgpt.args import EvalArgs, TrainArgs
from litgpt.config import Config
from litgpt.data import DataModule
from litgpt.data.base import get_sft_collate_fn
from litgpt.finetune import lora
from litgpt.model import GPT
from litgpt.prompts import Default
from litgpt.utils import save_config
from torch.utils.data import DataLoader


class DoneError(Exception):
    """Enough steps were timed."""


class Rows(DataModule):
    """The job's rows in their order.

    Times the steps by the moments at which batches are asked for.
    """

    def __init__(self, job: Job, clock: Clock) -> None:
        super().__init__()
        self.job, self.clock, self.asked, self.tokens = job, clock, 0, 0
        self.prompt_style = Default()
        self.collate = get_sft_collate_fn(max_seq_length=512)

    def connect(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to be told."""

    def _loader(self, collate: Any) -> DataLoader:
        columns = self.job.columns()
        rows = [
            {
                "input_ids": torch.tensor(ids),
                "labels": torch.tensor(labels),
                "token_counts": {"raw": len(ids), "raw_plus_prompt_template": len(ids)},
            }
            for ids, labels in zip(columns["input_ids"], columns["labels"], strict=True)
        ]
        return DataLoader(rows, batch_size=self.job.batch_size, collate_fn=collate)

    def _timed(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        if self.asked % self.job.accumulation == 0:
            if self.asked:
                self.clock.stop(self.tokens)
            if len(self.clock.seconds) == self.job.all_steps:
                raise DoneError
            self.tokens = 0
            self.clock.start()
        self.asked += 1
        self.tokens += sum(len(sample["input_ids"]) for sample in samples)
        return dict(self.collate(samples))

    def train_dataloader(self) -> DataLoader:
        """Timed batches."""
        return self._loader(self._timed)

    def val_dataloader(self) -> DataLoader:
        """The same rows, untimed: LitGPT scores two batches before it begins."""
        return self._loader(partial(self.collate))


def checkpoint(job: Job, place: Path) -> None:
    """Random weights in LitGPT's own format, with the tokenizer's files that it asks for."""
    config = Config(
        name="gpt2-shaped",
        block_size=1024,
        vocab_size=50257,
        padded_vocab_size=50257,
        n_layer=12,
        n_embd=768,
        n_head=12,
        parallel_residual=False,
        gelu_approximate="tanh",
    )
    place.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(GPT(config).state_dict(), place / "lit_model.pth")
    save_config(config, place)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(job.model) / name, place / name)


def main() -> None:
    """Command line."""
    name, path, scratch = sys.argv[1:]
    job = Job.read(path)
    clock = Clock(job.warmup)
    checkpoint(job, Path(scratch) / "checkpoint")
    try:
        lora.setup(
            Path(scratch) / "checkpoint",
            Path(scratch) / "out",
            precision="bf16-true" if name.endswith("bf16") else "32-true",
            lora_r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=0.0,
            lora_query=True,
            lora_key=True,
            lora_value=True,
            data=Rows(job, clock),
            train=TrainArgs(
                save_interval=None,
                global_batch_size=job.batch_size * job.accumulation,
                micro_batch_size=job.batch_size,
                lr_warmup_steps=1,
                epochs=10,
                max_seq_length=512,
            ),
            eval=EvalArgs(
                interval=10**6,
                max_new_tokens=1,
                max_iters=1,
                initial_validation=False,
                final_validation=False,
            ),
            optimizer={
                "class_path": "torch.optim.AdamW",
                "init_args": {"lr": LEARNING_RATE, "weight_decay": 0.0},
            },
        )
    except DoneError:
        clock.report()


if __name__ == "__main__":
    main()
