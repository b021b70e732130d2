"""Quantities with units, read from text and compared."""

from medtune.text.quantities.doses import DoseAgreement, dose_agreement
from medtune.text.quantities.extract import Quantity, find_quantities

__all__ = ["DoseAgreement", "Quantity", "dose_agreement", "find_quantities"]
