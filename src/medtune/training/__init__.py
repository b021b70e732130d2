"""A model and tokens become a better model."""
