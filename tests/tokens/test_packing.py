import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtune.tokens.encode import Encoded
from medtune.tokens.packing import pack


def row(ids, supervised):
    return Encoded("r", np.array(ids, dtype=np.int64), np.array(supervised, dtype=bool))


def test_rows_lie_end_to_end_with_restarting_positions():
    batch = pack([row([5, 6, 7], [0, 1, 1]), row([8, 9], [0, 1])])
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.lengths == (3, 2)
    assert batch.predictors.tolist() == [0, 1, 3]
    assert batch.targets.tolist() == [6, 7, 9]
    assert (batch.tokens, batch.supervised) == (5, 3)


def test_a_batch_goes_to_a_device_whole():
    batch = pack([row([5, 6, 7], [0, 1, 1])])
    moved = batch.to(torch.device("meta"))
    tensors = (moved.input_ids, moved.position_ids, moved.predictors, moved.targets)
    assert [tensor.device.type for tensor in tensors] == ["meta"] * 4
    assert moved.lengths == batch.lengths


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=6))
def test_no_target_is_predicted_from_another_row(masks):
    start, rows = 100, []
    for mask in masks:
        rows.append(row(range(start, start + len(mask)), mask))
        start += 1000
    batch = pack(rows)
    ids = batch.input_ids[0]
    assert (ids[batch.predictors] + 1 == batch.targets).all()
    assert len(batch.targets) == sum(sum(mask[1:]) for mask in masks)
