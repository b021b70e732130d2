"""Architectures that cannot be run on rows laid end to end (Falcon, BLOOM, GPT-J, Cohere, Mamba,
…), text by text.

The model's own forward pass alone is used, so whatever it does to attention or logits is done.
Slower than `causal`, and for measuring and asking only.
"""

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING

import torch

from medtune.models.causal import CausalModel
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Progress,
    choices_in_portions,
)
from medtune.models.load import LocalModelRef, load_weights
from medtune.models.scoring import TextWindow, base_transformer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class UnpackedModel(CausalModel):
    """As ``CausalModel``, one text at a time."""

    @staticmethod
    def _load_weights(ref: LocalModelRef, dtype: torch.dtype) -> "PreTrainedModel":
        return load_weights(ref, dtype, None)

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """Every answer with its whole prompt."""
        return choices_in_portions(self, requests, 1, progress)

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``WholeTurnScorer``: every whole turn, and every answer without its end."""
        results = []
        for choices, (messages, answers) in zip(
            self.choice_loglikelihoods(requests, progress), requests, strict=True
        ):
            turns = [self.template.turn(messages, answer) for answer in answers]
            rows = [self._encode_turn(turn)[:2] for turn in turns]
            if all(turn.end for turn in turns):
                sums = zip(self._score(rows, None), choices.loglikelihoods, strict=True)
                choices = replace(choices, ends=tuple(whole - text for whole, text in sums))
            results.append(choices)
        return results

    def _score_batch(self, batch: Sequence[TextWindow]) -> list[float]:
        return [self._score_one(piece) for piece in batch]

    def _score_one(self, piece: TextWindow) -> float:
        ids = torch.from_numpy(piece.ids).to(self.model.device)
        scored = len(ids) - piece.first  # tokens; each is predicted by the one before
        keeps = "logits_to_keep" in signature(base_transformer(self.model).forward).parameters
        options = {"logits_to_keep": scored + 1} if keeps else {}
        logits = (
            self.model(input_ids=ids[None], use_cache=False, **options)
            .logits[0, -scored - 1 : -1]
            .float()
        )
        chosen = logits.gather(1, ids[piece.first :, None]).squeeze(1)
        return float((chosen - logits.logsumexp(dim=-1)).double().sum())

    def _use_scoring_attention(self) -> None:
        pass

    def _use_generation_attention(self) -> None:
        pass

    def _batched(self, decoding: DecodingSettings) -> bool:
        return False

    def _rows_at_once(self, decoding: DecodingSettings) -> int:
        return 1  # not every kind knows padding from text
