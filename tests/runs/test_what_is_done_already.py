"""What an earlier call measured is not measured again; weights are hashed and loaded no more than
needed.
"""

import os
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from medtune import files
from medtune.files import read_json
from medtune.models import load
from medtune.recipe.read import read_run_recipe
from medtune.runs.pipeline import execute
from small_run import QUICK
from tiny_llama import make_tiny_model

ARMS = "[{name: kind, system_prompt: Be kind.}, {name: shown, model: tuned, shots: 1}]"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    directory = make_tiny_model(tmp_path_factory.mktemp("base") / "tiny")
    for path in directory.iterdir():
        os.utime(path, (1e9, 1e9))  # a model that has been there for long
    return directory


@pytest.fixture(scope="module")
def recipe(base, tmp_path_factory):
    from small_run import write_questions

    data = write_questions(tmp_path_factory.mktemp("data") / "questions.csv")
    settings = QUICK | {
        "model.name": base,
        "data.source": data,
        "evaluate.tasks": "[perplexity, {task: answers, encoder: none, confidence: true}]",
        "evaluate.arms": ARMS,
    }

    def make(**values):
        chosen = settings | {f"evaluate.{name}": value for name, value in values.items()}
        return read_run_recipe("quickstart", [f"{key}={value}" for key, value in chosen.items()])

    return make


@pytest.fixture
def reads(base, monkeypatch):
    """Names of the base's files whose bytes are hashed."""
    names, read = [], files.sha256_file

    def counted(path: Path):
        if path.parent == base:
            names.append(path.name)
        return read(path)

    monkeypatch.setattr(files, "sha256_file", counted)
    monkeypatch.setattr(files, "_hashes", {})
    return names


@pytest.fixture
def loads(monkeypatch):
    """Names of the models whose weights are loaded."""
    names, original = [], load.load_weights

    def counted(located, *arguments):
        names.append(located.name)
        return original(located, *arguments)

    for module in ("models.load", "models.causal", "runs.stages"):
        monkeypatch.setattr(f"medtune.{module}.load_weights", counted)
    return names


@pytest.fixture(scope="module")
def out(recipe, tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "out"
    execute(recipe(), directory, None)
    return directory


def test_the_weights_of_the_base_are_hashed_at_most_twice(recipe, reads, tmp_path):
    execute(recipe(seeds=3, learning_curve="[0.5, 1]"), tmp_path / "out", None)
    assert reads.count("model.safetensors") == 2
    assert max(map(reads.count, reads)) == 2


def test_the_last_reading_finds_a_base_that_changed_in_secret(recipe, base, out, monkeypatch):
    from medtune.errors import RunError
    from medtune.runs.plan import Plan
    from medtune.runs.stages import check_base_untouched

    plan = Plan.make(recipe(), None)
    weights = base / "model.safetensors"
    before, times = weights.read_bytes(), weights.stat()
    assert plan.base_weights == plan.base.weights_hash()
    monkeypatch.setattr(files, "_hashes", dict.fromkeys(files._hashes, "an old hash"))
    try:
        weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(RunError, match="changed during the run"):
            check_base_untouched(plan)
    finally:
        weights.write_bytes(before)
        os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    check_base_untouched(plan)


def test_another_threshold_of_confidence_loads_no_model(recipe, out, loads, capsys):
    execute(recipe(abstain_below=0.9), out, None)
    told = capsys.readouterr().err
    assert not loads
    assert told.count("done before") == 6  # prepare, before, train, after, two arms
    assert "[report] done again, since this has changed: recipe" in told
    assert read_json(out / "eval" / "confidence.json")


def test_a_further_arm_is_all_that_is_measured(recipe, out, loads, capsys):
    more = ARMS[:-1] + ", {name: brief, system_prompt: Be brief.}]"
    execute(recipe(arms=more), out, None)
    told = capsys.readouterr().err
    assert len(loads) == 1  # the base, which has never been asked so
    assert told.count("done before") == 6
    assert "\n[arm_brief]\n" in told


def test_an_arm_that_asks_what_is_known_loads_no_model(recipe, out, loads, capsys):
    more = ARMS[:-1] + ", {name: again, system_prompt: Be kind.}]"
    execute(recipe(arms=more), out, None)
    told = capsys.readouterr().err
    assert not loads
    assert "\n[arm_again]\n" in told
    assert told.count("results kept from before are used; it is loaded for new items only") == 1


def test_resamples_are_drawn_from_answers_that_are_known(recipe, out, loads):
    execute(recipe(resamples=100), out, None)
    assert not loads


def test_another_version_of_a_library_redoes_what_depends_on_it(
    recipe, out, loads, capsys, tmp_path, monkeypatch
):
    run = shutil.copytree(out, tmp_path / "run")
    version = metadata.version

    def newer(package):
        return "99.0" if package == "torch" else version(package)

    monkeypatch.setattr(metadata, "version", newer)
    execute(recipe(resamples=100), run, None)
    told = capsys.readouterr().err
    assert "[prepare] done before" in told  # it needs no torch
    for stage in ("evaluate_before", "train"):
        reason = f"since this has changed: torch ({version('torch')} → 99.0)"
        assert f"[{stage}] done again, {reason}\n" in told
    assert len(loads) == 5  # base: before, training, an arm; tuned: after, an arm
    assert "kept from before" not in told
