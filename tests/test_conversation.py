import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import (
    ROLES,
    Conversation,
    Message,
    conversation_schema,
    iter_conversations,
    read_conversations,
    user_asks,
    write_conversations,
)


def talk(*texts, roles=("user", "assistant") * 3, **facts):
    messages = tuple(Message(role, text) for role, text in zip(roles, texts, strict=False))
    return Conversation("id-1", "group-1", "test", messages, **facts)


def test_question_prompt_and_reference_of_several_turns():
    several = talk("q1", "a1", "q2", "a2")
    assert (several.question, several.reference) == ("q2", "a2")
    assert [m.content for m in several.prompt] == ["q1", "a1", "q2"]


def test_a_user_turn_after_the_last_answer_belongs_to_no_prompt():
    closing = talk("q1", "a1", "thanks")
    assert (closing.question, closing.reference) == ("q1", "a1")
    assert [m.content for m in closing.prompt] == ["q1"]


def test_without_an_answer_all_is_prompt():
    asked = Conversation("i", "g", "s", user_asks("Why?", system="Be brief."))
    assert [m.as_dict() for m in asked.prompt] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
    ]
    assert (asked.question, asked.reference) == ("Why?", "")


@pytest.mark.parametrize("system", [None, ""])
def test_no_system_message_without_a_system_text(system):
    assert user_asks("Why?", system) == (Message("user", "Why?"),)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CONVERSATIONS = st.builds(
    Conversation,
    id=TEXTS,
    group=TEXTS,
    source=TEXTS,
    messages=st.lists(st.builds(Message, st.sampled_from(ROLES), TEXTS), max_size=4).map(tuple),
    label=st.none() | TEXTS,
    options=st.none() | st.lists(TEXTS, max_size=4).map(tuple),
    answer=st.none() | TEXTS,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(CONVERSATIONS, max_size=5))
def test_conversations_survive_being_written_and_read(tmp_path_factory, conversations):
    path = tmp_path_factory.mktemp("talk") / "deep" / "c.parquet"
    write_conversations(path, conversations)
    assert list(read_conversations(path)) == conversations
    assert [p.name for p in path.parent.iterdir()] == ["c.parquet"]


def test_the_written_columns_are_those_promised(tmp_path):
    import pyarrow.parquet as pq

    write_conversations(tmp_path / "c.parquet", [talk("q", "a", label="Cardiology")])
    assert pq.read_table(tmp_path / "c.parquet").to_pylist() == [
        {
            "id": "id-1",
            "group": "group-1",
            "source": "test",
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
            "label": "Cardiology",
            "options": None,
            "answer": None,
            "labels": None,
        }
    ]


def test_a_failed_write_keeps_the_old_conversations(tmp_path):
    path = tmp_path / "c.parquet"
    write_conversations(path, [talk("q", "a")])
    with pytest.raises(UnicodeEncodeError):
        write_conversations(path, [talk("q", "\ud800")])
    assert [c.reference for c in read_conversations(path)] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["c.parquet"]


def test_rows_without_the_optional_columns_are_read():
    row = {"id": "i", "group": "g", "source": "s", "messages": [{"role": "user", "content": "q"}]}
    assert Conversation.from_dict(row) == Conversation("i", "g", "s", (Message("user", "q"),))


def test_a_file_is_read_in_the_memory_of_a_part_of_it(tmp_path):
    rng = random.Random(0)
    rows = [talk("Why?", rng.randbytes(2_000).hex()).as_dict() for _ in range(100)]
    part = pa.Table.from_pylist(rows, schema=conversation_schema())
    with pq.ParquetWriter(
        tmp_path / "a.parquet", conversation_schema(), compression="none"
    ) as writer:
        for _ in range(40):
            writer.write_table(part)
    size, before = (tmp_path / "a.parquet").stat().st_size, pa.total_allocated_bytes()
    held = [
        pa.total_allocated_bytes() - before for _ in iter_conversations(tmp_path / "a.parquet", 100)
    ]
    assert len(held) == 40
    assert max(held) < size / 8
