"""One small real run, finished, and one with prepared data alone.

Copies of them for tests that change files.
"""

import shutil

import pytest

from medtune.report.figures import Figures
from medtune.run_paths import RunPaths
from small_run import QUICK, create_once

FULLER = {
    "data.source": "curated",
    "data.limit": 60,
    "evaluate.tasks": "[perplexity, answers, topics]",
    "evaluate.resamples": 2000,
}


@pytest.fixture(scope="session")
def small_recipe(tiny_model):
    """The small run with tasks that fill a whole page."""
    from medtune.recipe.read import read_run_recipe

    values = QUICK | FULLER | {"model.name": tiny_model}
    return read_run_recipe("quickstart", [f"{key}={value}" for key, value in values.items()])


@pytest.fixture(scope="session")
def execute_once(small_recipe, tmp_path_factory):
    from medtune.runs.pipeline import execute

    def run(name, **stages):
        return create_once(
            tmp_path_factory, name, lambda root: execute(small_recipe, root, None, **stages)
        )

    return run


@pytest.fixture(scope="session")
def _finished(execute_once):
    return execute_once("reported")


@pytest.fixture(scope="session")
def _unmeasured(execute_once):
    return execute_once("unmeasured", stages=("prepare", "report"))


@pytest.fixture
def finished(_finished, tmp_path):
    return RunPaths(shutil.copytree(_finished, tmp_path / "finished"))


@pytest.fixture
def unmeasured(_unmeasured, tmp_path):
    return RunPaths(shutil.copytree(_unmeasured, tmp_path / "unmeasured"))


@pytest.fixture
def figures_of():
    return Figures.read
