"""Wrong input: the exit code, and one or two lines that say what, where and what to do."""

import os

import pytest

from command_line import StartedCommand
from medtune.cli.app import exit_code_of


def assert_one_clear_error(process, *words, code=2):
    assert process.returncode == code, process.stderr
    lines = process.stderr.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    assert 1 <= len(lines) - first <= 2, process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    for word in words:
        assert word in "\n".join(lines[first:])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], ["nosuch", "quickstart"]),
        (["quikstart"], ["Did you mean quickstart?"]),
        (
            ["quickstart", "--set", "train.epoks=3"],
            ["unknown key train.epoks", "Did you mean train.epochs?"],
        ),
        (["quickstart", "--set", "trian.epochs=3"], ["unknown key trian", "Did you mean train"]),
        (
            ["quickstart", "--set", "learning_rate=3"],
            ["unknown key", "Did you mean train.learning_rate?"],
        ),
        (["quickstart", "--set", "train.epochs"], ["train.epochs", "key=value"]),
        (["quickstart", "--set", "=3"], ["'=3'", "key=value"]),
        (["quickstart", "--set", "train.epochs=[1"], ["train.epochs=[1", "YAML"]),
        (["quickstart", "--set", "train.epochs=-1"], ["train.epochs", "-1"]),
        (["quickstart", "--set", "train.method=qlorra"], ["train.method", "qlorra"]),
        (["medtune-base"], ["pre-training", "medtune pretrain medtune-base"]),
    ],
)
def test_a_wrong_recipe_or_override(medtune, arguments, words, tmp_path):
    assert_one_clear_error(medtune("run", *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_of_one_s_own_is_wrong_at_a_line(medtune, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndata:\n  source: x.csv\nmodel: {name: m}\ntrain:\n  epohcs: 2\n"
    )
    assert_one_clear_error(
        medtune("run", "mine.yaml"), "mine.yaml, line 6", "train.epohcs", "train.epochs"
    )


def test_verbose_adds_the_traceback_and_keeps_the_exit_code(medtune):
    process = medtune("run", "quickstart", "--set", "train.epoks=3", "--verbose")
    assert "Traceback" in process.stderr
    assert "train.epochs" in process.stderr
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("broken.csv", b"question,answer\na,b\nc,d,e\nf,g\n", ["broken.csv, line 3", "3 fields"]),
        (
            "broken.jsonl",
            b'{"question": "a", "answer": "b"}\n{"question": "c", \n',
            ["broken.jsonl, line 2", "JSON"],
        ),
        ("quoting.csv", b'question,answer\na,"b"x\n', ["quoting.csv, line 2", "quot"]),
        ("coded.csv", b"question,answer\na,b\nfi\x81vre,c\n", ["coded.csv, line 3", "UTF-8"]),
        (
            "columns.csv",
            b"foo,bar\n1,2\n3,4\n",
            ["columns.csv", "Columns here: 2, with no usual", "data.columns.question"],
        ),
        ("half.csv", b"question,foo\n1,2\n3,4\n", ["half.csv", "answer", "question, foo"]),
        ("nothing.csv", b"", ["nothing.csv", "no rows"]),
        ("header.csv", b"question,answer\n", ["header.csv", "no rows"]),
        ("nothing.jsonl", b"", ["nothing.jsonl", "no rows"]),
        ("blank.csv", b"question,answer\na,\n,b\n , \nc,\n", ["blank.csv", "usable rows"]),
        ("whole.parquet", b"PAR1 no", ["whole.parquet", "Parquet"]),
        ("page.docx", b"x", ["page.docx", "not a whole .docx file"]),
        ("page.odt", b"x", ["page.odt", ".csv"]),
    ],
)
def test_data_that_cannot_be_read_name_file_and_line(medtune, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert_one_clear_error(medtune("data", "audit", name), *words)


@pytest.mark.parametrize("verb", ["prepare", "audit"])
def test_a_data_directory_that_is_not_there(medtune, verb):
    arguments = ["prepare", "quickstart"] if verb == "prepare" else ["data", "audit", "medquad"]
    assert_one_clear_error(
        medtune(*arguments, "--data-dir", "nowhere"), "--data-dir nowhere", "no such directory"
    )


def test_medquad_that_is_not_here_names_where_it_is_published(medtune):
    process = medtune("data", "audit", "medquad")
    assert_one_clear_error(
        process, "medquad is not here", "github.com/abachaa/MedQuAD", "--data-dir"
    )


def test_an_empty_question_is_refused(medtune, tiny_model):
    assert_one_clear_error(medtune("ask", tiny_model, "  "), "question is empty")


def test_a_data_file_that_is_missing(medtune, small, tmp_path):
    process = medtune("run", "quickstart", *small, "--set", "data.source=missing.csv")
    assert_one_clear_error(process, "missing.csv", "no such file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.columns.question=frage", ["frage", "data.columns.question", "question, answer"]),
        ("model.name=gpt2", ["gpt2", "HF_HUB_OFFLINE", "a directory"]),
        ("model.name=./nowhere", ["no model directory ./nowhere"]),
    ],
)
def test_a_run_that_cannot_start_says_why(medtune, small, tmp_path, override, words):
    assert_one_clear_error(medtune("run", "quickstart", *small, "--set", override), *words)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_directory_that_is_no_run_is_left_as_it_is(medtune, small, tmp_path):
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.txt").write_text("years of work")
    process = medtune("run", "quickstart", *small, "--out", "thesis")
    assert [path.name for path in mine.iterdir()] == ["chapter.txt"]
    assert (mine / "chapter.txt").read_text() == "years of work"
    assert_one_clear_error(process, "thesis", "holds no run", "--out")


