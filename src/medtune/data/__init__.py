"""Files to clean conversations in splits; knows no tokens and no models."""
