"""A sentence encoder on this machine (BERT kinds, mean pooling): texts to vectors, in float32,
batched by length.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medtune.errors import ModelError
from medtune.files import read_json
from medtune.models.interface import TextEmbedding
from medtune.progress import say

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS_AT_ONCE = 8192
MOST_CHARACTERS = 200_000  # of a text: each of its tokens has a vector


class SentenceEncoder:
    """Transformer and tokenizer of a directory in the layout of sentence-transformers.

    A text longer than the encoder's window is read in several windows; none of it is left out, but
    what stands behind its first ``MOST_CHARACTERS``.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        directory: Path,
        window: int,
    ) -> None:
        self.model, self.tokenizer, self.directory, self.window = (
            model,
            tokenizer,
            directory,
            window,
        )
        self.name = directory.name

    @classmethod
    def load(cls, directory: Path) -> "SentenceEncoder":
        """Read from disk, safetensors only.

        Raises ``ModelError`` where the directory holds no such encoder.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        _check(directory)
        logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
            model = AutoModel.from_pretrained(
                directory,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
        except (OSError, ValueError, KeyError) as error:
            raise _unusable(directory, str(error).splitlines()[0]) from error
        if (
            tokenizer.cls_token_id is None
            or tokenizer.sep_token_id is None
            or model.config.is_encoder_decoder
        ):
            raise _unusable(directory, "it is no encoder of the BERT kinds")
        limits = (
            _optional(directory / "sentence_bert_config.json").get("max_seq_length"),
            model.config.max_position_embeddings,
        )
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(
            model.eval().to(device),
            tokenizer,
            directory,
            min(limit for limit in (*limits, 512) if limit),
        )

    def encode(self, texts: Sequence[str]) -> list[TextEmbedding]:
        """The vectors of each text.

        The mean is over all its tokens with [CLS] and [SEP], as the encoder was trained.

        ``tokens`` are without these two.
        """
        ids = self._ids(texts)
        room = self.window - 2
        rows = [
            (owner, row[at : at + room])
            for owner, row in enumerate(ids)
            for at in range(0, len(row), room)
        ]
        # A stable sort: the windows of one text, all full but the last, keep their order.
        rows.sort(key=lambda row: -len(row[1]))
        windows: list[list[np.ndarray]] = [[] for _ in texts]
        while rows:
            size = max(1, TOKENS_AT_ONCE // (len(rows[0][1]) + 2))
            for (owner, _), hidden in zip(
                rows[:size], self._hidden([row for _, row in rows[:size]]), strict=True
            ):
                windows[owner].append(hidden)
            rows = rows[size:]
        return [_text_embedding(hidden, self.model.config.hidden_size) for hidden in windows]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        long = sum(len(text) > MOST_CHARACTERS for text in texts)
        if long:
            say(
                f"similarity: of {long:,} texts the first {MOST_CHARACTERS:,} characters "
                "are compared"
            )
        return [
            self.tokenizer.encode(text[:MOST_CHARACTERS], add_special_tokens=False, verbose=False)
            for text in texts
        ]

    @torch.no_grad()
    def _hidden(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Last hidden states [tokens + 2, width] of rows of ids, put between [CLS] and [SEP]."""
        width = max(map(len, rows)) + 2
        ids = torch.full((len(rows), width), int(self.tokenizer.pad_token_id or 0))
        mask = torch.zeros((len(rows), width), dtype=torch.int64)
        for number, row in enumerate(rows):
            whole = [self.tokenizer.cls_token_id, *row, self.tokenizer.sep_token_id]
            ids[number, : len(whole)] = torch.tensor(whole)
            mask[number, : len(whole)] = 1
        device = self.model.device
        hidden = self.model(
            input_ids=ids.to(device), attention_mask=mask.to(device)
        ).last_hidden_state
        array = hidden.float().cpu().numpy()
        return [array[number, : len(row) + 2] for number, row in enumerate(rows)]


def _text_embedding(windows: Sequence[np.ndarray], width: int) -> TextEmbedding:
    if not windows:
        return TextEmbedding(np.zeros(width, np.float32), np.zeros((0, width), np.float32))
    tokens = np.concatenate([window[1:-1] for window in windows])
    return TextEmbedding(_unit(np.concatenate(windows).mean(axis=0)), _unit(tokens))


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def _check(directory: Path) -> None:
    if not (directory / "config.json").is_file():
        raise _unusable(directory, "there is no config.json")
    pooling = _optional(directory / "1_Pooling" / "config.json")
    if pooling and not pooling.get("pooling_mode_mean_tokens"):
        raise _unusable(
            directory, "its vectors are not means over tokens, and medtune knows only these"
        )


def _optional(path: Path) -> dict[str, Any]:
    return dict(read_json(path)) if path.is_file() else {}


def _unusable(directory: Path, why: str) -> ModelError:
    return ModelError(
        f"no usable sentence encoder: {why}",
        where=str(directory),
        fix="Set the task's encoder to auto, none, or a directory such as all-MiniLM-L6-v2 "
        "with safetensors.",
    )
