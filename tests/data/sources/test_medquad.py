import csv
from collections import Counter
from xml.sax.saxutils import escape, quoteattr

import pytest

from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

DOCUMENTS = [
    (
        "0000001",
        "Gout",
        [
            ("information", "What is (are) Gout ?", "Crystals of uric acid & pain."),
            ("causes", "What causes Gout ?", ""),
        ],
    ),
    (
        "0000002",
        "Bartter syndrome",
        [("inheritance", "Is Bartter syndrome inherited ?", "Yes: < 1 in 1,000.\n\n  Recessive.")],
    ),
    (
        "0000003",
        "Ménière's disease",
        [("symptoms", "What are the symptoms of Ménière's disease ?", "Vertigo.")],
    ),
]


def document_xml(number, focus, pairs):
    """One document in the form in which MedQuAD is published."""
    body = "".join(
        f'\t\t<QAPair pid="{pid}">\n\t\t\t<Question qid={quoteattr(f"{number}-{pid}")} '
        f'qtype="{kind}">{escape(question)}</Question>\n'
        f"\t\t\t<Answer>{escape(answer)}</Answer>\n\t\t</QAPair>\n"
        for pid, (kind, question, answer) in enumerate(pairs, 1)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document id="{number}" source="GHR" url="https://example.org/{number}">\n'
        f"<Focus>{escape(focus)}</Focus>\n<FocusAnnotations>\n\t<UMLS>\n\t\t<CUIs>\n"
        "\t\t\t<CUI>C0018099</CUI>\n\t\t</CUIs>\n"
        "\t\t<SemanticTypes>\n\t\t\t<SemanticType>T047</SemanticType>\n\t\t</SemanticTypes>\n"
        "\t\t<SemanticGroup>Disorders</SemanticGroup>\n\t</UMLS>\n"
        "\t<Synonyms>\n\t\t<Synonym>Focus of nothing</Synonym>\n"
        f"\t</Synonyms>\n</FocusAnnotations>\n<QAPairs>\n{body}</QAPairs>\n</Document>\n"
    )


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "MedQuAD"
    for index, document in enumerate(DOCUMENTS):
        folder = root / f"{index % 2 + 1}_GHR_QA"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{document[0]}.xml").write_text(document_xml(*document), encoding="utf-8")
    (root / "readme.txt").write_text("Not a document.", encoding="utf-8")
    return root


def facts(source):
    return sorted((row.question, row.answer, row.entity) for row in source.read())


EXPECTED = sorted(
    (question, answer, focus) for _, focus, pairs in DOCUMENTS for _, question, answer in pairs
)


def test_the_xml_tree_is_read_whole(tree):
    loaded = open_source(str(tree), None, Columns())
    assert facts(loaded) == EXPECTED
    assert (loaded.name, loaded.licence, len(loaded.files)) == ("medquad", "CC BY 4.0", 3)
    assert sorted(row.id for row in loaded.read()) == [
        "0000001-1",
        "0000001-2",
        "0000002-1",
        "0000003-1",
    ]


def test_the_known_name_finds_the_tree_in_the_data_directory(tree):
    assert facts(open_source("medquad", tree.parent, Columns())) == EXPECTED


@pytest.mark.parametrize("focus_column", ["focus_area", "focus"])
def test_the_published_table_gives_the_same_rows_as_the_tree(tmp_path, focus_column):
    with open(tmp_path / "medquad.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer", "source", focus_column])
        writer.writerows([question, answer, "GHR", focus] for question, answer, focus in EXPECTED)
    for loaded in (
        open_source("medquad", tmp_path, Columns()),
        open_source(str(tmp_path / "medquad.csv"), None, Columns()),
    ):
        assert (loaded.name, facts(loaded)) == ("medquad", EXPECTED)


def test_the_form_on_the_hub_has_no_focus(tmp_path):
    (tmp_path / "medDataset_processed.csv").write_text(
        "qtype,Question,Answer\nsymptoms,What hurts in Gout ?,The toe.\n"
    )
    expected = [("What hurts in Gout ?", "The toe.", None)]
    assert facts(open_source("medquad", tmp_path, Columns())) == expected
    by_path = open_source(str(tmp_path / "medDataset_processed.csv"), None, Columns())
    assert (by_path.name, facts(by_path)) == ("medquad", expected)


def test_a_cut_xml_file_is_named(tree):
    path = next(tree.rglob("0000002.xml"))
    path.write_text(path.read_text(encoding="utf-8")[:300], encoding="utf-8")
    with pytest.raises(DataError, match=r"0000002\.xml: not valid XML"):
        list(open_source(str(tree), None, Columns()).read())


def test_an_xml_file_with_entities_of_its_own_is_refused_by_name(tree):
    bomb = (
        '<!DOCTYPE Document [<!ENTITY a "aaaa"><!ENTITY b '
        '"&a;&a;&a;">]><Document><Focus>&b;</Focus></Document>'
    )
    (tree / "bomb.xml").write_text(bomb, encoding="utf-8")
    with pytest.raises(DataError, match=r"bomb\.xml"):
        list(open_source(str(tree), None, Columns()).read())


def test_xml_that_is_no_document_of_medquad_is_refused(tree):
    (tree / "other.xml").write_text("<html><p>Gout</p></html>", encoding="utf-8")
    with pytest.raises(DataError, match=r"other\.xml: no document of MedQuAD"):
        list(open_source(str(tree), None, Columns()).read())


@pytest.mark.parametrize(
    ("file", "name"), [("mine.csv", "mine"), ("train.csv", "train"), ("medquad.csv", "medquad")]
)
@pytest.mark.parametrize(
    "header", ["question,answer,source,focus_area", "focus,qtype,question,answer"]
)
def test_columns_choose_a_reader_and_say_nothing_of_whose_the_table_is(
    tmp_path, header, file, name
):
    (tmp_path / file).write_text(f"{header}\na,b,c,d\n")
    opened = open_source(str(tmp_path / file), None, Columns())
    assert opened.columns["entity"].startswith("focus")
    assert opened.name == name
    assert (opened.licence == "CC BY 4.0") == (name == "medquad")
    assert bool(opened.published) == (name == "medquad")
    assert [row.source for row in opened.read()] == [name]


@pytest.fixture(scope="module")
def real_rows(real_data):
    return list(open_source("medquad", real_data, Columns()).read())


@pytest.mark.long
@pytest.mark.real
def test_the_real_table_has_the_stated_counts(real_rows):
    assert len(real_rows) == 42_248
    assert 14_450 <= sum(bool(row.answer) for row in real_rows) <= 14_650
    assert all(row.question for row in real_rows)
    assert sum(row.entity is None for row in real_rows) < 20


@pytest.mark.long
@pytest.mark.real
def test_the_real_table_survives_the_published_xml_form(real_rows, tmp_path):
    sample = [row for row in real_rows if row.answer][::500]
    for index, row in enumerate(sample):
        text = document_xml(f"{index:07}", row.entity, [("information", row.question, row.answer)])
        (tmp_path / f"{index:07}.xml").write_bytes(text.encode("utf-8"))
    again = open_source(str(tmp_path), None, Columns()).read()
    plain = Counter(
        (row.question, " ".join(row.answer.split()), row.entity.strip()) for row in sample
    )
    assert (
        Counter((row.question, " ".join(row.answer.split()), row.entity) for row in again) == plain
    )
