"""A model and items become figures; knows the protocol, never a library's model class."""
