"""Questions and answers, terms, reports and dialogues in each form in which they are published."""

from collections import Counter

import pytest

from medtune.conversation import Message
from medtune.data.sources.catalogue import KNOWN
from medtune.data.sources.open_source import open_source
from medtune.data.sources.text_forms import NOTES_QUESTION, chat_turns
from medtune.errors import DataError
from medtune.recipe.schema import Columns

ALPACA = {
    "instruction": "Answer as a doctor.",
    "input": "What is gout?",
    "output": "Crystals in a joint.",
}
TURNS = [
    ("system", "Answer as a doctor."),
    ("user", "What is gout?"),
    ("assistant", "Crystals in a joint."),
]


def turns(row):
    return [(message.role, message.content) for message in row.messages]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("wikidoc", "medical_meadow_wikidoc.json"),
        ("wikidoc", "wikidoc.parquet"),
        ("wikidoc_patient", "wikidoc_patient_information.parquet"),
        ("wikidoc_patient", "medical_meadow_wikidoc_patient_info.json"),
        ("healthcaremagic", "HealthCareMagic-100k.json"),
        ("healthcaremagic", "Doctor-HealthCare-100k.csv"),
        ("genmedgpt", "GenMedGPT-5k.json"),
        ("icliniq", "iCliniq.json"),
    ],
)
def test_alpaca_tables_keep_their_instruction_as_the_system_message(put, read, source, name):
    path = put(name, [ALPACA])
    for rows in (read(source), read(path)):
        assert [(turns(row), row.source) for row in rows] == [(TURNS, source)]


def test_a_file_of_ones_own_in_alpaca_columns_belongs_to_nobody(put, read):
    assert read(put("ward7.csv", [ALPACA, ALPACA]))[0].source == "ward7"


def test_the_short_set_ignores_its_faulty_prompts(put, read):
    row = {
        **ALPACA,
        "prompt": "[s][INST] What is gout? [/INST] \\n Crystals",
        "from_medquad": False,
    }
    path = put("anything.parquet", [{**row, "prompt_mistral": "x"}])
    assert [(turns(row), row.source) for row in read(path)] == [(TURNS, "anything")]
    path.rename(path.with_name("wikidoc_medquad_2k.parquet"))
    assert [turns(row) for row in read("wikidoc_medquad_2k")] == [TURNS]


def test_icliniq_takes_the_doctors_answer_and_no_models(put, read):
    row = {
        "input": "What is gout?",
        "answer_icliniq": "Crystals.",
        "answer_chatgpt": "x",
        "answer_chatdoctor": "y",
    }
    put("icliniq.parquet", [row])
    assert [turns(row) for row in read("icliniq")] == [
        [("user", "What is gout?"), ("assistant", "Crystals.")]
    ]


def test_healthcaremagic_as_chat_text(put, read):
    path = put(
        "HealthCareMagic-100k-en.jsonl",
        [{"text": "<human>: What is gout?\n<bot>: Crystals.\nIn a joint."}],
    )
    assert [turns(row) for row in read(path)] == [
        [("user", "What is gout?"), ("assistant", "Crystals.\nIn a joint.")]
    ]
    put("HealthCareMagic-100k-en.jsonl", [{"text": "<human>: What is gout?"}])
    with pytest.raises(DataError, match="row 1: the column 'text' does not read"):
        read("healthcaremagic")


# Terms


def test_pages_ask_what_their_title_is(put, read):
    path = put(
        "wiki.parquet",
        [{"page_title": "Paracetamol poisoning", "page_text": "Paracetamol poisoning is …"}],
    )
    (row,) = read(path)
    assert (row.source, row.entity) == ("wiki", "Paracetamol poisoning")
    assert turns(row) == [
        ("user", "What is Paracetamol poisoning?"),
        ("assistant", "Paracetamol poisoning is …"),
    ]


def test_a_glossary_asks_what_its_term_is(put, read):
    put(
        "medical_glossary.csv",
        [{"term": "gout", "definition": "crystals in a joint"}, {"term": "", "definition": "x"}],
    )
    first, second = read("medical_glossary")
    assert (first.question, first.answer, first.entity) == (
        "What is gout?",
        "crystals in a joint",
        "gout",
    )
    assert (second.question, second.answer, second.entity) == ("", "x", None)


CHAT = (
    "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhat is gout? [/INST] Crystals.\n\nIn a joint. </s>"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CHAT,
            [
                ("system", "Be brief."),
                ("user", "What is gout?"),
                ("assistant", "Crystals.\n\nIn a joint."),
            ],
        ),
        (
            "<s>[INST] What is gout? [/INST] Crystals. </s>",
            [("user", "What is gout?"), ("assistant", "Crystals.")],
        ),
        ("<s>[INST]Why?[/INST]So.</s>", [("user", "Why?"), ("assistant", "So.")]),
        (
            "<s>[INST] a [/INST] b </s><s>[INST] c [/INST] d </s>\n",
            [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
        ),
        ("<s>[INST] a [/INST] </s>", [("user", "a"), ("assistant", "")]),
        (
            "<s> [INST] 3 < 4 & [5] > 2 [/INST] <b> [x] </s>",
            [("user", "3 < 4 & [5] > 2"), ("assistant", "<b> [x]")],
        ),
    ],
)
def test_llama_2_chat_text_is_parsed_back_into_turns(put, read, text, expected):
    path = put("wiki_medical_terms_llam2.jsonl", [{"text": text}])
    for row in (read("wiki_medical_terms")[0], read(path)[0]):
        assert turns(row) == expected


