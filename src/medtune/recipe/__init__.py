"""The one truth of configuration."""
