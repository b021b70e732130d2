"""The Trainer family: TRL's SFTTrainer, transformers' Trainer, and LLaMA-Factory, which is built
on it.

PYTHON hugging_face.py NAME JOB.json SCRATCH
"""

import itertools
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from job import ALPHA, LEARNING_RATE, RANK, SEED, Clock, Job
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


class Watch(TrainerCallback):
    """Times each optimizer step, and counts the real tokens that went into the model."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.tokens = clock, 0

    def count(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """A hook before every forward pass."""
        mask = kwargs.get("attention_mask")
        # LLaMA-Factory and TRL leave the mask out where nothing is padded.
        self.tokens += (
            int(mask.sum()) if mask is not None and mask.dim() == 2 else kwargs["input_ids"].numel()
        )

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        """The Trainer begins an optimizer step."""
        self.tokens = 0
        self.clock.start()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """It has ended one."""
        self.clock.stop(self.tokens)

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Its loss."""
        if logs and "loss" in logs:
            self.clock.losses.append(float(logs["loss"]))


def common(job: Job, scratch: str) -> dict[str, Any]:
    """What all of them are told: the same steps, rows in their order, the same optimizer."""
    return {
        "output_dir": scratch,
        "per_device_train_batch_size": job.batch_size,
        "gradient_accumulation_steps": job.accumulation,
        "max_steps": job.all_steps,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
    }


def adapter() -> Any:
    """LoRA as all have it."""
    from peft import LoraConfig

    return LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        target_modules=["c_attn"],
        fan_in_fan_out=True,
        task_type="CAUSAL_LM",
    )


def adapted(model: Any) -> Any:
    """The model with adapters drawn from the seed that medtune takes."""
    from peft import get_peft_model

    torch.manual_seed(SEED)
    return get_peft_model(model, adapter())


def segments(
    module: Any, query: Any, key: Any, value: Any, mask: Any, *, cu_seq_lens_q: Any, **kwargs: Any
) -> Any:
    """Attention of each packed row with itself: what flash attention does on a GPU, for TRL's
    packing on the CPU.
    """
    edges = cu_seq_lens_q.tolist()
    parts = [
        torch.nn.functional.scaled_dot_product_attention(
            query[:, :, a:b],
            key[:, :, a:b],
            value[:, :, a:b],
            is_causal=True,
            scale=kwargs.get("scaling"),
        )
        for a, b in itertools.pairwise(edges)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def trl(job: Job, scratch: str, name: str, clock: Clock) -> None:
    """SFTTrainer: as it comes, in plain fp32, or its best: packed, weights in bf16, no dropout,
    one fused GELU.
    """
    from datasets import Dataset
    from transformers import AttentionInterface
    from trl import SFTConfig, SFTTrainer

    options: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    if name == "trl-fp32":
        options = {
            "bf16": False,
            "gradient_checkpointing": False,
            "train_sampling_strategy": "sequential",
        }
        changes = NO_DROPOUT
    elif name == "trl-best":
        # Four packs of 512 twice: about as many real tokens a step as sixteen rows.
        options = {
            "bf16": False,
            "gradient_checkpointing": False,
            "packing": True,
            "max_length": 512,
        }
        options |= {"gradient_accumulation_steps": max(1, job.accumulation // 2)}
        changes = NO_DROPOUT | {"dtype": torch.bfloat16, "activation_function": "gelu_pytorch_tanh"}
    model = AutoModelForCausalLM.from_pretrained(job.model, **({"dtype": torch.float32} | changes))
    adapters = adapter() if job.method == "lora" else None
    if (
        name == "trl-fp32" and adapters
    ):  # TRL would draw other adapters, and the curve could not be compared
        model, adapters = adapted(model), None
    if name == "trl-best":
        AttentionInterface.register("segments", segments)
        model.set_attn_implementation("segments")
    data = Dataset.from_dict(
        {
            "input_ids": [ids for ids, _ in job.rows],
            "completion_mask": [
                [0] * prompt + [1] * (len(ids) - prompt) for ids, prompt in job.rows
            ],
        }
    )
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**(common(job, scratch) | {"completion_only_loss": True} | options)),
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(job.model),
        peft_config=adapters,
    )
    train(trainer, clock)


def plain(job: Job, scratch: str, clock: Clock) -> None:
    """Transformers' Trainer in fp32, batches padded to their longest row."""
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32, **NO_DROPOUT)
    if job.method == "lora":
        model = adapted(model)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    tokenizer.pad_token = tokenizer.eos_token
    arguments = TrainingArguments(**common(job, scratch), train_sampling_strategy="sequential")
    collator = DataCollatorForSeq2Seq(tokenizer)
    columns = job.columns()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    train(Trainer(model, arguments, collator, rows), clock)


def train(trainer: Any, clock: Clock) -> None:
    """Run it, watched."""
    watch = Watch(clock)
    body = next(m for m in trainer.model.modules() if type(m).__name__ == "GPT2Model")
    body.register_forward_pre_hook(watch.count, with_kwargs=True)
    trainer.add_callback(watch)
    trainer.train()


def llama_factory(job: Job, scratch: str, clock: Clock, dtype: str) -> None:
    """LLaMA-Factory's own run, on the same tokenized rows.

    Its Trainer is reached through a callback.
    """
    from datasets import Dataset, DatasetDict
    from llamafactory.train.tuner import run_exp

    columns = job.columns()
    columns["attention_mask"] = [[1] * len(ids) for ids in columns["input_ids"]]
    tokenized = str(Path(scratch) / "tokenized")
    DatasetDict({"train": Dataset.from_dict(columns)}).save_to_disk(tokenized)

    model = Path(scratch) / "model"
    shutil.copytree(job.model, model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | NO_DROPOUT))  # it has no option for it

    class Hooked(Watch):
        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
        ) -> None:
            body = next(m for m in model.modules() if type(m).__name__ == "GPT2Model")
            body.register_forward_pre_hook(self.count, with_kwargs=True)

    arguments = common(job, scratch) | {
        "model_name_or_path": str(model),
        "stage": "sft",
        "do_train": True,
        "template": "default",
        "dataset": "rows",  # asked for, though the tokenized rows are all that is read
        "tokenized_path": tokenized,
        "cutoff_len": 512,
        "disable_shuffling": True,
        "disable_gradient_checkpointing": True,
        "overwrite_cache": True,
        "bf16": dtype == "bf16",
    }
    if job.method == "lora":
        arguments |= {
            "finetuning_type": "lora",
            "lora_rank": RANK,
            "lora_alpha": ALPHA,
            "lora_dropout": 0.0,
        }
        arguments |= {"lora_target": "c_attn"}
    else:
        arguments |= {"finetuning_type": "full"}
    run_exp(arguments, callbacks=[Hooked(clock)])


def main() -> None:
    """Command line."""
    name, path, scratch = sys.argv[1:]
    job = Job.read(path)
    clock = Clock(job.warmup)
    torch.manual_seed(SEED)
    if name.startswith("trl"):
        trl(job, scratch, name, clock)
    elif name == "hf":
        plain(job, scratch, clock)
    else:
        llama_factory(job, scratch, clock, name.rpartition("-")[2])
    clock.report()


if __name__ == "__main__":
    main()
