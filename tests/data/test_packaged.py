import json
import re
from collections import Counter, defaultdict

import pytest

from medtune.data.dedup import normalize
from medtune.data.sources.catalogue import SHIPPED
from medtune.text.identifiers import find_identifiers

QUESTION_TYPES = {"symptoms", "causes", "treatment", "diagnosis", "prevention", "emergency"}
URGENT = re.compile(
    r"emergenc|urgent|same[- ]day|immediate|right away|ambulance|poison control|without delay|at "
    r"once|today|without waiting",
    re.I,
)


def sentences(text):
    return re.split(r"(?<=[.!?])\s+", text)


def read(name):
    return [json.loads(line) for line in (SHIPPED / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def curated():
    return read("curated.jsonl")


@pytest.fixture(scope="module")
def notes():
    return read("notes.jsonl")


def by(rows, key, value):
    found = defaultdict(list)
    for row in rows:
        found[row[key]].append(row[value])
    return found


def test_curated_keys_and_types(curated):
    kinds = {
        "question": str,
        "answer": str,
        "topic": str,
        "specialty": str,
        "question_type": str,
        "red_flag": bool,
    }
    for row in curated:
        assert {key: type(value) for key, value in row.items()} == kinds
        assert all(
            value == value.strip() and value for value in row.values() if isinstance(value, str)
        )
        assert "\n" not in row["answer"]
        assert row["question"].endswith("?")


def test_curated_size_and_balance(curated):
    assert len(curated) >= 400
    assert len({row["specialty"] for row in curated}) >= 25
    counts = Counter(row["question_type"] for row in curated)
    assert set(counts) == QUESTION_TYPES
    assert min(counts.values()) >= 40
    sizes = Counter(row["specialty"] for row in curated)
    assert max(sizes.values()) <= 2 * min(sizes.values())


def test_every_specialty_has_every_question_type_and_several_topics(curated):
    assert all(
        set(kinds) == QUESTION_TYPES for kinds in by(curated, "specialty", "question_type").values()
    )
    assert all(len(set(topics)) >= 6 for topics in by(curated, "specialty", "topic").values())


def test_curated_answers_have_forty_to_a_hundred_and_sixty_words(curated):
    assert not [row["question"] for row in curated if not 40 <= len(row["answer"].split()) <= 160]


def test_curated_questions_and_answers_are_unique(curated):
    for key in ("question", "answer"):
        assert not [
            text
            for text, count in Counter(normalize(row[key]) for row in curated).items()
            if count > 1
        ]


def test_no_two_curated_answers_share_a_sentence(curated):
    owners = defaultdict(set)
    for number, row in enumerate(curated):
        for sentence in sentences(row["answer"]):
            owners[normalize(sentence)].add(number)
    assert not [sentence for sentence, rows in owners.items() if len(rows) > 1]


@pytest.mark.parametrize(
    "topic",
    ["paracetamol poisoning", "congenital adrenal hyperplasia", "anthrax", "cachexia", "botulism"],
)
def test_the_demonstration_topics_have_answers(curated, topic):
    rows = [row for row in curated if row["topic"] == topic]
    assert len(rows) >= 2
    assert all(topic.split()[0] in normalize(f"{row['question']} {row['answer']}") for row in rows)


def test_red_flags_mark_every_emergency_and_say_so_at_once(curated):
    assert all(row["red_flag"] for row in curated if row["question_type"] == "emergency")
    flagged = [row for row in curated if row["red_flag"]]
    assert 80 <= len(flagged) <= len(curated) / 2
    assert not [
        row["question"]
        for row in flagged
        if not URGENT.search(" ".join(sentences(row["answer"])[:2]))
    ]


def test_notes_keys_and_types(notes):
    kinds = {"text": str, "specialty": str, "note_type": str, "synthetic": bool}
    assert all({key: type(value) for key, value in row.items()} == kinds for row in notes)
    assert all(row["synthetic"] for row in notes)


def test_notes_size_and_balance(notes):
    counts = Counter(row["specialty"] for row in notes)
    assert len(counts) >= 10
    assert min(counts.values()) >= 20
    assert max(counts.values()) <= 2 * min(counts.values())


def test_notes_have_sixty_to_two_hundred_and_twenty_words(notes):
    assert not [row["text"][:60] for row in notes if not 60 <= len(row["text"].split()) <= 220]


def test_notes_are_unique_and_share_no_opening(notes):
    assert len({normalize(row["text"]) for row in notes}) == len(notes)
    openings = Counter(" ".join(normalize(row["text"]).split()[:12]) for row in notes)
    assert max(openings.values()) == 1


def test_notes_vary_in_kind_within_a_specialty(notes):
    assert all(len(set(kinds)) >= 6 for kinds in by(notes, "specialty", "note_type").values())


def test_most_notes_do_not_name_their_specialty(notes):
    named = Counter(
        row["specialty"] for row in notes if normalize(row["specialty"]) in normalize(row["text"])
    )
    assert all(count <= 3 for count in named.values())


def test_the_package_holds_no_identifiers(curated, notes):
    texts = [*(row["answer"] for row in curated), *(row["text"] for row in notes)]
    assert not [(find_identifiers(text), text[:60]) for text in texts if find_identifiers(text)]


@pytest.mark.parametrize("name", ["curated", "notes"])
def test_the_shipped_schema_is_the_schema_of_the_rows(name):
    schema = json.loads((SHIPPED / f"{name}.schema.json").read_text(encoding="utf-8"))
    kinds = {"string": str, "boolean": bool}
    for row in read(f"{name}.jsonl"):
        assert list(row) == schema["required"] == list(schema["properties"])
        for key, rule in schema["properties"].items():
            assert isinstance(row[key], kinds[rule["type"]]) if "type" in rule else True
            assert row[key] in rule.get("enum", [row[key]])
            assert row[key] == rule.get("const", row[key])
            assert re.search(rule.get("pattern", ""), str(row[key]))
    assert (SHIPPED / "README.md").is_file()
