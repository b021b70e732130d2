"""Quantities with units, read from text and compared."""
