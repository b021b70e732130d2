"""No cell of a file stands in what is printed, whatever the verb and whatever the file: a marker
in the cells of broken and of odd files, those of clinical formats and of tasks among them.
"""

import gzip
import json
import re
import zipfile
from base64 import b64encode

import pytest

from office_files import workbook

MARKER = "Quagga"
CELL = f"{MARKER} Meier, born 1970-01-01, has gout."


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def exam(**fields):
    """Questions with options of which the last is odd."""
    sound = [
        {"question": f"{CELL} {n}?", "A": f"{CELL} a", "B": f"{CELL} b", "answer": "AB"[n % 2]}
        for n in range(4)
    ]
    return lines(*sound, sound[0] | {"question": f"{CELL}?"} | fields)


def resource(**fields):
    """A note of FHIR, one that can be read before it."""
    sound = {
        "resourceType": "DocumentReference",
        "id": f"{MARKER}-1",
        "content": [
            {"attachment": {"contentType": "text/plain", "data": b64encode(CELL.encode()).decode()}}
        ],
    }
    return lines(sound, sound | fields)


def attachment(**fields):
    return resource(content=[{"attachment": fields}])


def hl7(*segments):
    head = [r"MSH|^~\&|LAB|H|EHR|H|20260101||ORU^R01|1|P|2.5", f"PID|1||{MARKER}||{CELL}"]
    return "\r".join([*head, f"OBR|1||{MARKER}|{MARKER}^{CELL}", *segments]) + "\r"


def cda(body):
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>' + CELL + "</title><recordTarget>"
        f'<patientRole><id root="1" extension="{MARKER}"/><patient><name><family>{MARKER}'
        f"</family></name></patient></patientRole></recordTarget><component>{body}</component>"
        "</ClinicalDocument>"
    )


