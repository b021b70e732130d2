"""Packages beside the shipped recipes, each for the recipes that name it; the core knows none."""
