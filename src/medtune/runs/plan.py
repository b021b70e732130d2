"""What a run needs, in steps, tokens and inputs, decided in one place before anything heavy starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtune.data.sources import source_files
from medtune.errors import RecipeError
from medtune.files import sha256_file, sha256_json
from medtune.models.loading import Located, context_length, load_tokenizer, locate, read_config
from medtune.recipe.schema import Recipe
from medtune.tokens.labels import Encoder

# Raised when a stage's code changes what it makes from the same inputs.
STAGE_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """A recipe with its model found, and the hashes on which each stage depends."""

    recipe: Recipe
    base: Located
    base_fingerprint: str
    base_weights: str
    context: int
    max_length: int
    data_dir: Path | None

    @classmethod
    def make(cls, recipe: Recipe, data_dir: Path | None) -> "Plan":
        """Find model and data. Raises where one is not to be had, before anything is computed."""
        for source in recipe.data.source:
            source_files(source, data_dir)
        base = locate(recipe.model.name, recipe.model.revision)
        if base.adapter:
            raise RecipeError(
                f"{recipe.model.name} is an adapter, and adapters are not trained further",
                where="model.name",
                fix="Start from its base model.",
            )
        context = context_length(read_config(base))
        length = min(recipe.train.max_length, context)
        return cls(recipe, base, base.fingerprint(), base.weights_hash(), context, length, data_dir)

    def encoder(self) -> Encoder:
        """Conversations to tokens, as this recipe trains on them."""
        return Encoder(
            load_tokenizer(self.base, self.recipe.model.chat_template), self.max_length, self.recipe.train.loss_on
        )

    def prepare_inputs(self) -> str:
        """Hash of everything that the splits and the audit depend on."""
        recipe = self.recipe
        files = [path for source in recipe.data.source for path in source_files(source, self.data_dir)]
        return self._hash(
            "prepare",
            recipe.data.model_dump(mode="json"),
            recipe.seed,
            recipe.evaluate.topics,
            [sha256_file(path) for path in files],
            [self.base_fingerprint, recipe.model.chat_template, self.max_length, recipe.train.loss_on],
        )

    def evaluate_inputs(self, test_hash: str, fingerprint: str) -> str:
        """Hash of everything that an evaluation depends on."""
        recipe = self.recipe
        wanted = recipe.evaluate.model_dump(mode="json")
        return self._hash("evaluate", wanted, recipe.model.chat_template, recipe.seed, test_hash, fingerprint)

    def train_inputs(self, data_hashes: dict[str, str]) -> str:
        """Hash of everything that the trained weights depend on. Logging and saving intervals do not count."""
        free = {"log_every", "save_every", "trackers"}
        recipe = self.recipe
        train = {k: v for k, v in recipe.train.model_dump(mode="json").items() if k not in free}
        model = recipe.model.model_dump(mode="json")
        return self._hash("train", train, model, recipe.seed, recipe.data.overlong, data_hashes, self.base_fingerprint)

    @staticmethod
    def _hash(*parts: Any) -> str:
        return sha256_json([STAGE_VERSION, *parts])
