"""What the tests share: a tiny model of random weights, the real data sets where they are, and
the command line.
"""

import os
from functools import cache, partial
from pathlib import Path

import pytest

from command_line import run_command, run_process
from small_run import (
    QUICK,
    SmallRun,
    create_once,
    make_small_run,
    overrides,
    read_small_run,
    write_questions,
)
from tiny_llama import make_tiny_model

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
# Commands that tests call see no data sets of the caller: what they do is the same everywhere.
if "MEDTUNE_DATA" in os.environ:
    os.environ["REAL_DATA"] = os.environ.pop("MEDTUNE_DATA")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests go to whichever worker is free; those of a file that share what is made once for the
    file or a class stay together. (xdist's own groups do not work with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    @cache
    def shares(file: str) -> bool:
        text = (config.rootpath / file).read_text(encoding="utf-8")
        return 'scope="module"' in text or 'scope="class"' in text

    class FilesTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return file if shares(file) else nodeid

    return FilesTogether(config, log)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return create_once(tmp_path_factory, "tiny", make_tiny_model)


@pytest.fixture(scope="session")
def small(tiny_model, tmp_path_factory) -> list[str]:
    """Overrides of quickstart for a run of seconds: forty rows, a tiny model, four steps."""
    table = create_once(
        tmp_path_factory, "table", lambda home: write_questions(home / "questions.csv")
    )
    named = {"data.source": table / "questions.csv", "model.name": tiny_model}
    return overrides(named | QUICK)


@pytest.fixture(scope="session")
def small_run(small, tiny_model, tmp_path_factory) -> SmallRun:
    """The small run, finished; tests that change it copy it."""
    home = create_once(
        tmp_path_factory, "finished", lambda home: make_small_run(home, tiny_model, small)
    )
    return read_small_run(home)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of the real data sets."""
    directory = os.environ.get("REAL_DATA")
    if not directory or not Path(directory).is_dir():
        pytest.skip("MEDTUNE_DATA names no directory of real data sets")
    return Path(directory)


@pytest.fixture(scope="session")
def real_models(real_data) -> Path:
    directory = real_data.parent / "models"
    if not directory.is_dir():
        pytest.skip("no tiny real models beside MEDTUNE_DATA")
    return directory


@pytest.fixture(scope="session")
def real_tokenizers(real_data) -> Path:
    directory = real_data.parent / "tokenizers"
    if not directory.is_dir():
        pytest.skip("no real tokenizers beside MEDTUNE_DATA")
    return directory


@pytest.fixture(scope="module", autouse=True)
def pictures_left_out(request):
    """Drawing takes half the time of a short run: only modules with ``DRAWS`` and those of the
    report draw.
    """
    if hasattr(request.module, "DRAWS") or "report" in request.path.parts:
        yield
        return
    from medtune.report import write

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "pictures_of", lambda figures, run: {})
        yield


@pytest.fixture
def medtune(tmp_path):
    """The command in this process, in an empty directory: code, standard output and error."""
    return partial(run_command, cwd=tmp_path)


@pytest.fixture
def medtune_process(tmp_path):
    """The command as a process of its own, in an empty directory."""
    return partial(run_process, cwd=tmp_path)


@pytest.fixture
def questions_csv(tmp_path) -> Path:
    """The table of the small run, to be changed."""
    return write_questions(tmp_path / "questions.csv")


@pytest.fixture
def quick() -> list[str]:
    """Overrides that make a run a matter of seconds."""
    return overrides(QUICK)
