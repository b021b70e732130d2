"""Reporting checklists of medical journals and hospitals, filled from a run: TRIPOD-LLM,
MI-CLEAR-LLM, the applied model card.
"""

from medtune.report.checklists.base import STATES, Checklist, Facts, FilledChecklist, Item
from medtune.report.checklists.lists import CLEAR, MODEL_CARD, TRIPOD
from medtune.report.figures import Figures

CHECKLISTS = (TRIPOD, CLEAR, MODEL_CARD)


def filled_checklists(figures: Figures) -> list[FilledChecklist]:
    """Every list, filled from a run."""
    facts = Facts(figures)
    return [checklist.filled(facts) for checklist in CHECKLISTS]


__all__ = ["CHECKLISTS", "STATES", "Checklist", "Facts", "Item", "filled_checklists"]
