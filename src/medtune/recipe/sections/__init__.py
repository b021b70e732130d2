"""The sections of a recipe, one file a stage; `medtune.recipe.schema` puts them together."""
