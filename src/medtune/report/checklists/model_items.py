"""What a run says to the items of reporting checklists about model, training, prompts and
machines.
"""

from typing import Any

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
    state = facts.figures.state
    base, made = state["base"], state.get("result", {})
    revision = facts.recipe["model"].get("revision")
    weights = base.get("weights_sha256") or "not shown by the service"
    trained = made.get("weights_sha256") or (
        "not shown by the service" if made else "not trained yet"
    )
    return (
        f"Base: {base['name']}{f', revision {revision}' if revision else ''}, weights SHA-256 {weights}. "
        f"Trained: {trained}; trained on {_date(state, 'train')}. Software: medtune {state['versions']['medtune']}."
    )


def _date(state: dict[str, Any], stage: str) -> str:
    return str(state["stages"].get(stage, {}).get("end", "a date that is not recorded"))[:10]


def development(facts: Facts) -> Filled | str:
    """Method, hyper-parameters, loss."""
    train, wanted, figures = facts.figures.metrics["train"], facts.recipe["train"], facts.figures
    if not train:
        return unmeasured("Not trained yet.")
    settings = ", ".join(
        f"{name.replace('_', ' ')} {wanted[name]}" for name in HYPER if wanted.get(name) is not None
    )
    sizes = (
        f"{train['trainable_parameters']:,} of {train['parameters']:,} parameters; "
        if "parameters" in train
        else ""
    )
    losses = [row["loss"] for row in figures.log if "loss" in row]
    loss = (
        f" Training loss a token: {losses[0]:.3g} at the first step, {losses[-1]:.3g} at the last."
        if losses
        else ""
    )
    kept = (
        f" Kept: step {train['best_step']}, with the best validation loss."
        if train.get("best_step")
        else ""
    )
    return (
        f"Supervised fine-tuning ({METHODS.get(wanted['method'], wanted['method'])}): {sizes}{settings}; {train['steps']:,} steps over "
        f"{train['tokens']:,} tokens, {train['supervised_tokens']:,} of them learnt.{loss}{kept} No alignment by preferences."
    )


def template(facts: Facts) -> str:
    """The prompt as the model saw it, with the question left out; empty where no task kept one."""
    for side in ("after", "before"):
        for samples in facts.figures.samples[side].values():
            for sample in samples[:1]:
                question, prompt = sample.get("question"), sample.get("prompt", "")
                if question and question in prompt:
                    return str(prompt.replace(question, "{question}"))
    return ""


def prompts(facts: Facts) -> Filled | str:
    """Rendered template, decoding, seed."""
    shown = template(facts)
    if not shown:
        return unmeasured("Nothing was generated yet.")
    decoding = facts.recipe["evaluate"]["decoding"]
    tasks = "; ".join(
        f"{key}: {how_measured(facts.figures, key)}" for key in facts.figures.metrics["before"]
    )
    return (
        f"Prompt: {shown!r}. {tasks}. Seed {facts.recipe['seed']}; sampled answers, for reading alone: temperature "
        f"{decoding['temperature']}, nucleus {decoding['top_p']}. Stop: the end-of-turn token. Every prompt stands in eval/*/*.samples.jsonl."
    )


def outputs(facts: Facts) -> Filled | str:
    """Raw and parsed outputs, and what could not be parsed."""
    if not facts.figures.metrics["before"]:
        return unmeasured("Nothing was measured yet.")
    parsed = [
        f"{row['task']}: {row['before']:.1%} before, {row['after']:.1%} after"
        for row in facts.changes
        if row["metric"] == "parse_rate"
    ]
    read = (
        f"Answers that could be read: {'; '.join(parsed)}; the others count as wrong. "
        if parsed
        else "No answer had to be parsed. "
    )
    return f"Text, or log-likelihoods of given texts, kept item by item as the model gave them. {read}".strip()


def decisions(facts: Facts) -> str:
    """How classes were decided and thresholds found."""
    likely = [
        key
        for key in facts.figures.metrics["before"]
        if facts.figures.kind(key) in ("classification", "multiple_choice")
    ]
    text = (
        f"{', '.join(likely)}: the option with the highest score, ties by their share; no threshold."
        if likely
        else "No classes were decided."
    )
    found = [
        side.get("threshold")
        for sides in facts.figures.confidence.values()
        for side in sides.values()
        if side
    ]
    known = [limit["status"] for limit in found if limit]
    if "set" in known:
        text += " The threshold below which ask and chat abstain was set on validation rows (eval/confidence.json)."
    elif known:
        text += f" A threshold below which ask and chat abstain could not be set on validation rows: {known[-1]}."
    return text  # fmt: skip


def tuning(facts: Facts) -> str:
    """What was learnt of a row."""
    share = facts.figures.audit.tokens.splits["train"].supervised_share
    shown = template(facts)
    return (
        f"A training row is a conversation{f' rendered as {shown!r} and the answer' if shown else ''}; the answer and its end-of-turn token are "
        f"learnt ({share:.0%} of the training tokens), the rest is context. `medtune inspect recipe.yaml` shows rows token by token. "
        "No person evaluated through an interface."
    )


def compute(facts: Facts) -> Filled | str:
    """Machine, time, memory, operations, cost."""
    train, stats, machine = (
        facts.figures.metrics["train"],
        facts.figures.stats,
        facts.figures.state["hardware"],
    )
    if not train:
        return unmeasured("Not trained yet.")
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, GPU: {', '.join(machine['gpus']) or 'none'}",
        f"training {duration(train['seconds'])}, {train['tokens_per_second']:,.0f} tokens/s",
    ]
    if "peak_memory_bytes" in train:
        parts.append(f"peak memory {train['peak_memory_bytes'] / 2**30:.2f} GiB")
    if stats.get("total_flos"):
        parts.append(f"about {stats['total_flos']:.2g} floating-point operations")
    if train.get("cost_usd"):
        parts.append(f"cost {train['cost_usd']:.2f} USD")
    return "; ".join(parts) + "."


def access(facts: Facts) -> str:
    """Where the model runs, on which machine."""
    model, machine = facts.recipe["model"], facts.figures.state["hardware"]
    where = (
        "behind an endpoint"
        if model.get("endpoint")
        else "on this machine, from local weights, without network access"
    )
    return f"{where}; {machine['processor']}, {machine['cores']} cores, GPU: {', '.join(machine['gpus']) or 'none'}."


def availability(facts: Facts) -> str:
    """Items 14e: where the data are."""
    lines = [
        f"{s.name}: {s.published or 'not published as far as known'}; licence {s.licence}"
        for s in facts.figures.audit.sources
    ]
    return ". ".join(lines) + ". The splits lie in data/ of the run."  # fmt: skip


def code(facts: Facts) -> str:
    """Items 14f: what makes the run again."""
    versions = ", ".join(
        f"{name} {version}" for name, version in facts.figures.state["versions"].items()
    )
    return f"medtune run recipe.yaml --out NEW; recipe.yaml lies in the run's directory. Versions: {versions}."


def summary(facts: Facts) -> str:
    """The run in two sentences."""
    return f"{facts.recipe['description']} {facts.recipe['model']['name']}, fine-tuned on {names(facts)}. {facts.figures.verdict}"
