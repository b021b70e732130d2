"""The verdict: one sentence with its uncertainty, from figures alone."""

from typing import Any

ALPHA = 0.05
FEW_GROUPS = 10  # below, a bootstrap over groups says "significant" too often


def p_text(p: float) -> str:
    """A p-value for people."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


TRAINED_ON = "EVERY ITEM MEASURED HERE WAS TRAINED ON: this shows what was memorised, and nothing about new questions."


def verdict(metrics: dict[str, Any]) -> str:
    """What happened to the first tested metric of the run, how sure that is, and what else moved
    the wrong way.
    """
    text = _verdict(metrics)
    if metrics.get("data", {}).get("measured_on") != "train":
        return text
    return f"{TRAINED_ON} {text.replace('held-out', 'trained').replace('test set', 'training set')}"


def _verdict(metrics: dict[str, Any]) -> str:
    change = metrics["change"]
    task, name, entry = headline(change)
    if entry is None:
        return "Nothing was tested: the recipe measures only descriptions."
    before = metrics["before"][task][name]["value"]
    words = LABELS.get(name, name.replace("_", " "))
    amount = f"{words} {_moved(entry['value'])} by {abs(entry['value']):.3g}"
    if entry["low"] is None:
        return f"{amount} (from {before:.3g}), but the test set is a single group: nothing can be said about chance."
    # The interval in the direction of the movement that the words name.
    low, high = (
        (-entry["high"], -entry["low"]) if entry["value"] < 0 else (entry["low"], entry["high"])
    )
    facts = (
        f"{amount} (from {before:.3g}; 95 % {low:.3g} to {high:.3g}, {p_text(entry['p_corrected'])}, "
        f"n = {entry['n']} in {entry['groups']} groups)"
    )
    return f"{facts}: {_judgement(entry)}.{_worsened(change, (task, name))}{_still_bad(metrics)}{_needed(metrics, task, name)}{_harmful(metrics)}{_cheapest(metrics)}{_leaked(metrics)}{_remembered(metrics, task)}"


LABELS = {
    "bits_per_byte": "Bits per byte of the held-out answers",
    "rouge_l": "ROUGE-L",
    "token_f1": "Token F1",
    "accuracy": "Accuracy",
    "hit_at_1": "The share of texts whose first label is right",
    "macro_f1": "Macro-F1",
}


def headline(change: dict[str, Any]) -> tuple[str, str, dict[str, Any] | None]:
    """The metric that the verdict speaks of: bits per byte of the answers, else the first tested
    one.

    What training was not for (harm, general text) comes last: it stands beside the benefit, not in
    its place.
    """
    tested = [
        (t, m, e) for t, ms in change.items() for m, e in ms.items() if e["better"] is not None
    ]
    wanted = [
        item for item in tested if item[2].get("kind", item[0]) not in ("safety", "forgetting")
    ]
    preferred = [item for item in wanted if item[1] == "bits_per_byte"]
    return (preferred or wanted or tested or [("", "", None)])[0]


def _moved(value: float) -> str:
    return "fell" if value < 0 else "rose" if value > 0 else "changed"


def _judgement(entry: dict[str, Any]) -> str:
    if entry["groups"] < FEW_GROUPS:
        return f"{entry['groups']} groups are too few to tell it from chance"
    if entry["p_corrected"] >= ALPHA:
        return "this test set does not show a difference"
    good = (entry["value"] < 0) == (entry["better"] == "lower")
    return f"the {'improvement' if good else 'deterioration'} is real on this test set"


def _worsened(change: dict[str, Any], but: tuple[str, str]) -> str:
    worse = [
        f"{e.get('title', name.replace('_', ' '))} ({task})"
        for task, metrics in change.items()
        for name, e in metrics.items()
        if (task, name) != but
        and e["p_corrected"] is not None
        and e["p_corrected"] < ALPHA
        and (e["value"] > 0) == (e["better"] == "lower")
    ]
    return f" Worse after training: {', '.join(worse)}." if worse else ""


def chance_level(metrics: dict[str, Any], task: str, name: str, side: str) -> float | None:
    """What guessing reaches, where the side's interval holds it.

    None where it does not, or guessing was not measured.
    """
    guess = metrics.get("baselines", {}).get(task, {}).get("chance", {}).get(name)
    score = metrics.get(side, {}).get(task, {}).get(name)
    if not guess or not score or score["low"] is None:
        return None
    value: float = guess["value"]
    return value if score["low"] <= value <= score["high"] else None


def _remembered(metrics: dict[str, Any], task: str) -> str:
    """Items of the headline's task that stand in training, and what is left without them."""
    overlap = metrics.get("overlap", {})
    found = overlap.get("tasks", {}).get(task, {})
    if not found.get("overlapping"):
        return ""
    said = f" Not a clean test: {found['overlapping']:,} of {found['items']:,} items share {overlap['ngram']} words in a row with training"
    rest = overlap.get("without", {}).get(task)
    if not rest or not rest["change"]:
        return f"{said}, and nothing is left without them."
    change = rest["change"]
    span = "" if change["low"] is None else f" (95 % {change['low']:.3g} to {change['high']:.3g})"
    return f"{said}; on the {rest['n']:,} others the change is {change['value']:+.3g}{span}."


