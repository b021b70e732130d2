"""Rows on disk between the passes: what comes back is what went in, at the positions it had."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Message
from medtune.data.rows import Row, RowStore, chunks, from_batch, to_batch

TEXT = st.text(max_size=12)
MAYBE = st.none() | TEXT
TEXTS = st.none() | st.lists(TEXT, max_size=3).map(tuple)
ROWS = st.builds(
    Row,
    messages=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=3
    ).map(tuple),
    source=TEXT,
    location=TEXT,
    entity=MAYBE,
    label=MAYBE,
    id=MAYBE,
    labels=TEXTS,
    options=TEXTS,
    answer_key=MAYBE,
    published_split=MAYBE,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=12), st.integers(1, 5))
def test_rows_come_back_as_they_were(tmp_path_factory, rows, size):
    path = tmp_path_factory.mktemp("spool") / "rows"
    with RowStore(path) as spool:
        for chunk in chunks(rows, size):
            spool.write(to_batch(chunk))
    assert spool.rows == len(rows)
    assert [row for batch in spool.batches() for row in from_batch(batch)] == rows
    assert [start for start, _ in spool.positioned()] == list(range(0, len(rows), size))
    wanted = [3, 0, 3, len(rows) - 1, 10_000]
    assert spool.rows_at(wanted) == {p: rows[p] for p in wanted if 0 <= p < len(rows)}
    spool.remove()
    spool.remove()
    assert not path.exists()


def test_batches_without_rows_are_kept_in_their_place(tmp_path):
    row = Row((Message("user", "q"),), "s", "p")
    with RowStore(tmp_path / "rows") as spool:
        for rows in ([], [row], [], [row, row]):
            spool.write(to_batch(rows))
    assert [(start, batch.num_rows) for start, batch in spool.positioned()] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 2),
    ]


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (4, [4]), (5, [4, 1]), (8, [4, 4])]
)
def test_chunks_have_the_size_and_lose_nothing(count, sizes):
    found = list(chunks(iter(range(count)), 4))
    assert [len(chunk) for chunk in found] == sizes
    assert [item for chunk in found for item in chunk] == list(range(count))
