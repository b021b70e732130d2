"""A recipe of pre-training: corpus, architecture, training, and the prompts of its card."""

from typing import Annotated, Literal

from pydantic import Field

from medtune.recipe.base import Positive, Schedule, Section


class Corpus(Section):
    """Plain text to pre-train on."""

    source: str = Field(
        description="A Parquet, JSON-lines or text file; also by name in --data-dir."
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