SECTIONS = (
    f"<structuredBody><component><section><title>{CELL}</title><text>{CELL}</text></section>"
    f"</component><component><section><title>{MARKER}</title><text>{CELL}</text></section>"
    "</component></structuredBody>"
)
NOTES = f"subject_id,hadm_id,stay_id,{MARKER}\n{CELL}\n"
DATA = {
    "not_of_hl7.hl7": CELL,
    "withdrawn.hl7": hl7(f"OBX|1|{MARKER}|{MARKER}^{CELL}||{CELL}||||||F"),
    "packed.hl7": hl7(f"OBX|1|ED|1^{CELL}||{MARKER}^{MARKER}^{MARKER}^Base64^{CELL}||||||F"),
    "escape.hl7": hl7(f"OBX|1|TX|1^{CELL}||{MARKER}\\X{MARKER}\\||||||F"),
    "charset.hl7": hl7(f"OBX|1|TX|1^{CELL}||{CELL}é||||||F").replace(
        "2.5", f"2.5|{MARKER}|||||{MARKER}"
    ),
    "base64.ndjson": attachment(contentType="text/plain", data=f"{MARKER}%%{CELL}"),
    "charset.ndjson": attachment(contentType=f"text/plain; charset={MARKER}", data="YQ=="),
    "kind.ndjson": resource(resourceType=CELL),
    "list.ndjson": resource(content=CELL),
    "cut.ndjson": resource() + f'{{"resourceType": "Patient", "id": "{CELL}',
    "cut.xml": cda(SECTIONS)[:-40],
    "body.xml": cda(f'<nonXMLBody><text mediaType="{MARKER}">{CELL}</text></nonXMLBody>'),
    "base64.xml": cda(
        f'<nonXMLBody><text mediaType="text/plain" representation="B64">{CELL}</text></nonXMLBody>'
    ),
    "entity.xml": f'<!DOCTYPE a [<!ENTITY q "{CELL}">]>' + cda("&q;"),
    "bioc.json": json.dumps({"documents": [{"id": MARKER, "passages": CELL}], "passages": CELL}),
    "pubmed.xml": f"<PubmedArticleSet><PubmedArticle><PMID>{CELL}</PMID><A>{CELL}</PubmedArticle>",
    "i2b2.xml": f'<root><RECORD ID="{CELL}"><TEXT>{CELL}</RECORD></root>',
    "discharge.csv": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    f'{MARKER},{MARKER},1,DS,1,{MARKER},{MARKER},"{CELL}"\n{MARKER},,1,DS,1,,,"{CELL}"\n',
    "note.docx": CELL,
    "note.pdf": f"%PDF-1.4 {CELL}",
    "quotes.csv.gz": gzip.compress(f'question,answer\n"{CELL}",a\n{MARKER},"{CELL}" b\n'.encode()),
    "cut.jsonl.gz": gzip.compress(lines({"question": CELL, "answer": CELL}).encode() * 50)[:-9],
    "weight.csv": f'question,answer,weight\n{MARKER},{MARKER} helps,"{CELL}"\n',
    "wide.csv": f'question,answer\n{MARKER},{MARKER} helps\n{MARKER},"{CELL}","{CELL}"\n',
    "no_header.csv": f'"{CELL}","{CELL}"\n' * 3,
    "undecodable.csv": b"question,answer\n" + CELL.encode() + b",\x81\x8d\xff\n",
    "doubled.jsonl": f'{{"question": "{CELL}", "{CELL}": 1, "{CELL}": "{CELL}"}}\n',
    "bad.jsonl": f'{{"question": "{CELL}", "answer": {MARKER}}}\n',
    "role.jsonl": lines({"messages": [{"role": CELL, "content": CELL}]}),
    "key.jsonl": exam(answer=CELL),
    "split.csv": "question,answer,split\n"
    + "".join(f"{MARKER} {n}?,{MARKER} helps {n}.,{('train', MARKER)[n % 2]}\n" for n in range(9)),
    "labels.jsonl": lines(*({"text": f"{CELL} {n}", "label": [CELL, {"a": 1}]} for n in range(9))),
}  # fmt: skip
SECTION = ("--set", "data.as=qa", "--set", "data.section=nowhere")
LABEL = ("--set", "data.as=classification", "--set", "data.label=nowhere")
MORE = {
    "sections.xml": (cda(SECTIONS), SECTION),
    "section.xml": (cda(SECTIONS), ("--set", "data.as=qa")),
    "label.ndjson": (resource(type={"text": CELL}), LABEL),
    "labelled.xml": (cda(SECTIONS), ("--set", "data.as=classification")),
    "where.csv": (
        f"text,label\n{MARKER} one,{MARKER}\n{MARKER} two,{MARKER} b\n",
        ("--set", "data.where.label=[flu]"),
    ),
    "refused.csv": (
        "question,answer\n" + "".join(f'"Mr. {MARKER} {n}?","{CELL}"\n' for n in range(9)),
        ("--set", "data.identifiers=refuse"),
    ),
    "masked.csv": (
        "question,answer\n" + "".join(f'"{CELL} {n}?","{MARKER} {n} rests."\n' for n in range(9)),
        ("--set", "data.identifiers=mask"),
    ),
}
# Files that can be read, with something in them that is counted.
SOUND = f"OBX|1|TX|1^{CELL}||{CELL}||||||F"
ODD = {
    "mime.ndjson": attachment(contentType=f"text/{MARKER}", data="YQ=="),
    "kind.ndjson": resource(resourceType=MARKER * 3),
    "skipped.ndjson": attachment(contentType="text/plain", data=f"%{CELL}"),
    "withdrawn.hl7": hl7(SOUND, f"OBX|2|{MARKER}|{MARKER}^{CELL}||{CELL}||||||F"),
    "packed.hl7": hl7(SOUND, f"OBX|2|ED|1^a||{MARKER}^{MARKER}^{MARKER}^Base64^{CELL}||||||F"),
    "body.xml": cda(f'<nonXMLBody><text mediaType="{MARKER}">{CELL}</text></nonXMLBody>{SECTIONS}'),
    "columns.jsonl": lines({"question": CELL, "answer": CELL, "note": CELL, "Topic": CELL}),
    "options.jsonl": exam(answer="A", explanation=CELL),
    "labels.csv": f"text,label\n{MARKER} one,{MARKER}\n{MARKER} two,{MARKER} b\n",
}
GOOD = {"criterion": CELL, "points": 1}
TASKS = {
    "exam_key.jsonl": ("multiple_choice", exam(answer=CELL), ""),
    "exam_part.jsonl": ("multiple_choice", exam(split=CELL), ", split: dev"),
    "exam_option.jsonl": ("multiple_choice", exam(A=""), ""),
    "exam_shots.jsonl": ("multiple_choice", exam(), ", shots: 9"),
    "exam_headless.csv": ("multiple_choice", f'"{CELL}",a,b,A\n' * 3, ""),
    "rubric_key.jsonl": ("rubric", lines({"prompt": CELL, "rubrics": [], CELL: CELL}), "judge"),
    "rubric_role.jsonl": (
        "rubric",
        lines({"prompt": [{"role": CELL, "content": CELL}], "rubrics": [GOOD]}),
        "judge",
    ),
    "rubric_points.jsonl": (
        "rubric",
        lines({"prompt": CELL, "rubrics": [{"criterion": CELL, "points": CELL}]}),
        "judge",
    ),
    "rubric_twice.jsonl": (
        "rubric",
        lines(*[{"id": CELL, "prompt": CELL, "rubrics": [GOOD]}] * 2),
        "judge",
    ),
    "rubric_cut.jsonl": ("rubric", f'{{"prompt": "{CELL}", "rub', "judge"),
    "passages.csv": ("forgetting", f'"{CELL}","{CELL}"\n' * 3, ""),
    "passages_part.jsonl": ("forgetting", lines({"text": CELL, "split": CELL}), ", split: dev"),
    "passages_cut.jsonl": ("forgetting", f'{{"text": "{CELL}', ""),
}  # fmt: skip


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def assert_no_cell(process, path):
    printed = process.stdout + process.stderr
    assert MARKER.lower() not in printed.lower(), printed
    assert process.returncode in (0, 2), printed
    # The file was read: the message names it, or the field of the recipe that does not fit it.
    assert path.stem in printed or re.search("error: (data|evaluate)[.]", printed), printed


