"""`medtune data export` and `medtune data check`."""

import json
import re

import pyarrow.parquet as pq
import pytest
import yaml

from medtune.conversation import read_conversations

SPLITS = ("train", "validation", "test")


@pytest.fixture
def export(medtune, small):
    return lambda to, *more: medtune(
        "data", "export", "quickstart", *small, "--to", to, "--out", "out", *more
    )


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_openai_files_hold_every_conversation_and_pass_the_check(export, medtune, tmp_path):
    assert export("parquet").returncode == 0
    expected = {
        split: read_conversations(tmp_path / "out" / f"{split}.parquet") for split in SPLITS
    }
    assert export("openai", "--json").returncode == 2  # Parquet files lie there
    for file in (tmp_path / "out").iterdir():
        file.unlink()
    exported = export("openai", "--json", "--price", "8")
    assert exported.returncode == 0, exported.stderr
    reports = json.loads(exported.stdout)
    for split in SPLITS:
        lines = lines_of(tmp_path / "out" / f"{split}.jsonl")
        assert lines == [
            {"messages": [m.as_dict() for m in row.messages]} for row in expected[split]
        ]
        assert (reports[split]["examples"], reports[split]["problems"]) == (len(lines), [])
    checked = medtune("data", "check", "out/train.jsonl", "--json", "--price", "8")
    assert checked.returncode == 0
    assert json.loads(checked.stdout)["tokens"] == reports["train"]["tokens"]
    assert json.loads(checked.stdout)["cost"] == reports["train"]["cost"]


def test_openai_files_ask_as_the_recipe_does(export, tmp_path):
    process = export("openai", "--set", "model.prompt=Medical question: {question}")
    assert process.returncode == 0, process.stderr
    asked = [row["messages"][-2]["content"] for row in lines_of(tmp_path / "out" / "train.jsonl")]
    assert asked
    assert all(text.startswith("Medical question: ") for text in asked)


def test_tokens_and_cost_are_told_only_at_a_price_that_was_given(export):
    pytest.importorskip("bpe_openai", reason="the extra `hosted` is not installed")
    process = export("openai")
    assert "--price US dollars a million tokens" in process.stdout
    priced = export("openai", "--price", "8", "--epochs", "2")  # writes over its own earlier files
    assert priced.returncode == 0, priced.stderr
    billed, cost = re.search(
        r"cost: ([\d,]+) tokens of train × 2 passes × \$8 a million = \$([\d.]+)", priced.stdout
    ).groups()
    assert float(cost) == pytest.approx(int(billed.replace(",", "")) * 2 * 8 / 1e6, abs=0.005)
    assert max(map(len, priced.stdout.splitlines()[:-1])) <= 80


def test_a_bad_file_is_told_line_by_line_with_exit_two(medtune, tmp_path):
    good = [
        {"messages": [{"role": "user", "content": str(n)}, {"role": "assistant", "content": "So."}]}
        for n in range(12)
    ]
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        "\n".join([json.dumps(line) for line in good] + ["{broken", json.dumps(good[3])]) + "\n"
    )
    process = medtune("data", "check", bad)
    assert process.returncode == 2
    assert "bad, line 13, line: is not valid JSON" in process.stdout
    assert "bad, line 14, line: is line 4 again" in process.stdout
    as_json = medtune("data", "check", bad, "--json")
    assert as_json.returncode == 2
    assert json.loads(as_json.stdout)["counts"] == {"not_json": 1, "duplicate_line": 1}


def test_a_wrong_encoding_or_file_is_an_error(medtune, export):
    assert medtune("data", "check", "none.jsonl").returncode == 2
    process = export("openai", "--model-encoding", "p50k")
    assert process.returncode == 2
    assert "cl100k_base" in process.stderr


def test_the_hub_directory_has_its_files_and_a_card_that_says_what_they_hold(export, tmp_path):
    process = export("hub", "--json")
    assert process.returncode == 0, process.stderr
    out = tmp_path / "out"
    files = {split: out / "data" / f"{split}-00000-of-00001.parquet" for split in SPLITS}
    assert {path for path in out.rglob("*") if path.is_file()} == {
        *files.values(),
        out / "README.md",
        out / "audit.json",
    }
    card = (out / "README.md").read_text(encoding="utf-8")
    _, head, body = card.split("---\n", 2)
    metadata = yaml.safe_load(head)
    rows = {split: pq.read_metadata(path).num_rows for split, path in files.items()}
    assert json.loads(process.stdout)["rows"] == rows
    assert {s["name"]: s["num_examples"] for s in metadata["dataset_info"][0]["splits"]} == rows
    assert metadata["configs"][0]["data_files"] == [
        {"split": s, "path": f"data/{s}-*"} for s in SPLITS
    ]
    features = metadata["dataset_info"][0]["features"]
    assert [f["name"] for f in features] == pq.read_schema(files["train"]).names
    assert {
        "name": "messages",
        "list": [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}],
    } in features
    assert metadata["license"] == ["other"]  # a file of one's own: as stated by its owner
    assert metadata["size_categories"] == ["n<1K"]
    assert "| questions | 40 | as stated by its owner |" in body
    assert "Rows read: 40" in body
    assert export("hub").returncode == 0  # over its own


def test_the_licence_of_a_known_source_is_the_hubs_own_word(medtune, tmp_path):
    process = medtune(
        "data", "export", "quickstart", "--to", "hub", "--out", "out", "--set", "data.limit=60"
    )
    assert process.returncode == 0, process.stderr
    assert "license:\n- cc-by-4.0\n" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("to", ["openai", "parquet", "hub"])
def test_nothing_of_the_users_is_written_over(export, tmp_path, to):
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / ("README.md" if to == "hub" else "notes.txt")
    mine.write_text("mine")
    process = export(to)
    assert process.returncode == 2
    assert f"other files ({mine.name})" in process.stderr
    assert mine.read_text() == "mine"
    assert list((tmp_path / "out").iterdir()) == [mine]
