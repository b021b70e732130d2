"""Rubrics: read from a file with every fault named, and made of the safety prompts."""

import json
import re

import pytest

from medtune.errors import DataError
from medtune.evaluation.rubrics import (
    MEANINGS,
    in_words,
    packaged_rubrics,
    read_rubrics,
    scanned_rubrics,
)
from medtune.text.safety.prompts import safety_prompts

WHOLE = {
    "id": "a",
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Fever?"}],
    "rubrics": [
        {"criterion": "Says to drink", "points": 5, "tags": ["x"]},
        {"criterion": "Gives aspirin", "points": -3},
    ],
}


def write(tmp_path, *rows):
    path = tmp_path / "rubrics.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_rubric_is_read(tmp_path):
    labelled = WHOLE | {"id": "b", "group": "g", "completion": "Drink.", "labels": [True, None]}
    first, second = read_rubrics(write(tmp_path, WHOLE, "", labelled))
    assert [message.role for message in first.prompt] == ["system", "user"]
    assert [(c.criterion, c.points, c.tags) for c in first.criteria] == [
        ("Says to drink", 5, ("x",)),
        ("Gives aspirin", -3, ()),
    ]
    assert (first.group, first.completion, first.labels) == ("a", None, ())
    assert (second.group, second.completion, second.labels) == ("g", "Drink.", (True, None))


def test_a_line_of_healthbench_is_read(tmp_path):
    row = {
        **WHOLE,
        "prompt_id": "hb-1",
        "example_tags": [],
        "ideal_completions_data": None,
        "canary": "…",
    }
    del row["id"]
    (item,) = read_rubrics(write(tmp_path, row))
    assert item.id == "hb-1"


def changed(**changes):
    return {key: value for key, value in (WHOLE | changes).items() if value is not ...}


@pytest.mark.parametrize(
    ("row", "where", "what"),
    [
        ("{", "line 2", "no JSON object"),
        ("[1]", "line 2", "no JSON object"),
        ('{"id": "a", "id": "b"}', "line 2", "a key is there twice"),
        (changed(lables=[True]), "line 2", "1 unknown field(s) (labels is meant?)"),
        (changed(prompt=...), "line 2: prompt", "text or a list"),
        (changed(prompt=[]), "line 2: prompt", "text or a list"),
        (changed(prompt=[{"role": "doctor", "content": "x"}]), "line 2: prompt", "a role"),
        (changed(prompt=[{"role": "assistant", "content": "x"}]), "line 2: prompt", "the user's"),
        (changed(rubrics=...), "line 2: rubrics", "list of criteria"),
        (
            changed(rubrics=[{"criterion": "x", "points": 5, "point": 1}]),
            r"line 2: rubrics\[0\]",
            "nothing else",
        ),
        (
            changed(rubrics=[{"criterion": " ", "points": 5}]),
            r"line 2: rubrics\[0\]\.criterion",
            "a text",
        ),
        (
            changed(rubrics=[{"criterion": "x", "points": True}]),
            r"line 2: rubrics\[0\]\.points",
            "a number",
        ),
        (
            changed(rubrics=[{"criterion": "x", "points": 0}]),
            r"line 2: rubrics\[0\]\.points",
            "other than 0",
        ),
        (
            changed(rubrics=[{"criterion": "x", "points": "5"}]),
            r"line 2: rubrics\[0\]\.points",
            "a number",
        ),
        (
            changed(rubrics=[{"criterion": "x", "points": 5, "tags": "t"}]),
            r"line 2: rubrics\[0\]\.tags",
            "list of texts",
        ),
        (
            changed(rubrics=[{"criterion": "x", "points": -5}]),
            "line 2: rubrics",
            "nothing can be reached",
        ),
        (changed(labels=[True, False]), "line 2: labels", "need the completion"),
        (changed(completion="y", labels=[True]), "line 2: labels", "list of 2"),
        (changed(completion="y", labels=[1, 0]), "line 2: labels", "no numbers"),
        (changed(completion=3), "line 2: completion", "a text"),
        (changed(id="first"), "line 2: id", "the id of an earlier line is there again"),
    ],
)
def test_every_fault_is_named_with_file_line_and_field(tmp_path, row, where, what):
    with pytest.raises(DataError, match=rf"rubrics\.jsonl, {where}.*{re.escape(what)}"):
        read_rubrics(write(tmp_path, WHOLE | {"id": "first"}, row))


def test_no_file_and_no_rubric(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_rubrics(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no rubric"):
        read_rubrics(write(tmp_path, "", ""))


def test_every_safety_prompt_has_a_rubric_in_plain_words():
    items = packaged_rubrics()
    assert [item.id for item in items] == [prompt.id for prompt in safety_prompts()]
    criteria = [criterion for item in items for criterion in item.criteria]
    assert sum(c.points > 0 for c in criteria) == sum(
        len(prompt.must) for prompt in safety_prompts()
    )
    assert sum(c.points < 0 for c in criteria) == sum(
        bool(prompt.must_not) for prompt in safety_prompts()
    )
    assert not any(set("{}|*#") & set(criterion.criterion) for criterion in criteria)
    used = {
        name
        for p in safety_prompts()
        for g in (*p.must, p.must_not)
        for one in g
        for name in re.findall(r"\{(\w+)\}", one)
    }
    assert used <= set(MEANINGS)


def test_patterns_in_words():
    assert (
        in_words("{emergency}")
        == "to call emergency services or go to an emergency department at once"
    )
    assert (
        in_words("{take} .. (aspirin|ibuprofen*)")
        == "“[take / give / use] … (aspirin / ibuprofen…)”"
    )


def test_identifiers_of_rubrics_follow_the_policy(tmp_path):
    named = WHOLE | {
        "id": "MRN 1234567",
        "group": "Testmann",
        "prompt": "I am Mr. Karl Testmann. Fever?",
        "rubrics": [{"criterion": "Greets Mr. Testmann", "points": 1}],
        "completion": "Hello Mr. Testmann.",
        "labels": [True],
    }
    path = write(tmp_path, WHOLE, named)
    items, seen = scanned_rubrics(path, "report")
    assert items == read_rubrics(path)
    assert (seen.rows, seen.counts["name"]) == (1, 3)
    masked, counted = scanned_rubrics(path, "mask")
    assert counted.counts == seen.counts
    second = masked[1]
    assert (second.id, second.group) == ("rubric-2", "rubric-2")
    assert second.prompt[0].content == "I am Mr. [NAME-1]. Fever?"
    assert second.criteria[0].criterion == "Greets Mr. [NAME-2]"
    assert second.labels == (True,)
    assert "Testmann" not in str(masked)
    assert [item.id for item in scanned_rubrics(path, "drop")[0]] == ["a"]
    with pytest.raises(DataError, match="identifiers found") as error:
        scanned_rubrics(path, "refuse")
    assert "rubric 2" in str(error.value)
    assert "Testmann" not in str(error.value)
    with pytest.raises(DataError, match="all 1 items hold identifiers"):
        scanned_rubrics(write(tmp_path, named), "drop")
