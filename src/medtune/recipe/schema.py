"""The one definition of a recipe. YAML, overrides, checks, help and the reference page all come from here."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

TOPICS = [
    "What are the symptoms and treatment for paracetamol poisoning?",
    "Explain the causes and symptoms of Congenital adrenal hyperplasia.",
    "Describe the transmission, symptoms, and treatment of Anthrax.",
    "What is Cachexia, and how does it affect the body?",
    "Explain the causes, symptoms, and treatment of Botulism.",
]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def _off(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class Columns(Section):
    """Which column of a file plays which part. Left out: columns are recognised by their usual names."""

    question: str | None = Field(None, description="What the user asks.")
    answer: str | None = Field(None, description="The answer to learn.")
    context: str | None = Field(None, description="Text put before the question, such as a passage or a report.")
    system: str | None = Field(None, description="A system message, row by row.")
    messages: str | None = Field(None, description="A whole conversation: a list of {role, content} or {from, value}.")
    entity: str | None = Field(None, description="What the row is about (a disease); rows of one entity stay together.")
    label: str | None = Field(None, description="A class, used to stratify.")
    id: str | None = Field(None, description="The row's own identifier.")


class Split(Section):
    """Shares of the groups in each split. A group never lies in two splits."""

    train: Share = Field(0.8, description="Share for training.")
    validation: Share = Field(0.1, description="Share for validation during training.")
    test: Share = Field(0.1, description="Share for the measurement before and after.")
    group_by: list[Literal["question", "answer", "entity"]] = Field(
        default=["question", "answer", "entity"],
        description="Rows that share one of these after normalisation form one group.",
    )

    @model_validator(mode="after")
    def _shares(self) -> "Split":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
        if not self.train or not self.test:
            raise ValueError("train and test must both be above 0")
        return self


class SourceSpec(Section):
    """One source of several, with its part in the mixture."""

    name: str = Field(description="A known source, a file, or a directory of MedQuAD XML.")
    columns: Columns | None = Field(None, description="Column names of this file; null: those of data.columns.")
    rows: Positive | None = Field(None, description="Rows to draw from it, by seed and stratified; null: all.")
    weight: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Its part in the mixture against the other weights; the scarcest source sets the total."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _short(self, serialize: SerializerFunctionWrapHandler) -> Any:
        """A source without a part of its own is written as its name."""
        values = serialize(self)
        return self.name if all(value is None for key, value in values.items() if key != "name") else values


class Clean(Section):
    """Repairs of texts, each counted and shown with examples in the audit; each can be switched off."""

    encoding: bool = Field(True, description="Text decoded wrongly somewhere before (mojibake), by ftfy.")
    line_endings: bool = Field(True, description="\\r\\n, \\r and Excel's _x000D_ become line breaks.")
    literal_newlines: bool = Field(True, description="A backslash followed by n that was meant as a line break.")
    markup: bool = Field(True, description="HTML tags and entities, wiki links, templates, headings and quotes.")
    brands: list[str] = Field(
        default=["Chat Doctor", "ChatDoctor"],
        description="Names spliced into texts, also inside words: taken out. An empty list switches it off.",
    )
    leftovers: bool = Field(True, description="What pointed at a web page: watch the video, click here, <link>.")
    tables: bool = Field(True, description="The flattened symptom tables of MedQuAD become lists.")
    comma_breaks: bool = Field(True, description="Commas that were line breaks (MTSamples) become line breaks.")
    blanks: bool = Field(True, description="Runs of blanks, blanks at edges and before a closing question mark.")
    labels: bool = Field(True, description="Blanks around and in labels.")
    boilerplate: bool = Field(
        True, description="Greetings, thanks and good-byes at the edges of answers, learned from each source."
    )
    boilerplate_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="A short sentence at the edge of this share of a source's answers is boilerplate."
    )
    cut_off: Literal["keep", "trim", "drop"] = Field(
        "keep", description="Answers that end without a full stop: count only, cut to the last whole sentence, drop."
    )
    min_answer_words: Annotated[int, Field(ge=0)] = Field(
        2, description="Answers of fewer words are left out (labels and options are not)."
    )


class NearDuplicates(Section):
    """Texts that share most of their three-word shingles, found by MinHash (Broder 1997)."""

    policy: Annotated[Literal["group", "drop", "off"], BeforeValidator(_off)] = Field(
        "group", description="Keep near-duplicates in one group, keep only the first answer of each, or do not look."
    )
    threshold: Annotated[float, Field(ge=0.3, le=1)] = Field(0.8, description="Jaccard similarity from which on.")
    min_words: Annotated[int, Field(ge=3)] = Field(
        12, description="Shorter texts are compared exactly only: questions alike in form ask for different things."
    )


class Contamination(Section):
    """Overlap of training rows with held-out rows and with public benchmarks: counted and listed, never hidden."""

    check: bool = Field(True, description="Whether to look.")
    against: list[str] | None = Field(
        None,
        description="Benchmarks, by known name or file; null: those that are here (medqa, medmcqa, pubmedqa, mmlu_medical).",
    )
    ngram: Annotated[int, Field(ge=5)] = Field(13, description="Words in a row that count as overlap.")


class Data(Section):
    """Where the conversations come from and how they are split."""

    source: Annotated[list[SourceSpec], BeforeValidator(_as_list)] = Field(
        min_length=1,
        description="A known source (`curated`, `medquad`), a file (.csv .tsv .json .jsonl .parquet), a directory of "
        "MedQuAD XML, or a list of these; a source may be `{name: …, rows: …}` or `{name: …, weight: …}`.",
    )
    columns: Columns = Field(default_factory=Columns, description="Column names of your own file.")
    clean: Clean = Field(default_factory=Clean, description="Repairs of the texts.")
    near_duplicates: NearDuplicates = Field(
        default_factory=NearDuplicates, description="Texts that are almost the same."
    )
    contradictions: Literal["group", "first", "drop", "label_sets"] = Field(
        "group",
        description="One question with several answers, one text with several labels: keep all in one group, keep the "
        "first, drop them, or make one row with the set of its labels.",
    )
    contamination: Contamination = Field(default_factory=Contamination, description="Overlap with held-out texts.")
    system_prompt: str | None = Field(None, description="A system message put before every conversation without one.")
    limit: Positive | None = Field(None, description="Rows to keep, drawn by seed and stratified, never the first n.")
    stratify_by: Literal["auto", "label", "source", "none"] = Field(
        "auto",
        description="What `limit` and the split keep in proportion; auto: the label where there is one, else source.",
    )
    split: Split = Field(default_factory=Split, description="How the rows are divided.")
    overlong: Literal["truncate", "drop", "error"] = Field(
        "truncate", description="A training row longer than `train.max_length`: cut it, leave it out, or stop."
    )
    identifiers: Annotated[Literal["off", "report", "mask", "drop", "refuse"], BeforeValidator(_off)] = Field(
        "report",
        description="Patients' identifiers that a scan can see (names in context, dates, ages over 89, numbers, addresses): "
        "count them, replace them, drop the row, or stop. An aid, not a guarantee.",
    )

    @model_validator(mode="after")
    def _mixture(self) -> "Data":
        weighted = sum(source.weight is not None for source in self.source)
        if weighted and weighted != len(self.source):
            raise ValueError("give every source a weight, or none")
        if any(source.weight is not None and source.rows is not None for source in self.source):
            raise ValueError("a source takes rows or weight, not both")
        if len({source.name for source in self.source}) < len(self.source):
            raise ValueError("a source is there twice")
        return self


class Model(Section):
    """The language model to start from."""

    name: str = Field(description="`medtune-base`, a local directory, or a name on the model hub.")
    revision: str | None = Field(None, description="A commit or tag on the hub.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Weights while computing; auto: bfloat16 where the machine multiplies it fast, else float32.",
    )
    chat_template: Literal[
        "auto", "plain", "alpaca", "chatml", "gemma", "llama-2", "llama-3", "mistral", "phi-3", "qwen2.5", "zephyr"
    ] = Field(
        "auto",
        description="How turns are written; auto: the tokenizer's own, else by its vocabulary's turn markers, else plain.",
    )
    quantization: None = Field(None, description="Reserved for 4-bit and 8-bit weights; only null is taken today.")


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021, arXiv:2106.09685)."""

    r: Positive = Field(8, description="Rank.")
    alpha: Positive = Field(32, description="Scale: the update is multiplied by alpha / r.")
    dropout: Share = Field(0.0, description="Dropout before the adapter.")
    targets: Literal["auto"] | list[str] = Field(
        "auto", description="Modules to adapt; auto: every linear layer of the body (c_attn for GPT-2)."
    )


