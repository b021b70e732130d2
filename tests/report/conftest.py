"""One small real run, finished, and one with prepared data alone.

Copies of them for tests that change files.
"""

import shutil

import pytest

from medtune.report.figures import Figures
from medtune.run_paths import RunPaths

SMALL = [
    "data.source=curated",
    "data.limit=60",
    "train.max_steps=3",
    "train.batch_size=2",
    "train.gradient_accumulation=1",
    "evaluate.decoding.max_new_tokens=6",
    "evaluate.resamples=2000",
]


@pytest.fixture(scope="session")
def small_recipe(tiny_model):
    from medtune.recipe.read import read_run_recipe

    return read_run_recipe("quickstart", [*SMALL, f"model.name={tiny_model}"])


@pytest.fixture(scope="session")
def _finished(small_recipe, tmp_path_factory):
    from medtune.runs.pipeline import execute

    root = tmp_path_factory.mktemp("runs") / "finished"
    execute(small_recipe, root, None)
    return root


@pytest.fixture(scope="session")
def _unmeasured(small_recipe, tmp_path_factory):
    from medtune.runs.pipeline import execute

    root = tmp_path_factory.mktemp("runs") / "unmeasured"
    execute(small_recipe, root, None, stages=("prepare", "report"))
    return root


@pytest.fixture
def finished(_finished, tmp_path):
    return RunPaths(shutil.copytree(_finished, tmp_path / "finished"))


@pytest.fixture
def unmeasured(_unmeasured, tmp_path):
    return RunPaths(shutil.copytree(_unmeasured, tmp_path / "unmeasured"))


@pytest.fixture
def figures_of():
    return Figures.read
