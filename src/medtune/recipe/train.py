"""`train`: how a model is fine-tuned; and the sections of a pre-training recipe."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from medtune.recipe.base import Positive, Schedule, Section, Seed, Share


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021, arXiv:2106.09685)."""

    r: Positive = Field(8, description="Rank.")
    alpha: Positive = Field(32, description="Scale: the update is multiplied by alpha / r.")
    dropout: Share = Field(0.0, description="Dropout before the adapter.")
    targets: Literal["auto"] | list[str] = Field(
        "auto",
        description="Modules to adapt; auto: every linear layer of the body (c_attn for GPT-2).",
    )
    rslora: bool = Field(
        False,
        description="Scale by alpha / sqrt(r) instead (Kalajdzievski 2023, arXiv:2312.03732).",
    )
    dora: bool = Field(
        False,
        description="Learn magnitude and direction apart (Liu et al. 2024, arXiv:2402.09353).",
    )


class Hosted(Section):
    """A fine-tuning job on the service of `model.endpoint`, used when method is hosted."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Literal["auto"] = Field(
        "auto", description="Passes over the data."
    )
    batch_size: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        "auto", description="Rows to one step."
    )
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", description="Of the service's own learning rate."
    )
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Part of the tuned model's name; null: the recipe's name."
    )
    encoding: Literal["cl100k_base", "o200k_base"] = Field(
        "cl100k_base", description="Tokens are counted with it."
    )
    usd_per_million_tokens: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Price of training, for the cost that is shown before anything is sent."
    )
    budget_usd: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="A job that would cost more is not sent; null: any cost, after confirmation.",
    )
    poll_seconds: Annotated[float, Field(gt=0)] = Field(
        10, description="Pause between two looks at the job."
    )


class Train(Section):
    """How the model is trained."""

    method: Literal["full", "lora", "qlora", "hosted"] = Field(
        "lora",
        description="All weights, low-rank adapters, adapters on 4-bit weights, or a job on a "
        "hosted service.",
    )
    lora: Lora = Field(default_factory=Lora, description="Used when method is lora or qlora.")
    hosted: Hosted = Field(default_factory=Hosted, description="Used when method is hosted.")
    seed: Seed | None = Field(
        None,
        description="Seed of training alone (adapters, order of rows, dropout); null: the "
        "recipe's seed.",
    )
    epochs: Annotated[float, Field(gt=0, le=100_000)] = Field(
        1, description="Passes over the training split."
    )
    max_steps: Positive | None = Field(None, description="Stops early, for trials.")
    optimizer: Literal["adamw", "adamw_8bit", "muon"] = Field(
        "adamw",
        description="AdamW, the same with moments in 8 bits (bitsandbytes), or Muon for the "
        "body's matrices and AdamW "
        "for the rest (full only).",
    )
    gradient_checkpointing: bool | Literal["auto"] = Field(
        "auto",
        description="Recompute activations in the backward pass; auto: where memory would not do "
        "without.",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        1e-4, description="Peak learning rate (of Muon where used)."
    )
    adam_learning_rate: Annotated[float, Field(gt=0)] = Field(
        1e-3, description="With Muon: the rate of AdamW for embeddings, head and vectors."
    )
    betas: tuple[float, float] = Field((0.9, 0.95), description="AdamW's moment decays.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Decoupled weight decay on matrices."
    )
    schedule: Schedule = Field(
        "linear", description="Course of the learning rate; wsd: warm-up, stable, decay."
    )
    warmup: Annotated[float, Field(ge=0)] = Field(
        0.03, description="Warm-up: below 1 a share of all steps, else steps."
    )
    max_grad_norm: Annotated[float, Field(gt=0)] | None = Field(
        1.0, description="Gradient clipping; null: none."
    )
    batch_size: Positive = Field(
        4, description="Conversations in one forward pass, over all processes."
    )
    gradient_accumulation: Positive = Field(4, description="Forward passes to one optimizer step.")
    max_length: Positive = Field(
        1024,
        description="Tokens of one conversation (sequence-to-sequence: of the source); never "
        "above the context.",
    )
    max_target_length: Positive | None = Field(
        None, description="Sequence-to-sequence: tokens of one answer; null: as max_length."
    )
    loss_on: Literal["answer", "all"] = Field("answer", description="Tokens that are learnt.")
    log_every: Positive = Field(
        1, description="Optimizer steps between two lines of train/metrics.jsonl."
    )
    validate_every: Positive | None = Field(
        None, description="Optimizer steps between two validations; null: ten times in the run."
    )
    early_stopping: Positive | None = Field(
        None, description="Stop after this many validations without a better loss; null: never."
    )
    keep_best: bool = Field(
        True, description="End with the weights of the best validation, not of the last step."
    )
    save_every: Positive = Field(50, description="Optimizer steps between two checkpoints.")
    save_minutes: Annotated[float, Field(gt=0)] | None = Field(
        10,
        description="Minutes between two checkpoints, whatever save_every says, but saving takes "
        "at most a twentieth of the time; null: by steps alone.",
    )
    trackers: list[Literal["tensorboard", "mlflow", "wandb"]] = Field(
        default=[],
        description="Experiment trackers to log losses to (never texts), through accelerate.",
    )

    @model_validator(mode="after")
    def _muon_is_full(self) -> "Train":
        if self.optimizer == "muon" and self.method != "full":
            raise ValueError(
                "optimizer: muon works on whole weights; use method: full, or optimizer: adamw "
                "with lora"
            )
        return self


class Corpus(Section):
    """Plain text to pre-train on."""

    source: str = Field(
        description="A table, a text file, or a file or directory of a clinical format; also by "
        "name in --data-dir."
    )
    text: str = Field("text", description="Column of the text.")
    kind: str | None = Field(
        None, description="Column naming the kind of text; held-out figures are given by kind."
    )
    group: str | None = Field(None, description="Column whose equal values are held out together.")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.03, description="Share of the groups never trained on."
    )
    licence: str = Field("", description="Stated in the model card.")
    attribution: str = Field("", description="Stated in the model card.")


class Architecture(Section):
    """A Llama-style decoder from scratch, or `continue_from` an existing model."""

    continue_from: str | None = Field(
        None, description="A model directory or hub name to go on from; null: from scratch."
    )
    vocabulary: Annotated[int, Field(ge=300)] = Field(
        8192, description="Byte-level BPE tokens, trained on the corpus."
    )
    width: Positive = Field(256, description="Hidden size.")
    layers: Positive = Field(8, description="Decoder layers.")
    heads: Positive = Field(4, description="Attention heads.")
    feed_forward: Positive = Field(704, description="Width of the gated feed-forward layers.")
    context: Positive = Field(
        512, description="Tokens of one training block, and the model's context."
    )


class Pretraining(Section):
    """How the base model is trained."""

    epochs: Annotated[float, Field(gt=0)] = Field(1, description="Passes over the corpus.")
    max_steps: Positive | None = Field(None, description="Stops early, for trials.")
    batch_tokens: Positive = Field(4096, description="Tokens to one optimizer step.")
    optimizer: Literal["adamw", "muon"] = Field(
        "muon", description="Muon for matrices and AdamW for the rest, or AdamW."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        0.02, description="Of Muon, or of AdamW when used alone."
    )
    adam_learning_rate: Annotated[float, Field(gt=0)] = Field(
        4e-3, description="Of AdamW beside Muon."
    )
    betas: tuple[float, float] = Field((0.9, 0.95), description="AdamW's moment decays.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.05, description="Decoupled, on the body's matrices."
    )
    schedule: Schedule = Field("wsd", description="Course of the learning rate.")
    warmup: Annotated[float, Field(ge=0)] = Field(
        50, description="Below 1 a share of all steps, else steps."
    )
    decay: Annotated[float, Field(gt=0, le=1)] = Field(
        0.4, description="wsd: share of the steps spent decaying."
    )
    max_grad_norm: Annotated[float, Field(gt=0)] | None = Field(
        1.0, description="Gradient clipping; null: none."
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Weights while computing."
    )
    compile: bool = Field(
        False, description="torch.compile: about a third faster; needs a C++ compiler."
    )
    log_every: Positive = Field(20, description="Optimizer steps between two log lines.")
    save_every: Positive = Field(
        250, description="Optimizer steps between two checkpoints and held-out checks."
    )
    save_minutes: Annotated[float, Field(gt=0)] | None = Field(
        10,
        description="Minutes between two checkpoints, whatever save_every says, but saving takes "
        "at most a twentieth of the time; null: by steps alone.",
    )


class PretrainRecipe(Section):
    """A base model from plain text."""

    name: str = Field(
        pattern=r"^\w[\w.-]*$", description="Name of the run's directory below runs/."
    )
    kind: Literal["pretrain"]
    description: str = Field("", description="One sentence for lists and for the model card.")
    seed: Annotated[int, Field(ge=0)] = Field(42, description="Seed of every random choice.")
    corpus: Corpus
    model: Architecture = Field(default_factory=Architecture)
    train: Pretraining = Field(default_factory=Pretraining)
    prompts: list[str] = Field(
        default=["Diabetes is", "The heart", "Treatment of", "The study found that"],
        description="Beginnings that the model card shows continued.",
    )