Schedule = Literal["linear", "cosine", "constant", "wsd"]


class Train(Section):
    """How the model is trained."""

    method: Literal["full", "lora"] = Field("lora", description="All weights, or low-rank adapters.")
    lora: Lora = Field(default_factory=Lora, description="Used when method is lora.")
    epochs: Annotated[float, Field(gt=0)] = Field(1, description="Passes over the training split.")
    max_steps: Positive | None = Field(None, description="Stops early, for trials.")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="AdamW, or Muon for the body's matrices and AdamW for the rest (full only)."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(1e-4, description="Peak learning rate (of Muon where used).")
    adam_learning_rate: Annotated[float, Field(gt=0)] = Field(
        1e-3, description="With Muon: the rate of AdamW for embeddings, head and vectors."
    )
    betas: tuple[float, float] = Field((0.9, 0.95), description="AdamW's moment decays.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Decoupled weight decay on matrices.")
    schedule: Schedule = Field("linear", description="Course of the learning rate; wsd: warm-up, stable, decay.")
    warmup: Annotated[float, Field(ge=0)] = Field(
        0.03, description="Warm-up: below 1 a share of all steps, else steps."
    )
    max_grad_norm: Annotated[float, Field(gt=0)] | None = Field(1.0, description="Gradient clipping; null: none.")
    batch_size: Positive = Field(4, description="Conversations in one forward pass, over all processes.")
    gradient_accumulation: Positive = Field(4, description="Forward passes to one optimizer step.")
    max_length: Positive = Field(1024, description="Tokens of one conversation; never above the model's own context.")
    loss_on: Literal["answer", "all"] = Field("answer", description="Tokens that are learnt.")
    log_every: Positive = Field(1, description="Optimizer steps between two lines of train/metrics.jsonl.")
    validate_every: Positive | None = Field(
        None, description="Optimizer steps between two validations; null: ten times in the run."
    )
    early_stopping: Positive | None = Field(
        None, description="Stop after this many validations without a better loss; null: never."
    )
    keep_best: bool = Field(True, description="End with the weights of the best validation, not of the last step.")
    save_every: Positive = Field(50, description="Optimizer steps between two checkpoints.")
    trackers: list[Literal["tensorboard", "mlflow", "wandb"]] = Field(
        default=[], description="Experiment trackers to log losses to (never texts), through accelerate."
    )

    @model_validator(mode="after")
    def _muon_is_full(self) -> "Train":
        if self.optimizer == "muon" and self.method == "lora":
            raise ValueError("optimizer: muon works on whole weights; use method: full, or optimizer: adamw with lora")
        return self


