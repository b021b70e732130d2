"""The twelve versions of system 4: right prompts, one split for all, whole or absent, and a card
that hubs can read.
"""

import csv

import pyarrow.parquet as pq
import pytest
import yaml

from medtune.conversation import Conversation, Message
from medtune.examples.faithful.versions import (
    FAMILIES,
    VERSIONS,
    family_prompt,
    version_ids,
    write_versions,
)


@pytest.fixture
def tables(tmp_path):
    """Two small tables: forty questions in MedQuAD's columns, thirty in WikiDoc's."""
    medquad, wikidoc = tmp_path / "medquad.csv", tmp_path / "wiki.csv"
    with medquad.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer", "source", "focus_area"])
        writer.writerows(
            [f"What is illness {i} ?", f"It is the illness number {i}.", "NIH", f"illness {i}"]
            for i in range(40)
        )
    with wikidoc.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["instruction", "input", "output"])
        writer.writerows(
            ["Answer truthfully", f"How is sign {i} seen?", f"Sign {i} is seen by looking."]
            for i in range(30)
        )
    return str(wikidoc), str(medquad)


def test_each_family_has_its_own_turn_markers_one_bos_and_no_literal_newline():
    prompts = {family: family_prompt(family, "Why?", "Because.") for family in FAMILIES}
    asked = (
        "Answer the question truthfully, you are a medical professional. This is the question: Why?"
    )
    assert prompts["gemma"] == (
        f"<bos><start_of_turn>user\n{asked}<end_of_turn>\n"
        "<start_of_turn>model\nBecause.<end_of_turn>\n"
    )
    assert prompts["llama"] == f"<s>[INST] {asked} [/INST] Because. </s>"
    assert prompts["mistral"] == f"<s>[INST] {asked} [/INST] Because.</s>"


def item(number, source):
    return Conversation(
        f"{source}-{number}",
        f"g{number}",
        source,
        (Message("user", "q"), Message("assistant", "a")),
    )


def test_the_short_set_takes_so_many_of_each_source_by_seed_not_the_first():
    splits = {
        "train": [item(i, source) for source in ("a", "b") for i in range(80)],
        "validation": [item(i, source) for source in ("a", "b") for i in range(80, 90)],
        "test": [item(i, source) for source in ("a", "b") for i in range(90, 100)],
    }
    picked = version_ids(splits, "combined_short", 50, 1)
    everything = set().union(*picked.values())
    assert (
        sum(i.startswith("a-") for i in everything)
        == sum(i.startswith("b-") for i in everything)
        == 50
    )
    assert (
        picked
        == version_ids(splits, "combined_short", 50, 1)
        != version_ids(splits, "combined_short", 50, 2)
    )
    assert all(picked[name] <= {c.id for c in splits[name]} for name in splits)
    assert {f"a-{i}" for i in range(50)} - everything


def test_all_twelve_are_written_and_agree_on_the_split(tables, tmp_path):
    out = tmp_path / "out"
    counts = write_versions(out, None, *tables, short=10, seed=3)
    assert set(counts) == {f"{version}_{family}" for version in VERSIONS for family in FAMILIES}
    assert sum(counts["combined_gemma"].values()) == 70
    assert sum(counts["combined_short_llama"].values()) == 20
    assert sum(counts["medquad_mistral"].values()) == 40
    place = {}
    for name, splits in counts.items():
        for split, rows in splits.items():
            table = pq.read_table(
                out / "data" / name / f"{split}-00000-of-00001.parquet"
            ).to_pylist()
            assert len(table) == rows
            for row in table:
                assert place.setdefault(row["id"], split) == split
                assert row["output"] in row["prompt"]
                assert row["input"] in row["prompt"]
    card = (out / "README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert [config["config_name"] for config in head["configs"]] == list(counts)
    assert {"split": "train", "path": "data/wikidoc_gemma/train-*"} in head["configs"][-3][
        "data_files"
    ]
    assert (out / "audit.json").exists()
    assert {path.name for path in out.iterdir()} == {"README.md", "audit.json", "data"}


def test_a_missing_source_leaves_nothing_behind(medtune, tmp_path):
    process = medtune("data", "versions", "--wikidoc", "nowhere.csv", "--out", tmp_path / "out")
    assert process.returncode == 2
    assert "nowhere.csv" in process.stderr
    assert not (tmp_path / "out").exists()
