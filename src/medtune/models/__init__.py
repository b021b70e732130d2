"""Weights, adapters and precision behind one protocol."""
