"""Training files of hosted services: what is written, what is found wrong, and what it would
cost.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.hosted.chat_file import (
    ChatTokens,
    Problem,
    automatic_epochs,
    check_chat_lines,
    write_chat_lines,
)
from medtune.tokens.lengths import chat_tokens, token_counter

GOOD = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}
# The messages of OpenAI's guide on counting tokens: 129 for gpt-4 and 124 for gpt-4o, by its own
# service.
GUIDE = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]


@pytest.fixture
def counter():
    pytest.importorskip("bpe_openai", reason="the extra `hosted` is not installed")
    return token_counter


def file_of(place, *lines):
    path = place / "chats.jsonl"
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(encoded) + b"\n")
    return path


def numbered(count):
    return [
        {
            "messages": [
                {"role": "user", "content": f"Why {n}?"},
                {"role": "assistant", "content": "So."},
            ]
        }
        for n in range(count)
    ]


def message(**changes):
    return {
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So."} | changes,
        ]
    }


def test_what_is_written_is_sound_and_reads_back(tmp_path):
    turns = (
        Message("system", "Be brief."),
        Message("user", "naïve\r\n\u2028😀?"),
        Message("assistant", '"So"\\.'),
    )
    rows = [
        Conversation(
            f"i{n}", "g", "s", (*turns, Message("user", str(n)), Message("assistant", "."))
        )
        for n in range(12)
    ]
    path = tmp_path / "train.jsonl"
    assert write_chat_lines(path, iter(rows)) == 12
    read = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    assert [[(m["role"], m["content"]) for m in r["messages"]] for r in read] == [
        [(m.role, m.content) for m in row.messages] for row in rows
    ]
    report = check_chat_lines(path)
    assert (report.problems, report.examples, dict(report.counts)) == ([], 12, {})


def beside(message):
    """A line with ``message`` and a good answer."""
    return {"messages": [message, GOOD["messages"][1]]}


@pytest.mark.parametrize(
    ("line", "kind", "field"),
    [
        ([1], "not_an_object", "line"),
        (b"{broken", "not_json", "line"),
        (b'{"messages": NaN}', "not_json", "line"),
        (b'"\xff"', "not_utf8", "line"),
        (b'{"messages": [{"role": "assistant", "content": "\\ud800"}]}', "not_json", "line"),
        (b"", "empty_line", "line"),
        ({}, "no_messages", "messages"),
        ({"messages": []}, "no_messages", "messages"),
        ({"messages": "Why?"}, "no_messages", "messages"),
        (GOOD | {"prompt": "x"}, "unknown_key", "prompt"),
        ({"messages": ["Why?", *GOOD["messages"]]}, "not_an_object", "messages[0]"),
        (beside({"role": "user"}), "missing_key", "messages[0].content"),
        ({"messages": [{"content": "x"}, GOOD["messages"][1]]}, "missing_key", "messages[0].role"),
        (message(colour="red"), "unknown_key", "messages[1].colour"),
        (beside({"role": "human", "content": "x"}), "unknown_role", "messages[0].role"),
        (beside({"role": ["user"], "content": "x"}), "unknown_role", "messages[0].role"),
        (message(content=""), "no_content", "messages[1].content"),
        (message(content=" \n"), "no_content", "messages[1].content"),
        (message(content=None), "no_content", "messages[1].content"),
        (message(content=["x"]), "no_content", "messages[1].content"),
        (message(name=7), "bad_name", "messages[1].name"),
        (message(weight=2), "bad_weight", "messages[1].weight"),
        (message(weight=0.5), "bad_weight", "messages[1].weight"),
        (message(weight=True), "bad_weight", "messages[1].weight"),
        (message(weight="1"), "bad_weight", "messages[1].weight"),
        (beside({"role": "user", "content": "x", "weight": 1}), "bad_weight", "messages[0].weight"),
        ({"messages": [{"role": "user", "content": "Why?"}]}, "no_assistant", "messages"),
        (message(weight=0), "no_assistant", "messages"),
    ],
)  # fmt: skip
def test_each_fault_is_found_once_with_its_line_and_field(tmp_path, line, kind, field):
    lines = numbered(12)
    report = check_chat_lines(file_of(tmp_path, *lines[:4], line, *lines[4:]))
    assert dict(report.counts) == {kind: 1}
    assert [(p.line, p.kind, p.field) for p in report.problems] == [(5, kind, field)]
    assert str(report.problems[0]).startswith(f"line 5, {field}: ")


def test_weights_of_nought_and_one_are_sound(tmp_path):
    mixed = {"messages": [*message(weight=0)["messages"], *message(weight=1)["messages"]]}
    assert not check_chat_lines(file_of(tmp_path, mixed, *numbered(9))).counts


def test_a_repeated_line_names_the_first(tmp_path):
    report = check_chat_lines(file_of(tmp_path, *numbered(10), numbered(10)[3]))
    assert report.problems == [Problem(11, "duplicate_line", "line", "is line 4 again")]


def test_fewer_than_ten_examples(tmp_path):
    assert not check_chat_lines(file_of(tmp_path, *numbered(10))).counts
    report = check_chat_lines(file_of(tmp_path, *numbered(9)))
    assert report.problems == [
        Problem(None, "too_few_examples", "file", "9 examples, fewer than 10")
    ]
    assert str(report.problems[0]).startswith("the file")
    assert not check_chat_lines(file_of(tmp_path, *numbered(1)), least=1).counts


def test_all_problems_are_counted_and_the_first_hundred_listed(tmp_path):
    report = check_chat_lines(file_of(tmp_path, *[{"n": n} for n in range(150)]))
    assert dict(report.counts) == {"unknown_key": 150, "no_messages": 150}
    assert len(report.problems) == 100
    assert json.loads(json.dumps(report.as_dict()))["counts"]["no_messages"] == 150


def test_texts_of_patients_do_not_stand_in_problems(tmp_path):
    secret = "Jane Doe, 12 Elm Street, " * 10
    line = {
        "messages": [{"role": secret, "content": secret}, {"role": "assistant", secret: secret}]
    }
    report = check_chat_lines(file_of(tmp_path, line))
    assert report.counts["unknown_role"] == report.counts["unknown_key"] == 1
    assert "Elm" not in json.dumps(report.as_dict())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        check_chat_lines(tmp_path / "none.jsonl")
    with pytest.raises(RecipeError, match="cl100k_base"):
        check_chat_lines(file_of(tmp_path, GOOD), "p50k")


@pytest.mark.parametrize(
    ("encoding", "text", "tokens", "guide"),
    [
        ("cl100k_base", "antidisestablishmentarianism", 6, 129),
        ("o200k_base", "お誕生日おめでとう", 8, 124),
    ],
)
def test_tokens_are_those_of_the_service(counter, encoding, text, tokens, guide):
    count = counter(encoding)
    assert count("hello world") == 2
    assert count(text) == tokens
    assert count("<|endoftext|>") > 1  # a special token in a text is text
    assert chat_tokens(GUIDE, count) == guide


def test_the_ids_of_a_known_text(counter):
    import bpe_openai

    assert bpe_openai.get_encoding("cl100k_base").encode_ordinary("hello world") == [15339, 1917]


def test_tokens_limit_and_cost_of_a_known_file(counter, tmp_path):
    # 3 for the reply, 2 × 3 for the messages, "user" and "assistant" 1 each, "Why", " ", "0", "?"
    # and "So", "."
    lines = numbered(20)
    long = {
        "messages": [
            {"role": "user", "content": "Why 99?"},
            {"role": "assistant", "content": " so" * 1000},
        ]
    }
    report = check_chat_lines(file_of(tmp_path, *lines, long), limit=500, price=8.0, epochs=2)
    each = chat_tokens(lines[0]["messages"], counter("cl100k_base"))
    assert each == 3 + 6 + 2 + 4 + 2
    last = chat_tokens(long["messages"], counter("cl100k_base"))
    assert report.tokens == ChatTokens(
        "cl100k_base", 500, 20 * each + last, each, last, 20 * each + 500, 20 * 2 + 1000
    )
    assert report.cost == pytest.approx((20 * each + 500) * 2 * 8.0 / 1e6)
    assert [(p.line, p.kind) for p in report.problems] == [(21, "over_limit")]
    assert check_chat_lines(file_of(tmp_path, *lines), price=None).cost is None


def test_without_the_counter_tokens_and_cost_are_unknown_not_nought(tmp_path, monkeypatch):
    monkeypatch.setattr("medtune.hosted.chat_file.token_counter", lambda encoding: None)
    report = check_chat_lines(file_of(tmp_path, *numbered(10)), price=8.0)
    assert (report.tokens, report.cost, report.problems) == (None, None, [])


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [
        (0, 25),
        (1, 25),
        (4, 25),
        (5, 20),
        (10, 10),
        (33, 3),
        (34, 3),
        (8333, 3),
        (8334, 2),
        (12_501, 1),
        (10**6, 1),
    ],
)
def test_automatic_epochs(examples, epochs):
    assert automatic_epochs(examples) == epochs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "weight", "name", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30), max_size=6
    )
)
@settings(max_examples=300, deadline=None)
def test_no_line_whatever_it_holds_breaks_the_check(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("fuzz") / "x.jsonl"
    path.write_bytes(b"\n".join(lines))
    report = check_chat_lines(path, least=0)
    json.dumps(report.as_dict(), allow_nan=False).encode()
    assert sum(report.counts.values()) >= len({p.line for p in report.problems})
