"""What the figures of a confidence say, in sentences for a report."""

from typing import Any

Facts = dict[str, Any]
MEANT = {
    "options": "Confidence is the softmax over the scores of the options: the share of the likeliest one.",
    "answers": "Confidence is exp(mean log-likelihood a token) of the model's own answer. An answer counts as right where "
    "its ROUGE-L with the reference is at least 0.3 (the convention of Kuhn et al. 2023): overlap of words, not a "
    "judgement by a clinician.",
}
NAMES = {
    "margin": "margin to the second option",
    "likelihood_per_token": "likelihood a token of the chosen option",
    "self_consistency": "self-consistency of sampled answers",
    "semantic_entropy": "semantic entropy of sampled answers (low is sure)",
}


def sentences(facts: Facts) -> list[str]:
    """A sentence or two each on calibration, signal, selection, and what validation set."""
    told = [
        MEANT[facts["kind"]],
        _missing(facts),
        _calibration(facts),
        _signal(facts),
        _further(facts),
    ]
    told += [_selection(facts), _temperature(facts), _conformal(facts), _threshold(facts)]
    return [text for text in told if text]


def _f(value: float) -> str:
    return f"{value:.3f}"


def _band(figure: Facts) -> str:
    if figure["low"] is None:
        return f"{_f(figure['value'])} (no interval)"
    return f"{_f(figure['value'])} ({_f(figure['low'])}–{_f(figure['high'])})"


def _missing(facts: Facts) -> str:
    return (
        f"{facts['without']:,} items have no confidence and are left out here."
        if facts["without"]
        else ""
    )


def _calibration(facts: Facts) -> str:
    ece = facts["ece"]
    chance = ece["perfect"]
    if ece["value"] <= chance["high"]:
        verdict = "no more than chance would give"
    else:
        verdict = "overconfident" if facts["confidence"] > facts["right"] else "underconfident"
        verdict = f"more than chance would give; on the whole the model is {verdict}"
    return (
        f"Mean confidence {_f(facts['confidence'])}, right {_f(facts['right'])} of the time. Calibration error {_band(ece)}; "
        f"a perfectly calibrated model with these {facts['n']:,} confidences would show {_f(chance['mean'])} "
        f"({_f(chance['low'])}–{_f(chance['high'])}): {verdict}."
    )


def _signal(facts: Facts) -> str:
    own, length = facts["auroc"], facts["length_auroc"]
    if own is None:
        return "Whether confidence tells right from wrong was not measured: fewer than five answers are right, or wrong."
    baseline = f"Answer length alone ({length['direction']} is surer) reaches {_band(length)}"
    if facts["signal"] == "signal":
        return f"Confidence carries a signal: AUROC {_band(own)}. {baseline}."
    why = (
        "its interval does not lie above 0.5"
        if own["low"] <= 0.5
        else "it is not surely better than length"
    )
    return f"No signal: AUROC {_band(own)}, {why}. {baseline}."


def _further(facts: Facts) -> str:
    parts = [
        f"{NAMES[name]}: AUROC {_band(entry['auroc']) if entry['auroc'] else 'not measured'} (n = {entry['n']:,})"
        for name, entry in facts["further"].items()
    ]
    return f"Other signals: {'; '.join(parts)}." if parts else ""


def _selection(facts: Facts) -> str:
    area = facts["aurc"]
    return (
        f"Answering the surest first, the mean share of wrong answers over all coverages (AURC) is {_f(area['value'])}; "
        f"in random order it would be {_f(area['random'])}, at best {_f(area['oracle'])}."
    )


def _temperature(facts: Facts) -> str:
    found = facts["temperature"]
    if not found:
        return "Temperature scaling was not measured."
    effect = "lowers" if found["ece_after"] < found["ece_before"] else "does not lower"
    limit = " (the end of the range that is searched)" if found["at_limit"] else ""
    return (
        f"Temperature {found['value']:.3g}{limit}, fitted on {found['n_validation']:,} validation items, {effect} the "
        f"calibration error on test: {_f(found['ece_before'])} before, {_f(found['ece_after'])} after; negative "
        f"log-likelihood {_f(found['nll_before'])} before, {_f(found['nll_after'])} after."
    )


def _conformal(facts: Facts) -> str:
    if facts["kind"] != "options":
        return ""
    found = facts["conformal"]
    if not found:
        return "Conformal sets were not measured."
    if found["limit"] is None:
        few = f"{found['n_validation']:,} validation items are too few for {found['stated']:.0%}"
        why = (
            few
            if found["expected"] == 1
            else "on validation the right answer is too often none of the options"
        )
        return f"Conformal sets: {why}, so every option is in every set."
    return (
        f"Conformal sets, stated to hold the right option {found['stated']:.0%} of the time, do so in "
        f"{_band(found['reached'])} of the test items, with {found['mean_size']:.2f} of {found['options']:.3g} options on "
        f"average ({found['n_validation']:,} validation items; {found['one']:.0%} of the sets hold one option, "
        f"{found['none']:.0%} none)."
    )


def _threshold(facts: Facts) -> str:
    found = facts["threshold"]
    if not found:
        return "A threshold for abstaining was not measured: no validation items with a confidence."
    wanted, status = f"{found['wanted']:.0%}", found["status"]
    if status == "out of reach":
        return f"No threshold: at no confidence are {wanted} of at least ten validation answers right. Nothing is held back."
    if found["value"] is None:
        return f"No threshold: on validation confidence shows {_unknown(status)}. Nothing is held back."
    if status == "not needed":
        return f"All validation answers together are right {found['right']:.0%} of the time ({wanted} wanted): nothing is held back."
    test = found["test"]
    right = "none" if test["right"] is None else f"{test['right']:.0%}"
    who = "ask and chat abstain" if facts["kind"] == "answers" else "the model had better abstain"
    return (
        f"Below {_f(found['value'])} {who}: on validation {found['right']:.0%} of the answers from there on "
        f"are right ({wanted} wanted), {found['coverage']:.0%} of all; on test {right} of {test['n']:,} "
        f"({test['coverage']:.0%} of all)."
    )


def _unknown(status: str) -> str:
    return (
        "no signal"
        if status == "no signal"
        else "no signal that could be measured (fewer than five right, or wrong)"
    )
