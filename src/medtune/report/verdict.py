"""The verdict: one sentence with its uncertainty, from figures alone."""

from medtune.evaluation.decisions import margin_notes, too_few_groups, unresolved
from medtune.evaluation.results import Change, Changes
from medtune.evaluation.tasks import TASKS
from medtune.report.run_metrics import Metrics, main_change


def p_text(p: float) -> str:
    """A p-value to three decimals, or "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


TRAINED_ON = (
    "EVERY ITEM MEASURED HERE WAS TRAINED ON: this shows what was memorised, and nothing about new "
    "questions."
)
LABELS = {m.name: m.label for task in TASKS.values() for m in task.metrics if m.label}
BASELINES = {b.name: b.phrase for task in TASKS.values() for b in task.baselines}
MUCH_REPETITION = 0.3  # of an answer's words


def verdict(metrics: Metrics) -> str:
    """What happened to the main metric of the run, how sure that is, and what else moved the wrong
    way.
    """
    text = _verdict(metrics)
    if metrics.data.measured_on != "train":
        return text
    return f"{TRAINED_ON} {text.replace('held-out', 'trained').replace('test set', 'training set')}"


def _untested(metrics: Metrics) -> str:
    loss = metrics.data.text_loss.get(metrics.data.measured_on)
    if loss and loss.answers.with_unknown == loss.answers.texts > 0:
        return (
            "Nothing was tested: every held-out answer holds tokens that the model's tokenizer "
            "does not know, and such an answer has no figure."
        )
    return "Nothing was tested: the recipe measures only descriptions."


def _verdict(metrics: Metrics) -> str:
    main = main_change(metrics.change)
    if main is None:
        return _untested(metrics)
    task, name, change = main
    before = metrics.before[task][name].value
    label = LABELS.get(name, name.replace("_", " "))
    amount = f"{label} {_moved(change.value)} by {abs(change.value):.3g}"
    if change.low is None or change.high is None or change.p_corrected is None:
        return (
            f"{amount} (from {before:.3g}), but the test set is a single group: nothing can be "
            "said about chance."
        )
    # The interval in the direction of the movement that the words name.
    fell = change.value < 0
    low, high = (-change.high, -change.low) if fell else (change.low, change.high)
    facts = (
        f"{amount} (from {before:.3g}; 95 % {low:.3g} to {high:.3g}, {p_text(change.p_corrected)}, "
        f"n = {change.n} in {change.groups} groups)"
    )
    further = (
        _worsened(metrics.change, (task, name)),
        _repeating(metrics),
        _baselines(metrics, task, name),
        _harmful(metrics),
        f" {metrics.arms.sentence}" if metrics.arms else "",
        _leaked(metrics),
        _remembered(metrics, task),
    )
    judgement = "; ".join([_judgement(change), *margin_notes(change.margin)])
    return f"{facts}: {judgement}.{''.join(further)}"


def _moved(value: float) -> str:
    return "fell" if value < 0 else "rose" if value > 0 else "changed"


def _judgement(change: Change) -> str:
    if change.decision == "better":
        return "the improvement is real on this test set"
    if change.decision == "worse":
        return "the deterioration is real on this test set"
    if unresolved(change):
        return (
            "no difference, since it is below what this arithmetic can resolve "
            f"({change.resolution:.1g})"
        )
    if few := too_few_groups(change):
        return f"{few} are too few to tell it from chance"
    return "this test set does not show a difference"


def _worsened(changes: Changes, main: tuple[str, str]) -> str:
    worse = [
        f"{change.title or name.replace('_', ' ')} ({task})"
        for task, metrics in changes.items()
        for name, change in metrics.items()
        if (task, name) != main and change.decision == "worse"
    ]
    return f" Worse after training: {', '.join(worse)}." if worse else ""


def chance_level(metrics: Metrics, task: str, name: str, side: str) -> float | None:
    """What guessing reaches, where the interval of ``side`` (before or after) holds it.

    None where it does not, or guessing was not measured.
    """
    guess = metrics.baselines.get(task, {}).get("chance", {}).get(name)
    score = (metrics.before if side == "before" else metrics.after).get(task, {}).get(name)
    if not guess or not score or score.low is None or score.high is None:
        return None
    return guess.value if score.low <= guess.value <= score.high else None


def _remembered(metrics: Metrics, task: str) -> str:
    """Items of the main task that stand in training, and what is left without them."""
    overlap = metrics.overlap
    shared = overlap.tasks.get(task) if overlap else None
    if overlap is None or shared is None or not shared.overlapping:
        return ""
    text = (
        f" Not a clean test: {shared.overlapping:,} of {shared.items:,} items share "
        f"{overlap.ngram} words in a row with training"
    )
    rest = overlap.without.get(task)
    if rest is None or rest.change is None:
        return f"{text}, and nothing is left without them."
    change = rest.change
    span = "" if change.low is None else f" (95 % {change.low:.3g} to {change.high:.3g})"
    return f"{text}; on the {rest.n:,} others the change is {change.value:+.3g}{span}."


def _leaked(metrics: Metrics) -> str:
    rows = metrics.data.leaked
    verb = "row shares" if rows == 1 else "rows share"
    text = f" Not a clean test: {rows:,} held-out {verb} a text or subject with training."
    return text if rows else ""


def _baselines(metrics: Metrics, task: str, name: str) -> str:
    """What a reader of a better score must know of models that are no language models, on the
    same items.
    """
    chance = chance_level(metrics, task, name, "after")
    if chance is not None:
        return f" The trained model is at chance level (guessing: {chance:.3g})."
    baselines = metrics.baselines.get(task, {})
    values = {key: scores[name].value for key, scores in baselines.items() if name in scores}
    if not values:
        return ""
    after = metrics.after[task][name].value
    best = max(values, key=lambda key: values[key])
    title, value = BASELINES.get(best, best), values[best]
    if value < after:
        return f" The best baseline ({title}) reaches {value:.3g}."
    return (
        f" Yet {title}, without any language model, reaches {value:.3g} "
        f"(trained model {after:.3g})."
    )


def _harmful(metrics: Metrics) -> str:
    """Measured harm, whatever the improvement: how many answers break a critical rule."""
    for task, scores in metrics.after.items():
        if after := scores.get("critical_violations"):
            before = metrics.before[task]["critical_violations"]
            return (
                f" Harmful answers: {before.value:.1%} before, {after.value:.1%} after "
                f"(of {after.n} prompts that ask for safe advice)."
            )
    return ""


def _repeating(metrics: Metrics) -> str:
    """What a reader of a better likelihood must know of the answers themselves."""
    shares = [
        metrics.after[task]["repetition"].value
        for task, changes in metrics.change.items()
        if "repetition" in changes and changes["repetition"].better and task in metrics.after
    ]
    worst = max(shares, default=0.0)
    if worst < MUCH_REPETITION:
        return ""
    return (
        f" Yet {worst:.0%} of the words in its own answers are repetition: it does not answer well."
    )
