"""How far a measurement moves when nothing has changed: rounding, in other batches and formats.

    python benchmarks/rounding.py MODEL [MODEL ...] --data-dir DIR [--items 60] [--quick] [--json]

Answers of MedQuAD are scored by the same weights one by one, in other batches, with two threads and
in bfloat16. Printed are the largest difference of an item's log-likelihood and that of their sum,
as shares of the item's and of the sum's size. `evaluation/resolution.py` keeps its constants above
the largest of the latter.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from medtune.conversation import Message
from medtune.models.open import open_model, resolve_model
from medtune.recipe.schema import Model

Pair = tuple[tuple[Message, ...], str]
LONGEST = 600  # characters of an answer: within any context


@dataclass(frozen=True)
class Row:
    """Largest relative difference of an item's log-likelihood (``item``) and of the sum's.

    ``alike`` is the share of items that moved to the same side as the sum.
    """

    model: str
    compared: str
    item: float
    sum: float
    alike: float


def answers(data_dir: Path, count: int) -> list[Pair]:
    """Questions with their answers, drawn by seed."""
    import pyarrow.parquet as pq

    rows = pq.read_table(data_dir / "medquad.parquet", columns=["question", "answer"]).to_pylist()
    rows = [row for row in rows if row["question"] and row["answer"]]
    drawn = np.random.default_rng(0).permutation(len(rows))[:count]
    return [((Message("user", rows[i]["question"]),), rows[i]["answer"][:LONGEST]) for i in drawn]


def scores(name: str, dtype: str, pairs: list[Pair], at_once: int, threads: int = 1) -> np.ndarray:
    """Log-likelihoods [items], ``at_once`` of them given to the model together."""
    torch.set_num_threads(threads)
    settings = Model(name=name)
    model = open_model(resolve_model(settings), settings, batch_size=16, dtype=dtype)
    parts = [pairs[i : i + at_once] for i in range(0, len(pairs), at_once)]
    return np.array([s.loglikelihood for part in parts for s in model.loglikelihoods(part)])


def rows_of(name: str, pairs: list[Pair]) -> Iterator[Row]:
    """Every way against all items together in the same format, and the formats among them."""
    whole = {dtype: scores(name, dtype, pairs, len(pairs)) for dtype in ("float32", "bfloat16")}
    for dtype, reference in whole.items():
        backwards = scores(name, dtype, pairs[::-1], len(pairs))[::-1]
        ways = {
            "one by one": scores(name, dtype, pairs, 1),
            "7 together": scores(name, dtype, pairs, 7),
            "the other way round": backwards,
            "2 threads": scores(name, dtype, pairs, len(pairs), threads=2),
        }
        for way, values in ways.items():
            yield row(name, f"{dtype}, {way}", values, reference)
    yield row(name, "bfloat16 against float32", whole["bfloat16"], whole["float32"])


def row(name: str, compared: str, values: np.ndarray, reference: np.ndarray) -> Row:
    """The differences of two measurements of the same items."""
    moved, size = values - reference, np.abs(reference)
    return Row(
        model=Path(name).name,
        compared=compared,
        item=float((np.abs(moved) / size).max()),
        sum=float(abs(moved.sum()) / size.sum()),
        alike=float(np.mean(np.sign(moved) == np.sign(moved.sum()))),
    )


def main() -> None:
    """Print a row a model and way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="medtune-base, or directories")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="ten items")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = answers(options.data_dir, 10 if options.quick else options.items)
    for name in options.models:
        for line in rows_of(name, pairs):
            print(json.dumps(asdict(line)) if options.json else text_of(line), flush=True)


def text_of(line: Row) -> str:
    """A line of the table."""
    return (
        f"{line.model:<16}{line.compared:<34}item {line.item:8.1e}  sum {line.sum:8.1e}  "
        f"to one side {line.alike:4.0%}"
    )


if __name__ == "__main__":
    main()
