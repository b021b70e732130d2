"""The peers of benchmarks/prepare.py: the same dialogues prepared with other tools, each in a
process (and environment) of its own.

    python benchmarks/prepare_peers.py notebook FILE.jsonl
    PYTHON benchmarks/prepare_peers.py llama-factory FILE.jsonl TOKENIZER

The first takes the same steps as `medtune prepare` the way notebooks do them. The second is
LLaMA-Factory's own preprocessing, which converts, shuffles, splits row by row and tokenizes: it
neither cleans, nor looks for duplicates, contradictions, overlap or identifiers, nor groups. PYTHON
is the interpreter of an environment with llamafactory 0.9.5.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path


def notebook(path: Path) -> str:
    """The same steps with datasets.map and datasketch, as one finds them in notebooks."""
    import datasets
    from datasketch import MinHash, MinHashLSH
    from transformers import AutoTokenizer

    import medtune.models.load
    from medtune.data.cleaning import Tally
    from medtune.data.cleaning.cleaner import Cleaner
    from medtune.data.dedup import normalize
    from medtune.recipe.schema import Clean
    from medtune.text.identifiers import find_identifiers

    datasets.disable_progress_bars()
    cleaner, tally = Cleaner(Clean()), Tally()

    def clean(row: dict) -> dict:
        texts = {name: cleaner.text(row[name], "", tally, set()) for name in ("input", "output")}
        found = find_identifiers(texts["input"]) + find_identifiers(texts["output"])
        return texts | {"identifiers": found.total()}

    data = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache")
    )
    data = data.map(clean, num_proc=2)
    seen: set[str] = set()
    data = data.filter(
        lambda row: (
            (key := normalize(row["input"] + row["output"])) not in seen and not seen.add(key)
        )
    )
    lsh = MinHashLSH(threshold=0.8, num_perm=128)
    near = 0

    def signature(row: dict) -> dict:
        words = normalize(row["output"]).split()
        mine = MinHash(num_perm=128, scheme="legacy")
        mine.update_batch(
            [" ".join(words[i : i + 3]).encode() for i in range(max(1, len(words) - 2))]
        )
        return {"signature": mine.hashvalues}

    data = data.map(signature, num_proc=2)
    for number, row in enumerate(data.with_format("numpy")):
        mine = MinHash(num_perm=128, hashvalues=row["signature"], scheme="legacy")
        near += bool(lsh.query(mine))
        lsh.insert(number, mine)
    tokenizer = AutoTokenizer.from_pretrained(medtune.models.load.PACKAGED / "medtune-base")
    data = data.map(
        lambda rows: tokenizer([q + a for q, a in zip(rows["input"], rows["output"], strict=True)]),
        batched=True,
        num_proc=2,
    )
    data.train_test_split(0.2, seed=0)
    return f"as a notebook: {len(data):,} rows, {near:,} near-duplicates"


def llama_factory(path: Path, tokenizer_place: Path) -> str:
    """LLaMA-Factory's conversion and tokenization of the same file, with two workers."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        columns = {"prompt": "input", "response": "output"}
        described = {"dialogues": {"file_name": str(path.resolve()), "columns": columns}}
        (Path(place) / "dataset_info.json").write_text(json.dumps(described))
        arguments = {
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": str(tokenizer_place),
            "template": "default",
            "dataset": "dialogues",
            "dataset_dir": place,
            "cutoff_len": 512,
            "val_size": 0.2,
            "preprocessing_num_workers": 2,
            "overwrite_cache": True,
            "output_dir": place,
            "cache_dir": place,
            "use_cpu": True,
            "report_to": "none",
        }
        model, data, training, _, _ = get_train_args(arguments)
        tokenizer = load_tokenizer(model)["tokenizer"]
        template = get_template_and_fix_tokenizer(tokenizer, data)
        splits = get_dataset(template, model, data, training, stage="sft", tokenizer=tokenizer)
        counts = ", ".join(f"{name} {len(rows):,}" for name, rows in splits.items())
    return f"by LLaMA-Factory: {counts} rows"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", choices=("notebook", "llama-factory"))
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "tokenizer", type=Path, nargs="?", help="directory of the tokenizer (llama-factory)"
    )
    arguments = parser.parse_args()
    if arguments.peer == "notebook":
        print(notebook(arguments.file))
        return
    if not arguments.tokenizer:
        parser.error("llama-factory wants a tokenizer")
    print(llama_factory(arguments.file, arguments.tokenizer))


if __name__ == "__main__":
    main()
