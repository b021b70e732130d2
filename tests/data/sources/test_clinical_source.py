"""Clinical files as sources: what documents become, whose they are, and what is masked."""

import base64
import json

import pytest

from medtune.data.prepare import prepare
from medtune.errors import DataError
from medtune.recipe.schema import Corpus, Data
from medtune.report.audit_text import audit_text
from medtune.training.corpus import corpus_hash, read_corpus

KINDS = ("Discharge summary", "Radiology report")


def bundle(tmp_path, patients=12, notes=3):
    """NDJSON of made-up patients with some notes each; every note names its patient."""
    lines = []
    for p in range(patients):
        family = f"Muster{chr(97 + p)}mann"
        lines.append({
            "resourceType": "Patient", "id": f"p{p}", "identifier": [{"value": f"MRN{p:05}X"}],
            "name": [{"family": family, "given": ["Li"]}], "birthDate": "1961-04-09",
        })  # fmt: skip
        for n in range(notes):
            text = f"Li {family} (MRN{p:05}X, born 9.4.1961): finding {p}-{n}, li 3.{n} mg stays."
            lines.append({
                "resourceType": "DocumentReference", "id": f"n{p}-{n}",
                "type": {"text": KINDS[p % 2]}, "subject": {"reference": f"Patient/p{p}"},
                "content": [{"attachment": {"contentType": "text/plain",
                                            "data": base64.b64encode(text.encode()).decode()}}],
            })  # fmt: skip
    path = tmp_path / "export.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def prepared(tmp_path, path, **settings):
    data = Data(source=[str(path)], near_duplicates={"policy": "off"}, **settings)
    return prepare(data, 0, [], None, tmp_path / "out")


def rows_of(result):
    return [row for split in result.splits.values() for row in split]


def test_notes_become_classes_and_patients_lie_in_one_split(tmp_path):
    result = prepared(tmp_path, bundle(tmp_path), label="DocumentReference.type")
    source = result.audit.sources[0]
    assert source.columns == {
        "format": "FHIR",
        "as": "classification",
        "label": "DocumentReference.type",
    }
    assert source.rows == 36
    rows = rows_of(result)
    assert len(rows) == 36
    assert {row.messages[-1].content for row in rows} == set(KINDS)
    splits = {}
    for name, split in result.splits.items():
        for row in split:
            splits.setdefault(row.messages[0].content.split()[1], set()).add(name)
    assert len(splits) == 12
    assert all(len(names) == 1 for names in splits.values())


def test_what_the_structure_names_is_masked_exactly(tmp_path):
    result = prepared(
        tmp_path, bundle(tmp_path), label="DocumentReference.type", identifiers="mask"
    )
    rows = rows_of(result)
    assert len(rows) == 36  # grouped by patient before they were masked
    assert sum(split.groups for split in result.audit.splits.values()) == 12
    for row in rows:
        text = row.messages[0].content
        assert not any(word in text for word in ("Muster", "MRN0", "1961"))
        assert "li 3." in text  # no name: the word as it is written
        assert "mg stays" in text
    written = b"".join(f.read_bytes() for f in (tmp_path / "out").glob("*.parquet"))
    assert b"MRN0" not in written


def test_notes_are_asked_for_without_their_text(tmp_path):
    result = prepared(tmp_path, bundle(tmp_path))
    assert result.audit.sources[0].columns["as"] == "notes"
    row = rows_of(result)[0]
    assert row.messages[0].content == "Write a note."
    assert "finding" in row.messages[1].content


def test_a_label_that_no_document_has_names_those_there(tmp_path):
    with pytest.raises(DataError, match=r"no document has the label 'type'") as error:
        prepared(tmp_path, bundle(tmp_path), label="type")
    assert "DocumentReference.type (36)" in str(error.value)
    with pytest.raises(DataError, match="as classification need a label"):
        prepared(tmp_path, bundle(tmp_path), **{"as": "classification"})


def article(number, text):
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article>"
        f"<ArticleTitle>Does drug {number} lower pressure?</ArticleTitle><Abstract>"
        f'<AbstractText Label="METHODS">Trial {number} of {text}.</AbstractText>'
        f'<AbstractText Label="CONCLUSIONS">Drug {number} lowers it by {number} mmHg.'
        "</AbstractText>"
        "</Abstract></Article></MedlineCitation></PubmedArticle>"
    )


