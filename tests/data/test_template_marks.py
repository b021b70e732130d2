"""Marks of chat templates in data: which are known, what is counted of them, and what is none."""

import pytest
from preparing import pairs, run

from medtune.data.template_marks import OTHER, known_marks, marks_in


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Rest helps.</s>", {"</s>"}),
        ("<s>Rest helps.</s>", {"<s>", "</s>"}),
        ("<s>[INST] Why? [/INST] So. </s>", {"<s>", "[INST]", "[/INST]", "</s>"}),
        ("[INST] <<SYS>>\nBe kind.\n<</SYS>>", {"[INST]", "<<SYS>>", "<</SYS>>"}),
        ("<|im_start|>user\nWhy?<|im_end|>", {"<|im_start|>", "<|im_end|>"}),
        ("&lt;|im_end|&gt;", {"<|im_end|>"}),
        ("<start_of_turn>model\nSo.<end_of_turn>", {"<start_of_turn>", "<end_of_turn>"}),
        ("<｜User｜>Why?", {"<｜User｜>"}),
        ("Below is a task.\n\n### Instruction:\nWhy?", {"### Instruction:"}),
        ("### Human: Why?\n### Assistant: So.", {"### Human:", "### Assistant:"}),
        ("What <extra_id_7>?", {"<extra_id_0>"}),
        ("Seen by <|Jane Roe|> and <|eos|>", {OTHER}),  # a name is not shown
        ("[CLS] cough [SEP]", {"[CLS]", "[SEP]"}),
    ],
)
def test_marks_of_every_family_are_known(text, marks):
    assert marks_in(text) == marks


@pytest.mark.parametrize(
    "text",
    [
        "Take <s>5 mg</s> 10 mg.",
        "Take <s>5 mg</s> and <s>6 mg</s> daily.",
        "p < 0.05, INR <2>, a <b> c, <sup>2</sup>",
        "Seen by [MASK] in [PAD] stage II",
        "See ### Instruction: below",
        "## Response: fair",
        "|x| > 3 and <| y",
        "<systolic> <user> <end>",
    ],
)
def test_other_signs_are_no_marks(text):
    assert marks_in(text) == set()


def test_a_mark_has_one_family():
    marks = known_marks()
    assert len(marks) > 60
    assert all(marks_in(mark) == {mark} for mark in marks)


def test_rows_are_counted_and_named_without_their_text():
    rows = pairs(40)
    for i in range(3, 10):
        rows[i]["answer"] += "</s>"
    rows[5]["question"] = "<|im_start|>user " + rows[5]["question"]
    audit = run(rows).audit.as_json()
    assert audit["template_marks"] == [
        {
            "mark": "</s>",
            "family": "sentencepiece: Llama 2, Mistral, T5, Gemma",
            "rows": 7,
            "answers": 7,
            "at": [f"mine.jsonl, row {i}" for i in range(4, 9)],
        },
        {
            "mark": "<|im_start|>",
            "family": "ChatML: Qwen, Yi, SmolLM",
            "rows": 1,
            "answers": 0,
            "at": ["mine.jsonl, row 6"],
        },
    ]
    notes = [note for note in audit["warnings"] if "stands in" in note]
    assert notes[0].startswith("</s> (sentencepiece: Llama 2, Mistral, T5, Gemma) stands in 7 rows")
    assert "row 8 …)" in notes[0]
    assert notes[1].endswith("stands in 1 row, 0 of them in an answer (mine.jsonl, row 6)")
    assert not any("illness" in note for note in notes)


def test_texts_without_marks_give_no_note():
    audit = run(pairs(20)).audit.as_json()
    assert audit["template_marks"] == []
    assert not any("marks of chat templates" in note for note in audit["warnings"])