@pytest.mark.parametrize("encoding", ["ascii"])
def test_a_console_of_few_signs_ends_no_verb(small, tmp_path, encoding):
    words = ["inspect", "quickstart", *small, "--rows", "1"]
    process = StartedCommand(*words, cwd=tmp_path, encoding=encoding)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "tokens a row" in out
    assert "Traceback" not in err


def test_a_pipe_or_a_directory_as_data_is_refused_and_not_waited_for(medtune, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere.csv")
    assert_one_clear_error(medtune("data", "audit", "pipe.csv"), "pipe.csv", "no regular file")
    assert_one_clear_error(medtune("data", "audit", "folder.csv"), "folder.csv")
    assert_one_clear_error(medtune("data", "audit", "dangling.csv"), "dangling.csv", "no such file")


@pytest.mark.parametrize("out", ["taken", "taken/below", "/proc/nowhere"])
def test_an_out_that_cannot_be_a_directory_is_refused(medtune, small, tmp_path, out):
    (tmp_path / "taken").write_text("mine")
    process = medtune("prepare", "quickstart", *small, "--out", out)
    assert process.returncode == 2, process.stderr
    assert out in process.stderr
    assert "Traceback" not in process.stderr
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("text", ['{"status": "comp', "{}", "[]", '{"stages": {"prepare": 7}}'])
def test_a_damaged_record_of_a_run_is_named(medtune, small, tmp_path, text):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "run.json").write_text(text)
    process = medtune("prepare", "quickstart", *small, "--out", "mine")
    assert process.returncode in (1, 2)
    assert "run.json" in process.stderr
    assert "Error" not in process.stderr
    assert (tmp_path / "mine" / "run.json").read_text() == text


def test_a_full_disk_is_recognised_by_what_numpy_says_of_it(capsys):
    def write():
        raise OSError("100224 requested and 65536 written")

    assert exit_code_of(write) == 1
    assert "error: the disk is full" in capsys.readouterr().err


def test_control_signs_of_labels_and_file_names_are_shown_as_escapes(medtune, tmp_path):
    name = "a\x1b[31m\u202eb.csv"
    rows = [f"text {n} of a note,flu\x1b]0;x\x07" for n in range(30)]
    (tmp_path / name).write_text("\n".join(["text,label", *rows]) + "\n")
    process = medtune("data", "audit", name, "--examples")
    printed = process.stdout + process.stderr
    assert not any(sign in printed for sign in ("\x1b", "\x07", "\u202e"))
    assert "\\u001b" in printed