def test_an_article_s_conclusion_is_asked_from_the_other_sections(tmp_path):
    path = tmp_path / "p.xml"
    articles = "".join(article(n, f"{n} patients") for n in range(20))
    path.write_text(f"<PubmedArticleSet>{articles}</PubmedArticleSet>")
    result = prepared(tmp_path, path, section="Conclusions")
    row = next(r for r in rows_of(result) if "Drug 7 " in r.messages[1].content)
    assert row.messages[0].content == (
        "Methods\nTrial 7 of 7 patients.\n\nDoes drug 7 lower pressure?"
    )
    assert row.messages[1].content == "Drug 7 lowers it by 7 mmHg."
    whole = prepared(tmp_path, path)
    assert whole.audit.sources[0].columns["as"] == "qa"


def test_broken_records_are_left_out_by_choice_and_counted(tmp_path):
    path = bundle(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, '{"resourceType": "DocumentReference", "cut']))
    with pytest.raises(DataError, match="line 49: not valid JSON"):
        prepared(tmp_path, path)
    audit = prepared(tmp_path, path, on_error="skip").audit
    assert audit.sources[0].unreadable == {"not valid JSON": 1}
    assert audit.sources[0].unreadable_at == ["export.ndjson, line 49"]
    assert audit.rows.read == 36
    page = " ".join(audit_text(audit).split())
    assert "records left out, unreadable: not valid JSON 1 (at export.ndjson, line 49)" in page


def test_a_folder_of_texts_is_labelled_by_its_folders(tmp_path, capsys):
    for kind in ("cough", "fever"):
        (tmp_path / "texts" / kind).mkdir(parents=True)
        for n in range(10):
            text = f"The patient number {n} has had {kind} for {n} days."
            (tmp_path / "texts" / kind / f"{n}.txt").write_text(text)
    (tmp_path / "texts" / "index.log").write_text("x")
    result = prepared(tmp_path, tmp_path / "texts", label="folder")
    assert {row.label for row in rows_of(result)} == {"cough", "fever"}
    assert "1 other files are not read (.log)" in capsys.readouterr().err


def test_files_of_several_formats_are_refused(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.xml").write_text("<PubmedArticleSet></PubmedArticleSet>")
    (folder / "b.xml").write_text("<collection></collection>")
    with pytest.raises(DataError, match="files of several formats: BioC, PubMed"):
        prepared(tmp_path, folder)


def test_fhir_in_xml_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "p.xml"
    path.write_text('<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"/>')
    with pytest.raises(DataError, match="FHIR in XML is not read"):
        prepared(tmp_path, path)


def test_each_source_says_what_its_documents_become(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir()
    second.mkdir()
    sources = [
        {"name": str(bundle(first)), "label": "DocumentReference.type"},
        {"name": str(bundle(second, patients=9)), "as": "notes"},
    ]
    data = Data(source=sources, near_duplicates={"policy": "off"})
    assert data.model_dump(mode="json")["source"][1]["as"] == "notes"
    audit = prepare(data, 0, [], None, tmp_path / "out").audit
    assert [source.columns["as"] for source in audit.sources] == ["classification", "notes"]


def test_a_corpus_of_a_directory(tmp_path):
    bundle(tmp_path, patients=3)
    corpus = Corpus(source=str(tmp_path))
    documents = read_corpus(tmp_path, corpus)
    assert (len(documents), len({d.group for d in documents})) == (9, 3)
    before = corpus_hash(tmp_path)
    bundle(tmp_path, patients=4)
    assert corpus_hash(tmp_path) != before


def test_an_encoding_is_taken_for_texts_and_refused_where_files_say_theirs(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(12):
        text = f"Pacjentka numer {n} ma gorączkę i kaszel."
        (folder / f"{n}.txt").write_bytes(text.encode("cp1250"))
    rows = rows_of(prepared(tmp_path, folder, encoding="cp1250"))
    assert all("gorączkę" in row.messages[1].content for row in rows)
    with pytest.raises(DataError, match="FHIR files say their encoding themselves"):
        prepared(tmp_path, bundle(tmp_path), encoding="cp1250")
