"""The task of docs/own-task.md, added from outside: by a file that a recipe names, and by the entry
point of an installed package.
"""

import json
import re
from pathlib import Path

import pytest

import medtune as package
from medtune.errors import RecipeError
from medtune.evaluation.evaluate import Job, evaluate, read_samples
from medtune.evaluation.tasks import find, task_of
from medtune.recipe.read import read_run_recipe, to_yaml
from medtune.recipe.schema import TaskSpec

PAGE = Path(__file__).parents[3] / "docs" / "own-task.md"
RECIPE = "name: own\ndata: {source: curated}\nmodel: {name: medtune-base}\n"


@pytest.fixture
def referral(tmp_path, monkeypatch):
    """The page's file, in the working directory."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code.count("\n") < 50
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "referral.py"
    file.write_text(code, encoding="utf-8")
    return file


def test_no_file_of_the_package_names_it(referral):
    files = [*Path(package.__file__).parent.rglob("*.py")]
    assert len(files) > 100
    assert not [
        file for file in files if re.search(r"['\"]referral['\"]", file.read_text("utf-8"), re.I)
    ]


def test_a_whole_run_measures_compares_and_reports_it(referral, small, medtune):
    tasks = "evaluate.tasks=[{task: referral.py:Referral, limit: 3}]"
    done = medtune("run", "quickstart", *small, "--set", tasks, "--out", "runs/own")
    assert done.returncode == 0, done.stderr
    run = referral.parent / "runs" / "own"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    before, after, change = (
        metrics[part]["referral"]["referred"] for part in ("before", "after", "change")
    )
    assert before["n"] == after["n"] == change["n"] == 3
    assert change["value"] == pytest.approx(after["value"] - before["value"])
    assert change["decision"] == "undecided"
    lines = (run / "eval" / "after" / "referral.samples.jsonl").read_text("utf-8").splitlines()
    scores = [json.loads(line)["score"] for line in lines]
    assert sum(scores) / len(scores) == after["value"]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Answers that name somebody who can help" in page
    assert medtune("report", "runs/own").returncode == 0


def test_its_samples_are_scored_and_read_again_as_its_own_class(
    referral, scripted, item, settings, tmp_path
):
    spec = TaskSpec(task="referral.py:Referral")
    model = scripted(answers={"Fever?": "Ask your pharmacist.", "Cough?": "Drink tea."})
    items = [item("Fever?", "x"), item("Cough?", "y")]
    jobs = [Job(spec, settings().for_task(spec), items)]
    (scores,) = evaluate(model, jobs, 100, tmp_path).values()
    assert scores["referred"].value == 0.5
    samples = read_samples(tmp_path, "referral")
    assert [sample.score for sample in samples] == [1, 0]
    assert {type(sample) for sample in samples} == {task_of(spec).sample}


def test_a_file_beside_the_recipe_is_named_by_its_path(referral, monkeypatch):
    study = referral.parent / "study"
    study.mkdir()
    referral.rename(study / "referral.py")
    entry = "evaluate: {tasks: ['referral.py:Referral', {task: 'referral.py:Referral', name: b}]}\n"
    (study / "own.yaml").write_text(RECIPE + entry, encoding="utf-8")
    recipe = read_run_recipe("study/own.yaml")
    assert [spec.key for spec in recipe.evaluate.tasks] == ["referral", "b"]
    # The resolved recipe, in a run's directory, still finds it.
    (referral.parent / "recipe.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    assert read_run_recipe("recipe.yaml") == recipe


def test_what_its_file_says_is_part_of_a_result(referral):
    spec = TaskSpec(task="referral.py:Referral")
    first = task_of(spec).fingerprint(spec)
    assert task_of(spec).fingerprint(spec) == first
    referral.write_text(referral.read_text("utf-8") + "# changed\n", encoding="utf-8")
    assert task_of(spec).fingerprint(spec) != first


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("[gone.py:Referral]", "there is no file"),
        ("[referral.py:Other]", "referral.py holds no class Other"),
        ("[referral.py:HELP]", "is no task"),
        ("[{task: referral.py:Referral, shots: 2}]", "shots is not for referral; only for: perp"),
        ("[broken.py:Task]", r"broken.py cannot be imported \(ZeroDivisionError: "),
        ("[taken.py:Mine]", "safety is the name of a task of the package"),
        ("[nameless.py:Mine]", "needs a name"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_the_key(referral, tasks, message):
    head = "from medtune.evaluation.tasks import Task\n\n\nclass Mine(Task):\n"
    (referral.parent / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (referral.parent / "taken.py").write_text(f"{head}    name = 'safety'\n", encoding="utf-8")
    (referral.parent / "nameless.py").write_text(f"{head}    pass\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=message) as error:
        read_run_recipe("quickstart", [f"evaluate.tasks={tasks}"])
    assert error.value.where == "--set evaluate.tasks"


def test_an_installed_package_offers_it_by_name(referral, monkeypatch):
    metadata = referral.parent / "clinic-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: clinic\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text("[medtune.tasks]\nreferral = referral:Referral\n")
    monkeypatch.syspath_prepend(referral.parent)
    (spec,) = read_run_recipe("quickstart", ["evaluate.tasks=[referral]"]).evaluate.tasks
    assert (spec.key, task_of(spec).title) == ("referral", find("referral").title)
    with pytest.raises(RecipeError, match=r"tasks: perplexity, .*forgetting, referral, medqa"):
        read_run_recipe("quickstart", ["evaluate.tasks=[referrall]"])