class Decoding(Section):
    """How texts are generated. Greedy for figures; the sampled answers are for reading."""

    max_new_tokens: Positive = Field(160, description="Tokens at most in one answer.")
    temperature: Annotated[float, Field(gt=0)] = Field(0.7, description="Of the sampled answers of `topics`.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="Nucleus of the sampled answers of `topics`.")


class Evaluate(Section):
    """What is measured before and after training, on the same items."""

    tasks: list[Literal["perplexity", "answers", "topics"]] = Field(
        default=["perplexity", "answers", "topics"], description="Tasks by name."
    )
    limit: Positive | None = Field(None, description="Test conversations at most in `answers`, drawn by seed.")
    topics: list[str] = Field(
        default=TOPICS, description="Questions for `topics`. Rows of the data on the same subject never train."
    )
    decoding: Decoding = Field(default_factory=Decoding, description="Settings of generation.")
    batch_size: Positive = Field(16, description="Answers generated together. Figures do not depend on it in float32.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Number format of the measurement; auto: float32 for models up to 1 GiB, else as model.dtype auto.",
    )
    resamples: Positive = Field(10_000, description="Bootstrap resamples behind intervals and p-values.")


class Recipe(Section):
    """A whole run: data, model, training and evaluation."""

    name: str = Field(pattern=r"^\w[\w.-]*$", description="Name of the run's directory below runs/.")
    description: str = Field("", description="One sentence for lists and for the report.")
    seed: Annotated[int, Field(ge=0)] = Field(42, description="Seed of every random choice.")
    data: Data
    model: Model
    train: Train = Field(default_factory=Train)
    evaluate: Evaluate = Field(default_factory=Evaluate)


class Corpus(Section):
    """Plain text to pre-train on."""

    source: str = Field(description="A Parquet, JSON-lines or text file; also by name in --data-dir.")
    text: str = Field("text", description="Column of the text.")
    kind: str | None = Field(None, description="Column naming the kind of text; held-out figures are given by kind.")
    group: str | None = Field(None, description="Column whose equal values are held out together.")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(0.03, description="Share of the groups never trained on.")
    licence: str = Field("", description="Stated in the model card.")
    attribution: str = Field("", description="Stated in the model card.")


class Architecture(Section):
    """A Llama-style decoder from scratch, or `continue_from` an existing model."""

    continue_from: str | None = Field(
        None, description="A model directory or hub name to go on from; null: from scratch."
    )
    vocabulary: Annotated[int, Field(ge=300)] = Field(8192, description="Byte-level BPE tokens, trained on the corpus.")
    width: Positive = Field(256, description="Hidden size.")
    layers: Positive = Field(8, description="Decoder layers.")
    heads: Positive = Field(4, description="Attention heads.")
    feed_forward: Positive = Field(704, description="Width of the gated feed-forward layers.")
    context: Positive = Field(512, description="Tokens of one training block, and the model's context.")


class Pretraining(Section):
    """How the base model is trained."""

    epochs: Annotated[float, Field(gt=0)] = Field(1, description="Passes over the corpus.")
    max_steps: Positive | None = Field(None, description="Stops early, for trials.")
    batch_tokens: Positive = Field(4096, description="Tokens to one optimizer step.")
    optimizer: Literal["adamw", "muon"] = Field(
        "muon", description="Muon for matrices and AdamW for the rest, or AdamW."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(0.02, description="Of Muon, or of AdamW when used alone.")
    adam_learning_rate: Annotated[float, Field(gt=0)] = Field(4e-3, description="Of AdamW beside Muon.")
    betas: tuple[float, float] = Field((0.9, 0.95), description="AdamW's moment decays.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.05, description="Decoupled, on the body's matrices.")
    schedule: Schedule = Field("wsd", description="Course of the learning rate.")
    warmup: Annotated[float, Field(ge=0)] = Field(50, description="Below 1 a share of all steps, else steps.")
    decay: Annotated[float, Field(gt=0, le=1)] = Field(0.4, description="wsd: share of the steps spent decaying.")
    max_grad_norm: Annotated[float, Field(gt=0)] | None = Field(1.0, description="Gradient clipping; null: none.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field("auto", description="Weights while computing.")
    compile: bool = Field(False, description="torch.compile: about a third faster; needs a C++ compiler.")
    log_every: Positive = Field(20, description="Optimizer steps between two log lines.")
    save_every: Positive = Field(250, description="Optimizer steps between two checkpoints and held-out checks.")


class PretrainRecipe(Section):
    """A base model from plain text."""

    name: str = Field(pattern=r"^\w[\w.-]*$", description="Name of the run's directory below runs/.")
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


AnyRecipe = Recipe | PretrainRecipe
SHIPPED = Path(__file__).parent / "shipped"
