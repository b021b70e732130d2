"""Architectures that cannot be run on rows laid end to end (Falcon, BLOOM, GPT-J, Cohere, Mamba, …), text by text.

The model's own forward pass alone is used, so whatever it does to attention or logits is done. Slower than `local`, and for
measuring and asking only.
"""

from collections.abc import Sequence
from inspect import signature

import torch

from medtune.files import sha256_json
from medtune.models.choices import Asked, Choices, plain_choices
from medtune.models.heads import unwrapped
from medtune.models.loading import Located, load_tokenizer, load_weights
from medtune.models.local import LocalModel
from medtune.models.protocol import DecodingSettings, Progress
from medtune.models.windows import Piece


class PlainModel(LocalModel):
    """As ``LocalModel``, one text at a time."""

    @classmethod
    def load(
        cls,
        located: Located,
        dtype: torch.dtype = torch.float32,
        batch_size: int = 16,
        chat_template: str = "auto",
        prompt: str | None = None,
    ) -> "PlainModel":
        """Load weights and tokenizer from disk, in evaluation mode."""
        model = load_weights(located, dtype, None)
        tokenizer = load_tokenizer(located, chat_template, prompt)
        fingerprint = sha256_json([located.fingerprint(), tokenizer.chat_template, str(dtype)])
        return cls(model, tokenizer, located.name, fingerprint, batch_size)

    def choice_loglikelihoods(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Choices]:
        """Every answer with its whole prompt."""
        return [choices for one in asked for choices in plain_choices(self, [one], progress)]

    def _score_batch(self, batch: Sequence[Piece]) -> list[float]:
        return [self._score_one(piece) for piece in batch]

    def _score_one(self, piece: Piece) -> float:
        ids = torch.from_numpy(piece.ids).to(self.model.device)
        wanted = len(ids) - piece.first  # tokens; each is predicted one place before
        keeps = "logits_to_keep" in signature(unwrapped(self.model).forward).parameters
        options = {"logits_to_keep": wanted + 1} if keeps else {}
        logits = self.model(input_ids=ids[None], use_cache=False, **options).logits[0, -wanted - 1 : -1].float()
        chosen = logits.gather(1, ids[piece.first :, None]).squeeze(1)
        return float((chosen - logits.logsumexp(dim=-1)).double().sum())

    def _attend_by_rows(self) -> None:
        pass

    def _attend(self) -> None:
        pass

    def _together(self, decoding: DecodingSettings) -> bool:
        return False

    def _at_once(self, decoding: DecodingSettings) -> int:
        return 1  # not every kind knows padding from text
