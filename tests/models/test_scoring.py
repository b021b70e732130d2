import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.models.scoring import windows


@given(length=st.integers(2, 60), size=st.integers(2, 20), data=st.data())
def test_every_token_is_scored_once_with_its_left_neighbour_in_view(length, size, data):
    stride = data.draw(st.integers(1, size - 1))
    scored = []
    for start, end, first in windows(length, size, stride):
        assert end - start <= size
        assert first > start
        scored += range(first, end)
    assert scored == list(range(1, length))


@given(length=st.integers(2, 60), size=st.integers(2, 20), data=st.data())
def test_under_a_bigram_model_all_windows_agree(length, size, data):
    stride = data.draw(st.integers(1, size - 1))
    rng = np.random.default_rng(0)
    table, ids = rng.random((5, 5)), rng.integers(5, size=length)
    total = sum(
        table[ids[i - 1], ids[i]]
        for _, end, first in windows(length, size, stride)
        for i in range(first, end)
    )
    assert total == pytest.approx(sum(table[a, b] for a, b in itertools.pairwise(ids)))


def test_a_stride_that_skips_tokens_is_refused():
    with pytest.raises(ValueError, match="stride"):
        list(windows(10, 4, 4))
