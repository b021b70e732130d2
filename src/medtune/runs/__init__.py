"""The stages in order, what is done already, and where things lie."""