@pytest.fixture
def prepare(medtune, tiny_model):
    def run(path, *settings):
        return medtune(
            *("prepare", "quickstart", "--verbose", "--out", "out"),
            *("--set", f"model.name={tiny_model}", "--set", f"data.source={path}", *settings),
        )

    return run


def assert_no_cell_in_records(out):
    """Nor in what a run writes beside the rows and their audit, which holds excerpts."""
    for path in out.rglob("*"):
        if path.is_file() and path.parent.name != "data":
            assert MARKER not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("name", [*DATA, *MORE])
def test_preparing_prints_no_cell(prepare, tmp_path, name):
    content, settings = MORE[name] if name in MORE else (DATA[name], ())
    path = written(tmp_path / name, content)
    assert_no_cell(prepare(path, *settings), path)
    assert_no_cell_in_records(tmp_path / "out")


@pytest.mark.parametrize("name", ODD)
def test_an_audit_prints_no_cell_of_what_is_counted(medtune, tmp_path, name):
    path = written(tmp_path / name, ODD[name])
    clinical = ("--set", "data.on_error=skip") if path.suffix == ".ndjson" else ()
    assert_no_cell(medtune("data", "audit", path, "--verbose", *clinical), path)


@pytest.mark.parametrize("rows", [[["question", "answer"], [CELL] * 3], [[CELL], [CELL, CELL]]])
def test_a_spreadsheet_prints_no_cell(prepare, tmp_path, rows):
    path = workbook(tmp_path / "a.xlsx", {"One": rows})
    assert_no_cell(prepare(path), path)


def test_a_zip_and_an_umls_release_print_no_cell(prepare, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", f'question,answer\n"{CELL}"\n')
    assert_no_cell(prepare(tmp_path / "a.zip"), tmp_path / "a.zip")
    home = tmp_path / "umls"
    home.mkdir()
    written(home / "MRCONSO.RRF", f"C1|{MARKER}|P|{CELL}\n")
    written(home / "MRDEF.RRF", f"C1|{MARKER}|{CELL}\n")
    assert_no_cell(prepare(home), home / "MRCONSO.RRF")


@pytest.mark.parametrize("verb", ["inspect", "run", "train"])
def test_other_verbs_print_no_cell_of_a_broken_file(medtune, tiny_model, tmp_path, verb):
    path = written(tmp_path / "key.jsonl", exam(answer=CELL))
    settings = ("--set", f"model.name={tiny_model}", "--set", f"data.source={path}", "--verbose")
    more = ("--dry-run",) if verb == "run" else ()
    process = medtune(verb, "quickstart", *settings, *more)
    assert MARKER not in process.stdout + process.stderr
    assert process.returncode in (1, 2)


@pytest.mark.parametrize("name", TASKS)
def test_the_items_of_a_task_print_no_cell(medtune, tiny_model, tmp_path, name):
    task, content, settings = TASKS[name]
    path = written(tmp_path / name, content)
    if settings == "judge":
        settings = f", judge: {{name: {tiny_model}}}"
    spec = f"{{task: {task}, source: {path}{settings}}}"
    model = ("--model", tiny_model, "--set", f"model.name={tiny_model}")
    process = medtune("evaluate", "quickstart", "--task", spec, *model, "--verbose")
    assert_no_cell(process, path)
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("corpus.txt", CELL.encode() + b"\x81\xff\n"),
        ("corpus.csv", f'"{CELL}","{CELL}"\n' * 3),
        ("corpus.jsonl", f'{{"text": "{CELL}'),
    ],
)
def test_a_corpus_prints_no_cell(medtune, tmp_path, name, content):
    path = written(tmp_path / name, content)
    source = ("--set", f"corpus.source={path}")
    process = medtune("pretrain", "medtune-base", "--dry-run", "--verbose", *source)
    assert_no_cell(process, path)
    assert process.returncode == 2


@pytest.mark.parametrize("setting", ["data.per_label=5", "data.limit=5"])
def test_labels_that_are_texts_are_counted(prepare, tmp_path, setting):
    rows = "".join(f'{MARKER} number {n},"{CELL} {n % 2}"\n' for n in range(9))
    path = written(tmp_path / "labels.csv", "text,label\n" + rows)
    assert_no_cell(prepare(path, "--set", setting), path)


def test_a_file_for_a_service_is_checked_without_a_cell(medtune, tmp_path):
    turns = [{"role": CELL, "content": 5, CELL: CELL, "weight": CELL}]
    text = lines({"messages": turns, CELL: CELL}) + f'{{"messages": "{CELL}'
    path = written(tmp_path / "train.jsonl", text)
    process = medtune("data", "check", path, "--verbose")
    assert MARKER not in process.stdout + process.stderr
    assert process.returncode == 2
