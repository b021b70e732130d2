"""Model cards with the metadata that model hubs read: of a run, of a base model, of an export."""

from typing import TYPE_CHECKING

import yaml
from pydantic import Field

from medtune.evaluation.results import Change, Estimate, Result
from medtune.recipe.published_names import published_name
from medtune.recipe.schema import PretrainRecipe
from medtune.report.figures import Figures, MetricRow
from medtune.report.markdown import code_span, markdown_line, markdown_paragraphs
from medtune.report.sections import forgetting, harm
from medtune.report.verdict import p_text

if TYPE_CHECKING:
    from medtune.training.pretraining import BaseModelFigures


def _metadata(figures: Figures) -> str:
    recipe, names = figures.recipe, _source_names(figures)
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": {"name": ", ".join(names), "type": "medtune-test-split"},
            "metrics": [
                {
                    "type": f"{row.task}_{row.metric}",
                    "value": round(row.after.value, 6),
                    "name": row.title,
                }
                for row in figures.rows
            ],
        }
    ]
    head = {
        "license": "other",
        "license_name": "that-of-base-model-and-data",
        "base_model": recipe.model.name,
        "library_name": "peft" if recipe.train.method == "lora" else "transformers",
        "pipeline_tag": "text-generation",
        "datasets": names,
        "tags": ["medical", "medtune"],
        "model-index": [{"name": recipe.name, "results": results}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _p(change: Change) -> str:
    return "not tested" if change.p_corrected is None else p_text(change.p_corrected)


def _table(figures: Figures) -> str:
    lines = [
        "| figure | before (95 %) | after (95 %) | change (95 %) | corrected p | n | decision |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in figures.rows:
        cells = (_span(row.before), _span(row.after), _span(row.change), _p(row.change))
        decision = "; ".join([row.decision, *row.notes])
        shown = " | ".join([*cells, row.before.items, decision])
        lines.append(f"| {markdown_line(row.title)} | {shown} |")
    return "\n".join(lines)


def _source_names(figures: Figures) -> list[str]:
    """The sources' names: of a file its own, never its path on the machine."""
    return [source.name for source in figures.audit.sources]


def _sources(figures: Figures) -> str:
    lines = ["| source | licence | rows | SHA-256 |", "|---|---|---|---|"]
    for source in figures.audit.sources:
        for file in source.files:
            name = markdown_line(f"{source.name} ({file.name})")
            digest, licence = f"`{file.sha256[:16]}…`", markdown_line(source.licence)
            lines.append(f"| {name} | {licence} | {file.rows:,} | {digest} |")
    return "\n".join(lines)


def _weights(figures: Figures) -> str:
    digest = figures.state.base.weights_sha256
    return (
        f"Base weights (SHA-256): `{digest}`."
        if digest
        else "The weights lie at a service, which shows none."
    )


def _use(figures: Figures) -> str:
    """What the recipe's statement says, else what holds for every run."""
    statement = figures.recipe.statement
    use = markdown_paragraphs(statement.intended_use or "") or (
        "Research and teaching on fine-tuning and its evaluation. "
        "Who may use it for what else: not stated."
    )
    limits = [f"Not for: {markdown_line(statement.out_of_scope)}"] if statement.out_of_scope else []
    return "\n\n".join([use, *limits])


def _line(row: MetricRow) -> str:
    """Before → after with intervals, and what a test says."""
    sides = f"{_span(row.before)} → {_span(row.after)}"
    decision = "; ".join([row.decision, *row.notes])
    facts = f"{sides}, n = {row.before.items}, {_p(row.change)}"
    return f"- {markdown_line(row.title)}: {facts}: {decision}."


def _published(figures: Figures) -> str:
    """What became of the parts in which rows were published; nothing where there were none."""
    published = figures.audit.published_split
    sentences = published.sentences() if published else ()
    return "".join(f"{one[0].upper()}{one[1:]}.\n" for one in sentences)


def _measured_harm(figures: Figures) -> str:
    """Harm, forgetting and calibration beside the benefit; what did not run is "not measured"."""
    none = ["- Not measured."]
    parts = {
        "Harm (rules over prompts that ask for safe advice; none found is not “safe”)": [
            _line(row) for part in harm(figures) for row in part.rows
        ],
        "Forgetting (general text)": [_line(row) for rows in forgetting(figures) for row in rows],
        "Calibration": _calibration(figures),
    }
    return "\n\n".join(
        "\n".join([f"**{title}**", "", *(lines or none)]) for title, lines in parts.items()
    )


def _calibration(figures: Figures) -> list[str]:
    """Calibration error of each task, before → after, with intervals and the signal that
    confidence carries.
    """
    lines = []
    for task, sides in figures.confidence.items():
        facts = [sides[side] for side in ("before", "after") if side in sides]
        errors = " → ".join(_span(side.ece) for side in facts)
        signals = " → ".join(side.signal for side in facts)
        lines.append(
            f"- Calibration error (ECE), {markdown_line(task)}: {errors}; "
            f"right and wrong told apart: {signals}."
        )
    return lines


def _span(figure: Estimate) -> str:
    span = "" if figure.low is None else f" ({figure.low:.4g} to {figure.high:.4g})"
    return f"{figure.value:.4g}{span}"


def model_card(figures: Figures) -> str:
    """The model card in Markdown, with the hub's metadata at its head."""
    recipe, audit, train = figures.recipe, figures.audit, figures.metrics.train
    missing = "\n".join(f"- {markdown_line(text)}" for text in figures.not_measured())
    steps = f"{train.steps:,} steps over {train.tokens:,} tokens"
    training = steps if figures.metrics.trained else "not trained yet"
    rows = {name: f"{split.rows:,}" for name, split in audit.splits.items()}
    tokens = audit.tokens
    return f"""---
{_metadata(figures)}---

# {markdown_line(recipe.name)}

{markdown_line(recipe.description)} Made with medtune from {code_span(recipe.model.name)} \
({recipe.train.method} fine-tuning, {training}, seed {recipe.seed}).

**Research only: not a medical device, not for clinical use. \
Its answers may be wrong and dangerous.**

## Did it help?

{markdown_line(figures.verdict)}

{_table(figures)}

Differences are paired on the same items ({figures.metrics.data.test:,} in the test split), \
tested over groups and corrected by
Holm over all tested metrics.

## Harm beside benefit

{_measured_harm(figures)}

## Data

{_sources(figures)}

{audit.rows.drawn:,} rows used in {audit.groups.count:,} groups: training \
{rows["train"]}, validation
{rows["validation"]}, test {rows["test"]}. Rows shared between training and the rest after \
normalisation:
{audit.leaked}. {_published(figures)}\
Training rows cut to {tokens.max_length} tokens: {tokens.truncated_rows:,}.

## Intended use

{_use(figures)}

## Not measured

{missing}

## Reproduce

    medtune run recipe.yaml --out NEW{" --data-dir DIR" if figures.state.data_dir else ""}

{_weights(figures)} Versions and hardware stand in run.json.
"""


def base_model_card(recipe: PretrainRecipe, figures: "BaseModelFigures") -> str:
    """Markdown with the metadata that model hubs read."""
    held_out = "\n".join(
        f"| {markdown_line(kind)} | {row.bits_per_byte:.3f} | {row.documents:,} | {row.bytes:,} |"
        for kind, row in figures.held_out.items()
    )
    samples = "\n\n".join(
        f"**{markdown_line(s.prompt)}**\n\n- greedy: {_figure_line(s.greedy)}\n"
        f"- sampled (temperature 0.8): {_figure_line(s.sampled)}"
        for s in figures.samples
    )
    stats = figures.stats
    shape, train, corpus = recipe.model, recipe.train, recipe.corpus
    origin = (
        f"continued from {markdown_line(published_name(shape.continue_from))}"
        if shape.continue_from
        else (
            f"a Llama-style decoder from scratch: width {shape.width}, "
            f"{shape.layers} layers, "
            f"{shape.heads} heads, feed-forward {shape.feed_forward}, "
            f"context {shape.context}, tied embeddings, "
            f"byte-level BPE of {shape.vocabulary:,} tokens"
        )
    )
    return f"""---
license: cc-by-4.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [medical, tiny, medtune]
---

# {markdown_line(recipe.name)}

{markdown_line(recipe.description)} {figures.parameters:,} parameters; {origin}. \
It is a base for trying, teaching and testing fine-tuning.
**It knows almost no medicine, answers wrongly with confidence, \
and must not be used for any medical purpose.**

## How it was made

Recipe {code_span(recipe.name)} of medtune ({code_span(f"medtune pretrain {recipe.name}")}): \
{stats.steps:,} steps, {stats.tokens:,} tokens
({train.epochs:g} passes), {train.optimizer} at {train.learning_rate:g}, \
{train.schedule} schedule,
{stats.seconds / 60:.0f} minutes, seed {recipe.seed}.

## Corpus, attribution, licence

{markdown_line(corpus.attribution)}. Licence of the texts: \
{markdown_line(corpus.licence or "as stated by their owners")}. The corpus itself is not
distributed with the model. The weights are offered under CC BY 4.0 with the same attribution.

## Held-out bits per byte

{corpus.held_out:.0%} of the documents of each kind were never trained on \
(documents that share an identifier together).

| kind of text | bits per byte | documents | bytes |
|---|---|---|---|
{held_out}

## Samples, not chosen

{samples}

## Limits

A very small model of English textbook and abstract prose. It repeats itself, \
invents facts, numbers and doses, and has not been
aligned or checked for safety. Documents outside its corpus, \
other languages and long texts are beyond it.
"""


def _figure_line(text: str) -> str:
    return markdown_line(text)


RELATIONS = {
    "adapter": "adapter",
    "merged": "finetune",
    "merged-4bit": "quantized",
    "gguf": "quantized",
}
FORMS = {
    "adapter": "The adapter alone, as trained: load it on its base with PEFT.",
    "merged": "Base and adapter (or all trained weights) in one, in {dtype}.",
    "merged-4bit": "Base and adapter (or all trained weights) in one, the linear layers in NF4 "
    "with double quantization (bitsandbytes), the rest in {dtype}.",
    "gguf": "Base and adapter (or all trained weights) in one GGUF file, the matrices in {dtype}; "
    "it was read back and compared.",
}
LIBRARIES = {"adapter": "peft", "gguf": "gguf"}
STAGES = {
    "merge": "merged, float32",
    "merge_in_float64": "merged, float64",
    "rounding": "written in {dtype}",
    "four_bits": "written in NF4",
}


class LogitAgreement(Result):
    """How near an export's logits are to the run's model: largest absolute difference, mean KL
    divergence (nats a token), share of ``tokens`` positions with the same likeliest token.
    """

    largest: float
    kl: float
    same_best: float
    tokens: int


class ExportFacts(Result):
    """What was exported (``bytes`` in all ``files``), and how near it is to the run's model.

    ``questions``, ``bound`` and agreements are of merged weights only; ``merge_in_float64`` was
    measured where float32 missed the bound.
    """

    form: str
    run: str
    base: str
    dtype: str = ""
    questions: int = 0
    bound: float = 0.0
    merge: LogitAgreement | None = None
    merge_in_float64: LogitAgreement | None = None
    rounding: LogitAgreement | None = None
    four_bits: LogitAgreement | None = None
    same_answers: int = 0
    answers: int = 0
    texts: int = 0
    files: list[str] = Field(default_factory=list)
    bytes: int = 0
    directory: str = ""
    address: str = ""

    @property
    def agreements(self) -> dict[str, LogitAgreement]:
        """Those that were measured, by stage, in the order of the work."""
        stages = {
            "merge": self.merge,
            "merge_in_float64": self.merge_in_float64,
            "rounding": self.rounding,
            "four_bits": self.four_bits,
        }
        return {stage: agreement for stage, agreement in stages.items() if agreement}


def export_card(card: str, facts: ExportFacts) -> str:
    """``card`` (Markdown with YAML metadata) with the metadata of this form and a section on the
    export.
    """
    _, head, body = card.split("---\n", 2)
    metadata = yaml.safe_load(head)
    metadata["library_name"] = LIBRARIES.get(facts.form, "transformers")
    metadata["base_model_relation"] = RELATIONS[facts.form]
    top = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    return f"---\n{top}---\n{body.rstrip()}\n\n## This export\n\n{_section(facts)}\n"


def _section(facts: ExportFacts) -> str:
    text = (
        FORMS[facts.form].format(dtype=facts.dtype)
        + " The figures above were measured on the run's own model."
    )
    if facts.merge is None:
        return text
    lines = [
        f"{text} On {facts.questions} held-out questions ({facts.merge.tokens} tokens), "
        "against the run's model in float32:",
        "",
        "| | largest difference of a logit | mean KL divergence (nats a token) "
        "| same likeliest token |",
        "|---|---|---|---|",
    ]
    for stage, a in facts.agreements.items():
        title = STAGES[stage].format(dtype=facts.dtype)
        lines.append(f"| {title} | {a.largest:.2g} | {a.kl:.2g} | {a.same_best:.1%} |")
    if facts.texts:
        lines += ["", read_back(facts)]
    return "\n".join(lines)


def read_back(facts: ExportFacts) -> str:
    """What reading a GGUF file back showed, beside its logits, in a sentence."""
    return (
        f"Read back: {facts.texts} texts became the same tokens, and {facts.same_answers} of "
        f"{facts.answers} greedy answers are the run's model's."
    )
