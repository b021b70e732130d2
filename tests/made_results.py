"""Scores and changes for tests that start from figures, not from a model."""

from medtune.evaluation.decisions import decide
from medtune.evaluation.results import Change, Score


def made_score(value=0.5, spread=0.05, n=100, groups=None):
    """A score with an interval of ``spread`` on both sides (None: without)."""
    low, high = (None, None) if spread is None else (value - spread, value + spread)
    return Score(value=value, low=low, high=high, n=n, groups=groups or n)


def made_change(
    value=0.1, low=0.05, high=0.15, p=0.001, *, better="higher", corrected=..., **others
):
    """A change, decided by the one rule."""
    facts = {"n": 120, "groups": 90, "test": "paired bootstrap", "title": "", "unit": ""} | others
    p_corrected = p if corrected is ... else corrected
    decision = decide(value, better, p_corrected, facts["groups"])
    spread = {"value": value, "low": low, "high": high, "p": p, "p_corrected": p_corrected}
    return Change(**spread, better=better, decision=decision, **facts)
