"""Comparisons on the same items: before and after, variants of a run, seeds, sources, several
models.
"""
