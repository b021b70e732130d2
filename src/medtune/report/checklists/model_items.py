"""What a run says to the items of reporting checklists about model, training, prompts, machines
and literature.
"""

from importlib import resources

from medtune.evaluation.tasks.classification import ChoiceSample
from medtune.progress import duration
from medtune.report.checklists.base import Facts, Filled, unmeasured
from medtune.report.checklists.data_items import names
from medtune.report.sections import METHODS, how_measured

STAGE = "Research; not for clinical use."
HYPER = (
    "learning_rate",
    "schedule",
    "batch_size",
    "gradient_accumulation",
    "epochs",
    "max_steps",
    "weight_decay",
)


def identity(facts: Facts) -> str:
    """Name, revision, hashes, date of training."""
    state, revision = facts.figures.state, facts.recipe.model.revision
    name = f"{state.base.name}{f', revision {revision}' if revision else ''}"
    weights = state.base.weights_sha256 or "not shown by the service"
    trained = (
        state.result.weights_sha256 or "not shown by the service"
        if state.result
        else "not trained yet"
    )
    stage = state.stages.get("train")
    date = ((stage and stage.end) or "a date that is not recorded")[:10]
    return (
        f"Base: {name}, weights SHA-256 {weights}. Trained: {trained}; trained on {date}. "
        f"Software: medtune {state.versions['medtune']}."
    )


def development(facts: Facts) -> Filled | str:
    """Method, hyper-parameters, loss and sizes; unmeasured before a training."""
    train, recipe, figures = facts.figures.metrics.train, facts.recipe.train, facts.figures
    if not figures.metrics.trained:
        return unmeasured("Not trained yet.")
    values = {name: getattr(recipe, name) for name in HYPER}
    settings = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None
    )
    sizes = ""
    if train.parameters is not None:
        sizes = f"{train.trainable_parameters:,} of {train.parameters:,} parameters; "
    losses = [row["loss"] for row in figures.log if "loss" in row]
    loss = kept = ""
    if losses:
        loss = (
            f" Training loss a token: {losses[0]:.3g} at the first step, {losses[-1]:.3g} at the "
            "last."
        )
    if train.best_step:
        kept = f" Kept: step {train.best_step}, with the best validation loss."
    return (
        f"Supervised fine-tuning ({METHODS[recipe.method]}): {sizes}{settings}; "
        f"{train.steps:,} steps over {train.tokens:,} tokens, {train.supervised_tokens:,} of them "
        f"learnt.{loss}{kept} No alignment by preferences."
    )


def template(facts: Facts) -> str:
    """The prompt as the model saw it, with the question left out; empty where no task kept one."""
    for side in ("after", "before"):
        for samples in facts.figures.samples[side].values():
            for sample in samples[:1]:
                if sample.question and sample.question in sample.prompt:
                    return sample.prompt.replace(sample.question, "{question}")
    return ""


def prompts(facts: Facts) -> Filled | str:
    """Rendered template, decoding settings and seed; unmeasured before anything was generated."""
    shown = template(facts)
    if not shown:
        return unmeasured("Nothing was generated yet.")
    decoding = facts.recipe.evaluate.decoding
    tasks = "; ".join(
        f"{key}: {how_measured(facts.figures, key)}" for key in facts.figures.metrics.before
    )
    return (
        f"Prompt: {shown!r}. {tasks}. Seed {facts.recipe.seed}; sampled answers, for reading "
        f"alone: temperature {decoding.temperature}, nucleus {decoding.top_p}. Stop: the "
        "end-of-turn token. Every prompt stands in eval/*/*.samples.jsonl."
    )


def outputs(facts: Facts) -> Filled | str:
    """Raw and parsed outputs, and what could not be parsed."""
    if not facts.figures.metrics.before:
        return unmeasured("Nothing was measured yet.")
    parsed = [
        f"{row.task}: {row.before.value:.1%} before, {row.after.value:.1%} after"
        for row in facts.rows
        if row.metric == "parse_rate"
    ]
    read = (
        f"Answers that could be read: {'; '.join(parsed)}; the others count as wrong."
        if parsed
        else "No answer had to be parsed."
    )
    return (
        f"Text, or log-likelihoods of given texts, kept item by item as the model gave them. {read}"
    )


