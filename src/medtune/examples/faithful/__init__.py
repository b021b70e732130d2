"""For the -faithful recipes: what published projects did, mistakes included.

``extensions.toml`` lists the names by which a recipe asks for it.
"""
