"""What a run needs, in steps, tokens and inputs, decided in one place before anything heavy
starts.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.data.contamination import benchmark_sources
from medtune.data.sources.open_source import source_files
from medtune.errors import RecipeError
from medtune.evaluation.tasks import task_of
from medtune.files import file_hash
from medtune.models.load import LocalModelRef, context_length, load_tokenizer, read_config
from medtune.models.open import EndpointRef, ModelRef, check_endpoint_tasks, resolve_model
from medtune.recipe.schema import Recipe
from medtune.tokens.chat_templates import ENCODING_VERSION, family_template
from medtune.tokens.lengths import EXAMPLE_LIMITS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from medtune.tokens.encode import Encoder
    from medtune.tokens.encode_pairs import PairEncoder
    from medtune.tokens.lengths import MeasuresLengths

# Settings on which no evaluation of a model depends, and no training.
NOT_MEASURED_BY = ("arms", "learning_curve", "seeds", "abstain_below", "margin")
AUDIT_VERSION = 2  # marks of chat templates are counted
NOT_LEARNT_FROM = ("log_every", "save_every", "save_minutes", "trackers")


@dataclass(frozen=True)
class Plan:
    """A recipe with its model found, and the hashes on which each stage depends, computed when
    asked for.
    """

    recipe: Recipe
    base: ModelRef
    data_dir: Path | None

    @classmethod
    def make(cls, recipe: Recipe, data_dir: Path | None) -> "Plan":
        """Find model and data. Raises where one is not to be had, before anything is computed."""
        for source in recipe.data.source:
            source_files(source.name, data_dir)
        base = resolve_model(recipe.model)
        if isinstance(base, LocalModelRef) and base.adapter:
            raise RecipeError(
                f"{recipe.model.name} is an adapter, and adapters are not trained further",
                where="model.name",
                fix="Start from its base model.",
            )
        if isinstance(base, EndpointRef):
            if recipe.train.method != "hosted":
                raise RecipeError(
                    f"{recipe.model.name} runs behind an endpoint and cannot be trained here",
                    where="model.name",
                    fix="Name its own base and its model.endpoint, and train.method: hosted.",
                )
            check_endpoint_tasks(recipe.evaluate, base)
        return cls(recipe, base, data_dir)

    @cached_property
    def base_fingerprint(self) -> str:
        """SHA-256 over the base's weights, configuration, tokenizer and chat template."""
        return self.base.fingerprint()

    @cached_property
    def base_weights(self) -> str:
        """SHA-256 over the base's weight files."""
        return self.base.weights_hash()

    @property
    def local(self) -> LocalModelRef:
        """The base on this machine. Raises ``RecipeError`` for a remote one."""
        if isinstance(self.base, LocalModelRef):
            return self.base
        raise RecipeError(
            f"{self.base.name} runs behind an endpoint",
            where="model.endpoint",
            fix="This needs a model on this machine.",
        )

    @cached_property
    def is_seq2seq(self) -> bool:
        """Whether the model reads the question with an encoder and answers with a decoder."""
        return isinstance(self.base, LocalModelRef) and bool(
            read_config(self.base).is_encoder_decoder
        )

    @cached_property
    def context(self) -> int:
        """Tokens that the model can see at once.

        Of a remote one, those that its service takes in one example.
        """
        if isinstance(self.base, EndpointRef):
            return EXAMPLE_LIMITS[self.recipe.train.hosted.encoding]
        return context_length(read_config(self.local))

    @cached_property
    def max_length(self) -> int:
        """Tokens of one training row at most.

        ``train.max_length`` is the local trainer's: a service has its own.
        """
        if isinstance(self.base, EndpointRef):
            return self.context
        return min(self.recipe.train.max_length, self.context)

    @cached_property
    def max_target_length(self) -> int:
        """Sequence-to-sequence: tokens of one answer at most."""
        return min(self.recipe.train.max_target_length or self.max_length, self.context)

    @cached_property
    def row_limit(self) -> int:
        """Tokens of one training row at most.

        Sequence-to-sequence: of question and answer together.
        """
        return self.max_length + self.max_target_length if self.is_seq2seq else self.max_length

    def encoder(
        self, tokenizer: "PreTrainedTokenizerBase | None" = None
    ) -> "Encoder | PairEncoder":
        """Conversations to tokens, as this recipe trains on them.

        With another tokenizer, as it would with that one.
        """
        train, model = self.recipe.train, self.recipe.model
        tokenizer = tokenizer or load_tokenizer(self.local, model.chat_template, model.prompt)
        if self.is_seq2seq:
            from medtune.tokens.encode_pairs import PairEncoder

            if train.loss_on == "all":
                raise RecipeError(
                    "an encoder-decoder learns answers only: "
                    "it does not predict what its encoder reads",
                    where="train.loss_on",
                    fix="Set train.loss_on to answer.",
                )
            return PairEncoder(tokenizer, self.max_length, self.max_target_length)
        from medtune.tokens.encode import Encoder

        return Encoder(tokenizer, self.max_length, train.loss_on)

    def measure(self) -> "MeasuresLengths":
        """What counts a row's tokens: the encoder, or the encoding that the service of a remote
        base bills by.
        """
        if isinstance(self.base, EndpointRef):
            from medtune.tokens.lengths import ChatCounter

            return ChatCounter(self.recipe.train.hosted.encoding, self.recipe.model.prompt)
        return self.encoder()

    def prepare_inputs(self) -> dict[str, object]:
        """Everything that the splits and the audit depend on. No weight is read for it."""
        recipe = self.recipe
        names = [source.name for source in recipe.data.source]
        names += benchmark_sources(recipe.data, self.data_dir)
        files = [path for name in names for path in source_files(name, self.data_dir)]
        hosted = isinstance(self.base, EndpointRef)
        lengths = [recipe.train.max_length, recipe.train.max_target_length, recipe.train.loss_on]
        return {
            "data settings": [recipe.data.model_dump(mode="json"), recipe.evaluate.topics],
            "seed": recipe.seed,
            "files of the sources": [file_hash(path) for path in files],
            "tokenizer": [
                self.base.behaviour_hash(),
                recipe.train.hosted.encoding if hosted else None,
                self._template_inputs(),
            ],
            "lengths": lengths,
            "audit": AUDIT_VERSION,
            # Groups were made of masked texts once, and ids were kept.
            **({"masking": 2} if recipe.data.identifiers == "mask" else {}),
        }

    def evaluate_inputs(self, items: list[str], fingerprint: str) -> dict[str, object]:
        """Everything that an evaluation depends on; ``items`` are hashes of what is measured on."""
        recipe = self.recipe
        settings = recipe.evaluate.model_dump(mode="json", exclude=set(NOT_MEASURED_BY))
        template = self._template_inputs()
        if recipe.model.endpoint and recipe.model.endpoint.likelihoods != "none":
            template.append(recipe.model.endpoint.likelihoods)
        return {
            "evaluate settings": settings,
            "rules of the tasks": [
                task_of(spec).fingerprint(spec) for spec in recipe.evaluate.tasks
            ],
            "prompt": template,
            "seed": recipe.seed,
            "items": items,
            "model": fingerprint,
        }

    def train_inputs(self, data_hashes: dict[str, str]) -> dict[str, object]:
        """Everything that the trained weights depend on: neither logging nor saving intervals."""
        recipe = self.recipe
        if recipe.train.method == "hosted":
            settings: object = [
                recipe.name,
                recipe.train.hosted.model_dump(mode="json", exclude={"poll_seconds", "budget_usd"}),
            ]
        else:
            settings = recipe.train.model_dump(mode="json", exclude=set(NOT_LEARNT_FROM))
        return {
            "train settings": settings,
            "model settings": None
            if recipe.train.method == "hosted"
            else recipe.model.model_dump(mode="json"),
            "seed": recipe.seed,
            "data": [recipe.data.overlong, data_hashes, ENCODING_VERSION],
            "base model": self.base_fingerprint,
        }

    @property
    def training_libraries(self) -> tuple[str, ...]:
        """Packages whose versions decide what is learnt; none where a service trains."""
        if isinstance(self.base, EndpointRef):
            return ()
        train = self.recipe.train
        adapter = ("peft",) if train.method in ("lora", "qlora") else ()
        eight_bit = ("bitsandbytes",) if train.optimizer == "adamw_8bit" else ()
        return tuple(dict.fromkeys([*self.base.libraries, *adapter, *eight_bit]))

    def _template_inputs(self) -> list[str | None]:
        """Template and prompt; of a template in a module of the user's own, its text, too."""
        model = self.recipe.model
        text = [family_template(model.chat_template).text] if ":" in model.chat_template else []
        return [model.chat_template, model.prompt, *text, ENCODING_VERSION]