def decisions(facts: Facts) -> str:
    """How classes were decided and thresholds found."""
    figures = facts.figures
    likely = figures.of_sample(ChoiceSample) if figures.metrics.before else []
    text = "No classes were decided."
    if likely:
        text = (
            f"{', '.join(likely)}: the option with the highest score, ties by their share; no "
            "threshold."
        )
    sides = [side for sides in figures.confidence.values() for side in sides.values()]
    statuses = [side.threshold.status for side in sides if side.threshold]
    if "set" in statuses:
        return (
            f"{text} The threshold below which ask and chat abstain was set on validation rows "
            "(eval/confidence.json)."
        )
    if statuses:
        return (
            f"{text} A threshold below which ask and chat abstain could not be set on validation "
            f"rows: {statuses[-1]}."
        )
    return text


def tuning(facts: Facts) -> str:
    """What was learnt of a row."""
    share = facts.figures.audit.tokens.splits["train"].supervised_share
    shown = template(facts)
    rendered = f" rendered as {shown!r} and the answer" if shown else ""
    return (
        f"A training row is a conversation{rendered}; the answer and its end-of-turn token are "
        f"learnt ({share:.0%} of the training tokens), the rest is context. `medtune inspect "
        "recipe.yaml` shows rows token by token. No person evaluated through an interface."
    )


def _machine(facts: Facts) -> str:
    machine = facts.figures.state.hardware
    gpus = ", ".join(machine.gpus) or "none"
    return f"{machine.processor}, {machine.cores} cores, GPU: {gpus}"


def compute(facts: Facts) -> Filled | str:
    """Machine, time, memory, operations, cost."""
    train, stats = facts.figures.metrics.train, facts.figures.stats
    if not facts.figures.metrics.trained:
        return unmeasured("Not trained yet.")
    parts = [
        _machine(facts),
        f"training {duration(train.seconds)}, {train.tokens_per_second:,.0f} tokens/s",
    ]
    if train.peak_memory_bytes is not None:
        parts.append(f"peak memory {train.peak_memory_bytes / 2**30:.2f} GiB")
    if stats and stats.total_flos:
        parts.append(f"about {stats.total_flos:.2g} floating-point operations")
    if train.cost_usd:
        parts.append(f"cost {train.cost_usd:.2f} USD")
    return "; ".join(parts) + "."


def access(facts: Facts) -> str:
    """Where the model runs, on which machine."""
    where = (
        "behind an endpoint"
        if facts.recipe.model.endpoint
        else "on this machine, from local weights, without network access"
    )
    return f"{where}; {_machine(facts)}."


def availability(facts: Facts) -> str:
    """Item 14e: where the data are."""
    lines = [
        f"{source.name}: {source.published or 'not published as far as known'}; "
        f"licence {source.licence}"
        for source in facts.figures.audit.sources
    ]
    return f"{'. '.join(lines)}. The splits lie in data/ of the run."


def code(facts: Facts) -> str:
    """Item 14f: what makes the run again."""
    versions = ", ".join(f"{name} {value}" for name, value in facts.figures.state.versions.items())
    return (
        "medtune run recipe.yaml --out NEW; recipe.yaml lies in the run's directory. "
        f"Versions: {versions}."
    )


def summary(facts: Facts) -> str:
    """The run in two sentences."""
    recipe = facts.recipe
    return (
        f"{recipe.description} {recipe.model.name}, fine-tuned on {names(facts)}. "
        f"{facts.figures.verdict}"
    )


ALWAYS = ("gallifant2025", "park2024", "holm1979", "efron1993")
EXACT = ("mcnemar1947", "wilson1927", "newcombe1998")
LORA = ("hu2022",)
METHOD = {"lora": LORA, "qlora": (*LORA, "dettmers2023")}


def bibliography(facts: Facts) -> str:
    """BibTeX of the lists, the statistics and the methods that this run used, and of its model
    and sources.
    """
    keys = [*ALWAYS]
    keys += EXACT if any("exact" in row.change.test for row in facts.rows) else ()
    keys += ["lin2004"] if any(row.metric == "rouge_l" for row in facts.rows) else []
    keys += METHOD.get(facts.recipe.train.method, ())
    entries = _references()
    base = f"@misc{{base, title = {{{facts.recipe.model.name}}}, note = {{base model}}}}"
    sources = [
        f"@misc{{data{number}, title = {{{source.name}}}, "
        f"howpublished = {{{source.published or 'not stated'}}}, "
        f"note = {{licence: {source.licence}}}}}"
        for number, source in enumerate(facts.figures.audit.sources, 1)
    ]
    return "\n".join([*(entries[key] for key in keys), base, *sources])


def _references() -> dict[str, str]:
    """Key → entry of ``references.bib``, a line each."""
    file = resources.files("medtune.report") / "checklists" / "references.bib"
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line[line.index("{") + 1 : line.index(",")]: line for line in lines}
