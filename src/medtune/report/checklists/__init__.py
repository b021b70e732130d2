"""Reporting checklists of medical journals and hospitals, filled from a run: TRIPOD-LLM,
MI-CLEAR-LLM, the applied model card.
"""

from typing import Any

from medtune.report.checklists.base import STATES, Checklist, Facts, Item
from medtune.report.checklists.chai_model_card import MODEL_CARD
from medtune.report.checklists.mi_clear import CLEAR
from medtune.report.checklists.tripod import TRIPOD
from medtune.report.figures import Figures

CHECKLISTS = (TRIPOD, CLEAR, MODEL_CARD)


def filled_checklists(figures: Figures) -> list[dict[str, Any]]:
    """Every list: ``title``, ``source``, ``coverage``, ``counts`` by state, and ``items`` (id,
    title, who, state, text).
    """
    facts = Facts(figures)
    return [checklist.filled(facts) for checklist in CHECKLISTS]


__all__ = ["CHECKLISTS", "STATES", "Checklist", "Facts", "Item", "filled_checklists"]