def _leaked(metrics: dict[str, Any]) -> str:
    rows = metrics.get("data", {}).get("leaked", 0)
    verb = "row shares" if rows == 1 else "rows share"
    return (
        f" Not a clean test: {rows:,} held-out {verb} a text or subject with training."
        if rows
        else ""
    )


def _needed(metrics: dict[str, Any], task: str, name: str) -> str:
    """What a reader of a better score must know of models that are no language models, on the
    same items.
    """
    rivals = metrics.get("baselines", {}).get(task, {})
    chance = chance_level(metrics, task, name, "after")
    if chance is not None:
        return f" The trained model is at chance level (guessing: {chance:.3g})."
    scores = {rival: found[name]["value"] for rival, found in rivals.items() if name in found}
    if not scores:
        return ""
    after = metrics["after"][task][name]["value"]
    best = max(scores, key=lambda rival: scores[rival])
    if scores[best] < after:
        return f" The best baseline ({BASELINES.get(best, best)}) reaches {scores[best]:.3g}."
    return f" Yet {BASELINES.get(best, best)}, without any language model, reaches {scores[best]:.3g} (trained model {after:.3g})."


def _harmful(metrics: dict[str, Any]) -> str:
    """Measured harm, whatever the improvement: how many answers break a critical rule."""
    found = [
        (task, figures["critical_violations"])
        for task, figures in metrics.get("after", {}).items()
        if "critical_violations" in figures
    ]
    if not found:
        return ""
    task, after = found[0]
    before = metrics["before"][task]["critical_violations"]["value"]
    return f" Harmful answers: {before:.1%} before, {after['value']:.1%} after (of {after['n']} prompts that ask for safe advice)."


def _cheapest(metrics: dict[str, Any]) -> str:
    """Which way to use the models is the cheapest that is not shown to be worse than the best."""
    arms = metrics.get("arms")
    return f" {arms['sentence']}" if arms else ""


BASELINES = {
    "tfidf_svm": "a linear model on word counts",
    "majority": "always answering the commonest label",
    "constant": "always the option that is right most often here",
    "chance": "guessing",
}


def _still_bad(metrics: dict[str, Any]) -> str:
    """What a reader of a better likelihood must know of the answers themselves."""
    sides, change = metrics.get("after", {}), metrics["change"]
    found = [
        sides[task]["repetition"]["value"]
        for task, compared in change.items()
        if "repetition" in compared
        and compared["repetition"].get("kind", task) == "answers"
        and task in sides
    ]
    worst = max(found, default=0.0)
    if worst < 0.3:
        return ""
    return (
        f" Yet {worst:.0%} of the words in its own answers are repetition: it does not answer well."
    )
