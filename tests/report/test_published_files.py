"""Which files of a run hold paths of the machine or texts of the data (docs/data.md): all others
may be shown to anybody.
"""

from markdown_it import MarkdownIt

from small_run import ANSWERS

PATHS = {"run.json", "recipe.yaml", "model/medtune.json", "model/adapter_config.json"}
TEXTS = {"report.html"}


def holds(run, words):
    """The files of a run in which one of the words stands."""
    files = [path for path in run.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    return {
        path.relative_to(run).as_posix()
        for path in files
        if any(word.encode() in path.read_bytes() for word in words)
    }


def test_paths_of_the_machine_stand_in_private_files_alone(small_run, tiny_model):
    marks = [str(small_run.home.parent), str(tiny_model.parent)]
    found = {name for name in holds(small_run.root, marks) if not name.startswith("eval/before/")}
    assert found <= PATHS
    assert {"recipe.yaml", "run.json"} <= found
    for name in ("README.md", "report.html", "checklists.json"):
        assert tiny_model.name in (small_run.root / name).read_text(encoding="utf-8"), name
    page = (small_run.root / "report.html").read_text(encoding="utf-8")
    assert "questions.csv" in page


def test_texts_of_the_data_stand_in_private_files_alone(small_run):
    found = holds(small_run.root, ANSWERS.values())
    inside = {name for name in found if name.startswith(("data/", "eval/"))}
    assert found - inside <= TEXTS
    assert "eval/comparison.json" not in found
    assert not any(name.endswith(".json") for name in inside)


def test_the_docs_name_the_private_files(small_run):
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    part = page.split("## What of a run is private\n")[1].split("\n## ")[0]
    assert MarkdownIt().render(part)
    named = {name.split("/")[0] for name in (*PATHS, *TEXTS)} | {"data", "eval"}
    assert all(name in part for name in named)
    written = {path.name for path in small_run.root.iterdir() if not path.name.startswith(".")}
    assert all(name in part for name in written)
