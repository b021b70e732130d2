"""`medtune inspect`: what the model will see, with colour, without, and as JSON."""

import json
import re

import pytest


def test_json_holds_every_token_with_its_state_and_the_lengths(medtune, small, tmp_path):
    process = medtune("inspect", "quickstart", *small, "--rows", "3", "--json")
    assert process.returncode == 0, process.stderr
    shown = json.loads(process.stdout)
    assert len(shown["rows"]) == 3
    for row in shown["rows"]:
        learnt = "".join(token["text"] for token in row["tokens"] if token["state"] == "supervised")
        context = "".join(token["text"] for token in row["tokens"] if token["state"] == "context")
        assert re.search(r"What about \w+ in case \d\?", context)
        assert re.search(r"Note \d\.<\|eos\|>$", learnt)
        assert "Note" not in context
        assert "What about" not in learnt
        assert (row["cut"], row["supervised"]) == (
            0,
            sum(t["state"] == "supervised" for t in row["tokens"]),
        )
    lengths = shown["lengths"]
    assert (lengths["split"], lengths["overlong"]) == ("train", "truncate")
    assert sum(lengths["histogram"]["counts"]) == lengths["rows"]
    assert list(tmp_path.iterdir()) == []


def test_without_colour_the_same_stands_in_plain_marks(medtune, small, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    process = medtune("inspect", "quickstart", *small, "--rows", "1")
    assert process.returncode == 0, process.stderr
    assert "\x1b" not in process.stdout + process.stderr
    text = process.stdout.replace("\n", "")
    assert "‹<|eos|>›⟧" in text
    assert "│" in text
    assert re.search(r"⟦learnt⟧", text)
    assert re.search(r"limit 256 tokens: 0 of \d+ rows cut \(0\.0%\)", text)
    assert "of the tokens" in text
    bars = process.stdout[process.stdout.index("tokens a row") :].splitlines()
    assert any("█" in line for line in bars)
    assert max(map(len, process.stdout.splitlines())) <= 80


def test_colour_tells_what_is_learnt_context_and_cut(medtune, small, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    process = medtune(
        "inspect", "quickstart", *small, "--rows", "1", "--set", "train.max_length=24"
    )
    assert process.returncode == 0, process.stderr
    assert "\x1b[2m" in process.stdout  # dim: context
    assert "\x1b[32m" in process.stdout  # green: learnt
    assert "\x1b[9;31m" in process.stdout  # red and struck: cut
    assert "⟦" not in process.stdout


def test_a_row_that_is_too_long_shows_what_is_cut_and_the_share(medtune, small):
    arguments = ("inspect", "quickstart", *small, "--rows", "1", "--set", "train.max_length=24")
    process = medtune(*arguments)
    assert process.returncode == 0, process.stderr
    text = process.stdout.replace("\n", "")
    counts = re.search(r"(\d+) tokens: (\d+) learnt, (\d+) context, (\d+) cut", text)
    total, learnt, context, cut = map(int, counts.groups())
    assert (learnt + context, total) == (24, 24 + cut)
    assert "~~" in text
    assert re.search(r"limit 24 tokens: (\d+) of \1 rows cut \(100\.0%\)", text)


def test_one_row_by_its_id_of_whichever_split(medtune, small):
    arguments = ("inspect", "quickstart", *small)
    rows = json.loads(medtune(*arguments, "--split", "test", "--rows", "2", "--json").stdout)[
        "rows"
    ]
    row_id = rows[1]["id"]
    shown = json.loads(medtune(*arguments, "--id", row_id, "--json").stdout)
    assert shown["rows"] == [rows[1]]
    assert shown["lengths"]["split"] == "test"
    missing = medtune(*arguments, "--id", row_id[:-1])
    assert missing.returncode == 2
    assert f"no row {row_id[:-1]}" in missing.stderr
    assert row_id in missing.stderr
    elsewhere = medtune(*arguments, "--id", row_id, "--split", "train")
    assert elsewhere.returncode == 2


def test_a_wrong_split_is_an_error(medtune, small):
    process = medtune("inspect", "quickstart", *small, "--split", "dev")
    assert process.returncode == 2
    assert "train, validation, test" in process.stderr


@pytest.mark.parametrize(
    ("name", "end"),
    [("gpt2", "<|endoftext|>"), ("llama", "</s>"), ("mistral", "</s>"), ("t5", "</s>")],
)
def test_real_tokenizers_without_a_model(medtune, small, real_tokenizers, name, end):
    process = medtune(
        "inspect",
        "quickstart",
        *small,
        "--rows",
        "1",
        "--tokenizer",
        real_tokenizers / name,
        "--json",
    )
    assert process.returncode == 0, process.stderr
    shown = json.loads(process.stdout)
    learnt = [token for token in shown["rows"][0]["tokens"] if token["state"] == "supervised"]
    assert (learnt[-1]["text"], learnt[-1]["special"]) == (end, True)
    assert re.search(r"Note \d\.$", "".join(token["text"] for token in learnt[:-1]))
    assert shown["lengths"]["max"] < 60  # the tiny model's own tokenizer needs many more


def test_no_tokenizer_there(medtune, small, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (("empty", "holds no tokenizer"), ("./none", "no such directory")):
        process = medtune("inspect", "quickstart", *small, "--tokenizer", name)
        assert process.returncode == 2
        assert message in process.stderr
