"""The small run under the name that the tests of the command line use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from small_run import TASKS, SmallRun, hashes


@pytest.fixture(scope="session")
def finished(small_run: SmallRun) -> SmallRun:
    return small_run


@pytest.fixture(scope="session")
def hashes_of() -> Callable[[Path], dict[str, str]]:
    return hashes


@pytest.fixture(scope="session")
def tasks() -> tuple[str, ...]:
    return TASKS
