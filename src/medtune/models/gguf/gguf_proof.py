"""A written GGUF file read back: the same tokens, weights, logits and answers, or refused."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medtune.errors import RunError
from medtune.models.adapters import (
    Agreement,
    Probe,
    agreement,
    load_exactly,
    logit_bound,
    logits_on,
)
from medtune.models.gguf.gguf_convert import convert_gguf
from medtune.models.gguf.gguf_writer import ids_of
from medtune.models.load import LocalModelRef, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ANSWERS, ANSWER_TOKENS = 4, 24
# By how much a weight may differ, as a share of the largest of its tensor: half a step of the
# format, and a little for the scale's own rounding.
ROUNDING = {"float16": 2**-11, "q8_0": 1 / 240}


@dataclass(frozen=True)
class GgufProof:
    """What was seen of a file read back.

    ``rounding``: its logits against the run's model. ``same_answers`` of ``answers`` greedy answers
    were the run's model's, token by token; ``texts`` became the same ids.
    """

    rounding: Agreement
    same_answers: int
    answers: int
    texts: int


def prove_gguf(
    path: Path,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Probe],
    texts: Sequence[str],
    dtype: str,
) -> GgufProof:
    """Read a file back and compare it with the ``model`` it was written of, in float32.

    The model has the file's weights afterwards. Raises ``RunError`` at any difference beyond the
    rounding of the number format.
    """
    asked = rows[:ANSWERS]
    reference, answers = logits_on(model, rows), greedy_answers(model, asked)
    with tempfile.TemporaryDirectory() as temporary:
        convert_gguf(path, Path(temporary), exact=True)
        ref = LocalModelRef(path.name, Path(temporary))
        _require_same_texts(path, load_tokenizer(ref), tokenizer, texts)
        back = load_exactly(ref)
    _require_same_weights(path, model, back, ROUNDING[dtype])
    seen = logits_on(back, rows)
    model.load_state_dict(back.state_dict())
    computed = agreement(logits_on(model, rows), seen).largest
    if computed > logit_bound(reference):
        raise _difference(path, f"its architecture computes other logits, by {computed:.2g}")
    pairs = zip(answers, greedy_answers(back, asked), strict=True)
    same = sum(left == right for left, right in pairs)
    return GgufProof(agreement(reference, seen), same, len(asked), len(texts))


@torch.no_grad()
def greedy_answers(model: Any, rows: Sequence[Probe]) -> list[list[int]]:
    """The likeliest token after each question, and so on: ids [at most ``ANSWER_TOKENS``]."""
    answers = []
    for row in rows:
        ids = torch.tensor([row.question])
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=ANSWER_TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        answers.append(output[0, ids.shape[1] :].tolist())
    return answers


def _require_same_texts(
    path: Path,
    back: "PreTrainedTokenizerBase",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[str],
) -> None:
    for title, left, right in (
        ("chat template", back.chat_template, tokenizer.chat_template),
        ("EOS", back.eos_token_id, tokenizer.eos_token_id),
    ):
        if left != right:
            raise _difference(path, f"its {title} is another")
    pairs = zip(ids_of(back, texts), ids_of(tokenizer, texts), strict=True)
    differing = sum(left != right for left, right in pairs)
    if differing:
        raise _difference(path, f"{differing} of {len(texts)} texts become other tokens")


def _require_same_weights(path: Path, model: Any, back: Any, rounding: float) -> None:
    written, expected = back.state_dict(), model.state_dict()
    if written.keys() != expected.keys():
        raise _difference(path, "it holds other weights")
    for name, weight in expected.items():
        allowed = float(weight.abs().max()) * rounding
        if float((weight.cpu().float() - written[name].cpu().float()).abs().max()) > allowed:
            raise _difference(path, f"the weight {name} is another")


def _difference(path: Path, what: str) -> RunError:
    return RunError(
        f"read back, {what}: not exported", where=path.name, fix="Export it as --form merged."
    )
