"""The command line: a file a verb; arguments and terminal only."""
