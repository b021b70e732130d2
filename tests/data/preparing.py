"""What the tests of preparation share: small tables, a short call, and counting that does not
use the code under test.
"""

import json
import re
import tempfile
import unicodedata
from pathlib import Path

from medtune.data.prepare import prepare
from medtune.data.splits import TELLING_WORDS
from medtune.recipe.schema import Data

SPLITS = ("train", "validation", "test")
_SCRATCH = tempfile.TemporaryDirectory(prefix="prepared-")  # removed when the tests end


def table(directory, rows, name="mine.jsonl"):
    """A file of JSON lines in a directory."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs(count, start=0, **more):
    """Rows that share nothing."""
    return [
        {
            "question": f"What is disease number {i}?",
            "answer": f"It is the illness with number {i}.",
        }
        | more
        for i in range(start, start + count)
    ]


def run(source, demonstrations=(), seed=0, data_dir=None, **settings):
    """Prepare a path, a known source, a list of these, or a list of rows."""
    directory = Path(tempfile.mkdtemp(dir=_SCRATCH.name))
    if isinstance(source, list) and source and "question" in source[0]:
        source = str(table(directory, source))
    whole = Data(source=source if isinstance(source, list) else str(source), **settings)
    return prepare(whole, seed, demonstrations, data_dir, directory / "out")


def items(prepared):
    """All conversations."""
    splits = prepared.splits
    return [c for name in SPLITS for c in splits[name]]


def plain(text):
    """The normal form, written once more."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def shared_with_training(splits, kinds=("question", "answer")):
    """Held-out rows whose question or answer stands in training."""

    def keys(c):
        texts = {"question": "user", "answer": "assistant"}
        if c.label is not None and c.label.strip() == c.reference:  # a label ties nothing
            texts["answer"] = ""
        found = {
            (kind, plain(m.content)) for kind in kinds for m in c.messages if m.role == texts[kind]
        }
        return {
            (kind, text)
            for kind, text in found
            if kind != "answer" or len(text.split()) >= TELLING_WORDS
        }

    train = {key for c in splits["train"] for key in keys(c)}
    return sum(bool(keys(c) & train) for name in ("validation", "test") for c in splits[name])
