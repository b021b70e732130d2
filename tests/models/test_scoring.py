import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtune.models import scoring
from medtune.models.scoring import (
    split_head,
    sum_by_owner,
    token_batches,
    token_loglikelihoods,
    windows,
)


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


def head_and_states(positions, width=8, vocabulary=50):
    torch.manual_seed(positions)
    head = torch.nn.Linear(width, vocabulary, bias=False)
    return head, torch.randn(positions, width), torch.randint(vocabulary, (positions,))


@pytest.mark.parametrize("positions", [1, 2, 7, scoring.POSITIONS, 2 * scoring.POSITIONS + 3])
@pytest.mark.parametrize("block", [1, 120, 2**20])
def test_loglikelihoods_are_those_of_a_softmax_however_they_are_cut(positions, block, monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK_LOGITS", block)
    head, states, targets = head_and_states(positions)
    with torch.no_grad():
        scores = token_loglikelihoods(head, states, targets)
        expected = head(states).log_softmax(-1)[torch.arange(positions), targets]
    torch.testing.assert_close(scores, expected)


def test_no_more_logits_are_made_float32_at_once_than_the_bound(monkeypatch):
    sizes, plain = [], torch.Tensor.logsumexp
    monkeypatch.setattr(
        torch.Tensor,
        "logsumexp",
        lambda self, dim: (sizes.append(self.numel()), plain(self, dim))[1],
    )
    monkeypatch.setattr(scoring, "BLOCK_LOGITS", 120)
    head, states, targets = head_and_states(7)
    token_loglikelihoods(head, states, targets)
    assert sizes == [100, 100, 100, 50]  # two rows of 50 at a time


@pytest.mark.parametrize("cap", [None, 0.5])
def test_a_head_caps_logits_where_the_architecture_does(cap):
    from transformers import Gemma2Config, Gemma2ForCausalLM

    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "head_dim": 4}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    torch.manual_seed(0)
    config = Gemma2Config(vocab_size=30, final_logit_softcapping=cap, **shape, **heads)
    model = Gemma2ForCausalLM(config).eval()
    body, head = split_head(model)
    ids = torch.tensor([[1, 5, 9]])
    with torch.no_grad():
        torch.testing.assert_close(head(body(ids).last_hidden_state), model(ids).logits)


def test_batches_hold_at_most_so_many_tokens_or_one_item():
    batches = token_batches([3, 4, 3, 9, 1, 10, 1], lambda item: item, 10)
    assert list(batches) == [[3, 4, 3], [9, 1], [10], [1]]
    assert list(token_batches([11, 2], lambda item: item, 10)) == [[11], [2]]
    assert list(token_batches([], lambda item: item, 10)) == []


def test_scores_are_summed_for_each_owner_in_order():
    assert sum_by_owner(torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]), [2, 0, 3]) == [3.0, 0.0, 28.0]
