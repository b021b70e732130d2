"""Repairs of texts: each step counted, each switchable, each shown with examples."""

from medtune.data.cleaning.boilerplate import Boilerplate
from medtune.data.cleaning.cleaner import Cleaner, Tally

__all__ = ["Boilerplate", "Cleaner", "Tally"]
