"""A run's merged model as one GGUF file, proven by reading it back."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.conversation import Conversation
from medtune.errors import RecipeError
from medtune.models.load import LocalModelRef, read_config
from medtune.progress import say
from medtune.report.cards import ExportFacts, LogitAgreement

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from medtune.models.adapters import Probe

GGUF_DTYPES = ("float16", "q8_0")
# Blanks before digits, signs, letters of many scripts, long runs, words as no dictionary has them:
# where tokenizers that agree on prose part.
EDGE_TEXTS = (
    "Na  138\n\n  4.5 DON'T mg/dL\t≥½ Cafés x.\r\ny", "  5 mg\n\n   10", "'S 'LL I'm we'Ve",
    "12345678 1,234.5 -0.5", "naïve µg e\u0301 é", "日本語 漢字 ಕನ್ನಡ", "trail   ", "\n\n\n\n5",
    "ABCdef//\n/ a", " " * 40 + "x", "\t\t<td>", "▁▁x ½ ² ٣٤", "👩\u200d⚕️ ok", "100%!? (a) [b] {c}",
)  # fmt: skip


def check_gguf(located: LocalModelRef, dtype: str | None) -> str:
    """The number format of a GGUF file.

    Raises ``RecipeError`` where it, or the model's kind, is not written.
    """
    if dtype not in (None, *GGUF_DTYPES):
        raise RecipeError(
            f"a GGUF file is not written in {dtype}",
            where="--dtype",
            fix=f"Use {' or '.join(GGUF_DTYPES)}.",
        )
    kind = read_config(located).model_type
    if kind != "llama":
        raise RecipeError(
            f"GGUF is written for the Llama family, and this is a {kind}",
            where="--form gguf",
            fix="Use --form merged.",
        )
    return dtype or GGUF_DTYPES[0]


def write_gguf_export(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    stops: Sequence[int],
    items: Sequence[Conversation],
    rows: "Sequence[Probe]",
    directory: Path,
    facts: ExportFacts,
    dtype: str,
) -> ExportFacts:
    """Write `RUN-DTYPE.gguf` of the merged ``model`` in float32, read it back, and say how near.

    Raises ``RunError`` or ``ModelError`` where it cannot be written or proven.
    """
    from medtune.models.gguf.gguf_proof import prove_gguf
    from medtune.models.gguf.gguf_writer import gguf_metadata, write_gguf

    texts = [*EDGE_TEXTS, *(text for item in items for text in _texts(item))]
    path = directory / f"{facts.run}-{dtype}.gguf"
    metadata = gguf_metadata(model, tokenizer, facts.run, texts, stops)
    say(f"writing {path.name}; then it is read back and compared")
    unquantized = write_gguf(path, model, metadata, dtype)
    if unquantized:
        say(f"{len(unquantized)} tensors stay in float16: their rows are no multiple of 32")
    proof = prove_gguf(path, model, tokenizer, rows, texts, dtype)
    return facts.model_copy(
        update={
            "dtype": dtype,
            "questions": len(rows),
            "rounding": LogitAgreement(**asdict(proof.rounding)),
            "same_answers": proof.same_answers,
            "answers": proof.answers,
            "texts": proof.texts,
        }
    )


def _texts(item: Conversation) -> list[str]:
    return [message.content for message in item.messages]
