"""Every test has an empty store and an empty home."""

import pytest

from store_fixtures import index, store, tiny_gguf, wheels  # noqa: F401


@pytest.fixture(autouse=True)
def _empty(store):  # noqa: F811
    pass