@pytest.mark.parametrize(
    "text",
    [
        "What is gout? Crystals.",
        "<s>[INST] What is gout? Crystals. </s>",
        "<s>[INST] What is gout? [/INST] Crystals.",
        "[INST] What is gout? [/INST] Crystals. </s>",
        "<s>[INST] What is gout? [/INST] Crystals. </s> more",
        "<s>[INST] <<SYS>> Be brief. What is gout? [/INST] Crystals. </s>",
        "<s>[INST] a [/INST] b [/INST] c </s>",
        "[s][INST] a [/INST] b </s>",
        "<s>[INST] a [/INST] b <s>[INST] c [/INST] d </s>",
    ],
)
def test_text_that_is_no_whole_chat_is_named_with_its_row(put, read, text):
    assert chat_turns(text) is None
    put("wiki_medical_terms_llam2.jsonl", [{"text": CHAT}, {"text": text}])
    with pytest.raises(
        DataError, match=r"wiki_medical_terms_llam2\.jsonl, row 2: .* no whole Llama-2 chat"
    ):
        read("wiki_medical_terms")


def test_long_chat_text_is_parsed_in_linear_time():
    text = f"<s>[INST] {'word < ' * 200_000} [/INST] {'<answer [' * 200_000} </s>"
    assert [message.role for message in chat_turns(text)] == ["user", "assistant"]
    assert chat_turns(text[:-4]) is None


def test_one_column_of_chat_text_is_known_under_any_name_but_plain_text_is_not(put, read):
    (row,) = read(put("mine.csv", [{"text": CHAT}]))
    assert (row.source, len(row.messages)) == ("mine", len(chat_turns(CHAT)))
    with pytest.raises(DataError, match="cannot tell which column"):
        read(put("plain.csv", [{"text": "A page about gout."}]))


# Reports

REPORT = {
    "description": "d",
    "medical_specialty": " Surgery",
    "sample_name": " Hernia ",
    "transcription": "Cut,, sewn.",
    "keywords": "surgery, hernia",
}


@pytest.mark.parametrize("index", [{"": 0}, {"row_id": 0}, {"Unnamed: 0": 0}, {}])
def test_mtsamples_asks_for_the_specialty_and_never_shows_the_keywords(put, read, index):
    path = put("mtsamples.csv", [{**index, **REPORT}])
    for row in (read("mtsamples")[0], read(path)[0]):
        assert turns(row) == [
            ("user", f"Cut,, sewn.\n\n{NOTES_QUESTION}"),
            ("assistant", "Surgery"),
        ]
        assert (row.label, row.source) == (" Surgery", "mtsamples")


@pytest.mark.parametrize("missing", [None, ""])
def test_a_report_without_text_comes_through_with_an_empty_question(put, read, missing):
    put("mtsamples.parquet", [REPORT, {**REPORT, "transcription": missing}])
    assert [row.question == "" for row in read("mtsamples")] == [False, True]


# Dialogues


def test_dialogues_become_notes(put, read):
    row = {
        "ID": 3,
        "section_header": "ALLERGY",
        "section_text": "No allergies.",
        "dialogue": "Doctor: Any allergies?\nPatient: No.",
    }
    put("MTS-Dialog-TrainingSet.csv", [row])
    put("MTS-Dialog-ValidationSet.csv", [{**row, "ID": 4}])
    put("MTS-Dialog-Augmented-TrainingSet-1.csv", [row])
    rows = read("mts_dialog")
    assert [(row.id, row.published_split) for row in rows] == [("3", "train"), ("4", "validation")]
    assert rows[0].question.startswith(row["dialogue"])
    assert "ALLERGY" in rows[0].question
    assert rows[0].answer == "No allergies."


def test_visits_become_notes(put, read):
    path = put(
        "visits.csv",
        [{"dataset": "aci", "encounter_id": "D2N001", "dialogue": "[doctor] hi", "note": "NOTE"}],
    )
    (row,) = read(path)
    assert (row.source, row.id, row.answer) == ("visits", "D2N001", "NOTE")
    assert row.question.startswith("[doctor] hi\n\n")


# The real files


def real(name, place):
    return list(open_source(name, place, Columns()).read())


@pytest.mark.real
def test_mtsamples_has_its_missing_texts_labels_and_no_keywords(real_data):
    rows = real("mtsamples", real_data)
    assert sum(not row.question for row in rows) == 33
    labels = Counter(row.label for row in rows)
    assert len(labels) <= 40
    assert all(label.startswith(" ") for label in labels)
    assert all(row.messages[-1] == Message("assistant", row.label.strip()) for row in rows)


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["wikidoc_patient", "wikidoc_medquad_2k", "healthcaremagic", "genmedgpt"]
)
def test_the_instruction_is_one_in_every_real_row(real_data, name):
    rows = real(name, real_data)
    assert len({row.messages[0] for row in rows}) == 1
    assert rows[0].messages[0].role == "system"
    assert all(len(row.messages) == 3 and row.question and row.answer for row in rows)


@pytest.mark.real
def test_the_real_glossary_and_dialogues_are_whole(real_data):
    glossary = real("medical_glossary", real_data)
    assert len({row.entity for row in glossary}) == 4_697
    assert Counter(row.published_split for row in real("mts_dialog", real_data)) == {
        "train": 1_074,
        "test1": 184,
        "test2": 172,
        "val": 89,
    }
    assert len({row.id for row in real("aci_bench", real_data)}) == 186


def test_the_published_place_of_every_hub_source_is_its_repository():
    for known in KNOWN.values():
        if known.hub and known.name != "medquad":
            assert known.hub.repo in known.published
