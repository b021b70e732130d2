"""What is shipped and what is here: recipes, data, doctor."""

import json
import re
from importlib import metadata

import yaml

from medtune.data.sources.catalogue import KNOWN
from medtune.recipe.read import shipped_recipes


def test_recipes_list_gives_every_shipped_recipe_a_line(medtune):
    lines = medtune("recipes", "list", check=True).stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == sorted(
        shipped_recipes()
    )
    assert all(len(line) <= 80 for line in lines)
    rows = json.loads(medtune("recipes", "list", "--json", check=True).stdout)
    assert [row["name"] for row in rows] == sorted(shipped_recipes())


def test_recipes_show_writes_every_default_out(medtune):
    recipe = yaml.safe_load(
        medtune("recipes", "show", "quickstart", "--set", "train.epochs=9", check=True).stdout
    )
    assert recipe["data"]["source"] == ["curated"]
    assert recipe["train"]["epochs"] == 9
    assert recipe["train"]["lora"]["r"] == 8
    assert (
        json.loads(medtune("recipes", "show", "quickstart", "--json", check=True).stdout)["seed"]
        == 42
    )


def test_recipes_copy_brings_comments_and_never_overwrites(medtune, tmp_path):
    original = shipped_recipes()["quickstart"].read_text(encoding="utf-8")
    assert medtune("recipes", "copy", "quickstart").returncode == 0
    copy = tmp_path / "quickstart.yaml"
    assert copy.read_text(encoding="utf-8") == original
    copy.write_text(f"{original}# mine\n", encoding="utf-8")
    process = medtune("recipes", "copy", "quickstart")
    assert process.returncode == 2
    assert process.stderr.startswith("error: quickstart.yaml: exists already")
    assert copy.read_text(encoding="utf-8").endswith("# mine\n")
    assert medtune("recipes", "copy", "quickstart", "other.yaml").returncode == 0
    assert (
        medtune("recipes", "show", "./other.yaml").stdout
        == medtune("recipes", "show", "quickstart").stdout
    )


def test_data_list_says_what_is_known_and_what_is_here(medtune, tmp_path):
    rows = {
        row["name"]: row for row in json.loads(medtune("data", "list", "--json", check=True).stdout)
    }
    assert (
        set(rows)
        == set(KNOWN)
        > {"curated", "notes", "medquad", "wikidoc", "mtsamples", "pubmedqa", "healthcaremagic"}
    )
    assert all(row["licence"] and row["columns"] and row["published"] for row in rows.values())
    assert rows["curated"]["here"] == "in the package"
    assert rows["medquad"]["here"].startswith("not here")
    (tmp_path / "medquad.csv").write_text("question,answer,source,focus_area\n")
    found = medtune("data", "list", "--data-dir", tmp_path, check=True).stdout.split("medquad:")[1]
    assert f"here: {tmp_path / 'medquad.csv'}" in found


def test_data_audit_counts_planted_faults_and_writes_nothing(medtune, tmp_path):
    rows = [(f"What is disease {n}?", f"Answer number {n}.") for n in range(12)]
    rows += [
        ("what is DISEASE 3", "Another answer."),
        ("", "No question."),
        ("No answer?", ""),
        rows[0],
    ]
    rows += [("Whom to write to?", "Write to jane.doe@example.org today.")]
    table = tmp_path / "table.jsonl"
    table.write_text(
        "".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows), encoding="utf-8"
    )
    audit = json.loads(medtune("data", "audit", "table.jsonl", "--json", check=True).stdout)
    assert audit["rows"]["read"] == 17
    assert audit["rows"]["usable"] == 14
    assert {
        key: audit["dropped"][key] for key in ("empty_question", "empty_answer", "repeated")
    } == {
        "empty_question": 1,
        "empty_answer": 1,
        "repeated": 1,
    }
    assert audit["duplicates"]["same_question"] == 1
    assert audit["duplicates"]["questions_with_several_answers"] == 1
    assert audit["identifiers"]["found"] == {"email": 1}
    process = medtune("data", "audit", "table.jsonl", check=True)
    assert re.search(r"read +17\n", process.stdout)
    assert re.search(r"= used +14\n", process.stdout)
    assert "jane.doe" not in process.stdout + process.stderr
    assert list(tmp_path.iterdir()) == [table]


def test_doctor_tells_versions_memory_and_that_the_hub_is_off(medtune):
    facts = json.loads(medtune("doctor", "--json", check=True).stdout)
    assert facts["versions"]["torch"] == metadata.version("torch")
    assert facts["hardware"]["cores"] >= 1
    assert facts["hardware"]["memory_bytes"] > 2**28
    assert facts["offline"] is True
    assert facts["data_dir"] is None
    assert facts["free_disk_bytes"] > 0
