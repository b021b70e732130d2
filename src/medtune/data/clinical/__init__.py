"""Clinical files as they are: each reader yields the texts of a format as clinical documents."""
