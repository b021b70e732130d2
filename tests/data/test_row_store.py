"""Rows on disk between the passes: what comes back is what went in, at the positions it had; and
the parts of a row, which are kept apart.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.data.cleaning import Cleaner, Tally
from medtune.data.identifier_policy import scan_row
from medtune.data.rows import Row, RowStore, chunks, from_batch, to_batch
from medtune.data.sources.choice_forms import choice_row
from medtune.data.sources.forms import Fields
from medtune.recipe.schema import Clean

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


class TestOptionsBelowAQuestion:
    STEM = "A man has two spots:\n\nA. on the arm  \nB. on the leg\n\nWhich drug?"

    def asked(self, question, *options, key="B"):
        return choice_row(Fields({}, "s", "row 1"), question, list(options), key)

    @pytest.mark.parametrize(
        "stem",
        [STEM, "Signs:\n\nA. Fever", "Group\n\nA. streptococci: which?", "\n\nA. ", "Q?\n\nB. x"],
    )
    def test_a_stem_with_lettered_lines_stays_whole(self, stem):
        row = self.asked(stem, "aspirin", "warfarin")
        assert row.question == f"{stem}\n\nA. aspirin\nB. warfarin"
        assert row.stem == stem

    def test_options_that_a_file_shows_in_its_question_are_not_written_twice(self):
        row = self.asked("Which?\n\nA. x\nB. y", "x", "y")
        assert (row.question, row.stem) == ("Which?\n\nA. x\nB. y", "Which?")

    def test_repairs_and_masks_keep_question_options_and_answer_apart(self):
        row = self.asked(self.STEM, "5 &lt; 6 ", "Dr. John Smith's  drug")
        repaired = Cleaner(Clean()).repair(row, Tally())
        masked, _ = scan_row(repaired, "mask")
        stem = self.STEM.replace("  ", "")
        assert repaired.options == ("5 < 6", "Dr. John Smith's drug")
        assert masked.options == ("5 < 6", "Dr. [NAME-1]'s drug")
        for one in (repaired, masked):
            assert one.stem == stem
            assert one.question == f"{stem}\n\nA. {one.options[0]}\nB. {one.options[1]}"
            assert one.answer == f"B. {one.options[1]}"

    def test_a_question_without_options_is_never_cut(self):
        messages = (Message("user", self.STEM), Message("assistant", "Neither."))
        assert Row(messages, "s", "row 1").stem == self.STEM
        assert Conversation("1", "g", "s", messages).stem == self.STEM
