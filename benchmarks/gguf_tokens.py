"""Tokens of a GGUF file's tokenizer against the published tokenizer, on real texts.

    python benchmarks/gguf_tokens.py TOKENIZER.json --gguf FILE.gguf --data-dir DIR
    python benchmarks/gguf_tokens.py TOKENIZER.json --pre qwen2 --data-dir DIR

TOKENIZER.json is the published one. Without --gguf its own vocabulary and merges are written as a
GGUF file that names the pre-tokenizer --pre. DIR holds known data sets as parquet files.
`--quick` takes forty texts of a column instead of four hundred.
"""

import argparse
import json
import tempfile
from pathlib import Path

import gguf
import pyarrow.parquet as parquet
from tokenizers import Tokenizer

from medtune.models.gguf.gguf_file import read_gguf
from medtune.models.gguf.gguf_tokenizer import (
    CONTROL,
    NORMAL,
    UNUSED,
    USER_DEFINED,
    build_tokenizer,
)
from medtune.runs.export_gguf import EDGE_TEXTS

FILES = ("mtsamples", "medquad", "aci_bench", "pubmedqa")
CONTEXT = 10**6


def texts(directory: Path, rows: int) -> list[str]:
    """The first texts of every text column of the data sets, and the edge cases."""
    collected: list[str] = []
    for name in FILES:
        table = parquet.read_table(directory / f"{name}.parquet")
        for column in table.column_names:
            values = [v for v in table[column].to_pylist() if isinstance(v, str)]
            collected += values[:rows]
    return [*collected, *EDGE_TEXTS]


def write_vocabulary(tokenizer: Path, pre: str, target: Path) -> Path:
    """The published vocabulary as a GGUF file without weights."""
    values = json.loads(tokenizer.read_text(encoding="utf-8"))
    tokens = {number: token for token, number in values["model"]["vocab"].items()}
    kinds = dict.fromkeys(tokens, NORMAL)
    for token in values["added_tokens"]:
        tokens[token["id"]] = token["content"]
        kinds[token["id"]] = CONTROL if token["special"] else USER_DEFINED
    numbers = range(max(tokens) + 1)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([tokens.get(i, f"[PAD{i}]") for i in numbers])
    writer.add_token_types([kinds.get(i, UNUSED) for i in numbers])
    merges = values["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_eos_token_id(values["added_tokens"][0]["id"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--pre", default="gpt-2")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    published = Tokenizer.from_file(str(options.tokenizer))
    with tempfile.TemporaryDirectory() as temporary:
        written = Path(temporary) / "vocabulary.gguf"
        path = options.gguf or write_vocabulary(options.tokenizer, options.pre, written)
        tokenizer = build_tokenizer(read_gguf(path), CONTEXT)
    items = texts(options.data_dir, 40 if options.quick else 400)
    differing = sum(
        tokenizer.encode(text, add_special_tokens=False)
        != published.encode(text, add_special_tokens=False).ids
        for text in items
    )
    result = {"texts": len(items), "differing": differing}
    print(json.dumps(result) if options.json else f"{len(items)} texts, {differing} differ")


if __name__ == "__main__":
    main()
