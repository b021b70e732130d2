import json
import shutil
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from medtune.errors import RecipeError, RunError
from medtune.evaluation.confidence.abstention import AbstentionPolicy
from medtune.files import read_json, write_json
from medtune.models.adapters import BOUND, load_exactly
from medtune.models.load import LocalModelRef
from medtune.recipe.read import read_run_recipe
from medtune.runs.export import export, push

SMALL = [
    "train.max_steps=2",
    "train.batch_size=2",
    "train.gradient_accumulation=1",
    "train.learning_rate=0.01",
    "evaluate.tasks=[perplexity]",
    "evaluate.resamples=200",
]


def made_run(place, model, *settings):
    from medtune.runs.pipeline import execute

    rows = [
        f"What of case {n} of {name}?,Rest and water for {name} {n}."
        for n in range(10)
        for name in ("flu", "gout")
    ]
    (place.parent / "rows.csv").write_text("\n".join(["question,answer", *rows]))
    own = [f"data.source={place.parent / 'rows.csv'}", f"model.name={model}", *settings]
    execute(read_run_recipe("quickstart", [*SMALL, *own]), place, None)
    return place


@pytest.fixture(scope="module")
def lora_run(tiny_model, tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("runs") / "lora", tiny_model, "train.method=lora")


@pytest.fixture(scope="module")
def full_run(tiny_model, tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("runs") / "full", tiny_model, "train.method=full")


def card_of(directory):
    _, head, body = (directory / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), body


def assert_no_path(directory, *places):
    """What others get names no directory of this machine."""
    for path in directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(str(place.parent).encode() in content for place in places), path.name


def test_an_adapter_is_exported_as_it_was_trained(lora_run, tiny_model, tmp_path):
    facts = export(lora_run, tmp_path / "out", "adapter")
    for path in (lora_run / "model").iterdir():
        if path.name not in ("medtune.json", "adapter_config.json"):
            assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    written, trained = (
        read_json(d / "adapter_config.json") for d in (tmp_path / "out", lora_run / "model")
    )
    assert written == trained | {"base_model_name_or_path": tiny_model.name}
    assert_no_path(tmp_path / "out", lora_run, tiny_model)
    assert sorted(facts.files) == sorted(path.name for path in (tmp_path / "out").iterdir())
    head, body = card_of(tmp_path / "out")
    assert (head["library_name"], head["base_model_relation"]) == ("peft", "adapter")
    assert "## Did it help?" in body
    assert "## This export" in body


def test_the_threshold_of_confidence_travels_with_the_weights_it_was_set_for(lora_run, tmp_path):
    run = Path(shutil.copytree(lora_run, tmp_path / "run"))
    measured = {"kind": "answers", "threshold": {"value": 0.3, "signal": "signal", "status": "set"}}
    (run / "eval" / "confidence.json").write_text(json.dumps({"answers": {"after": measured}}))
    for form in ("adapter", "merged"):
        export(run, tmp_path / form, form)
        assert AbstentionPolicy.read(tmp_path / form) == AbstentionPolicy(0.3, "signal", "set")
    pytest.importorskip("bitsandbytes")
    export(run, tmp_path / "4bit", "merged-4bit")
    assert AbstentionPolicy.read(tmp_path / "4bit") is None
    export(lora_run, tmp_path / "plain", "adapter")
    assert AbstentionPolicy.read(tmp_path / "plain") is None


def test_merged_is_verified_and_opens_with_transformers_alone(lora_run, tiny_model, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    facts = export(lora_run, tmp_path / "out", "merged")
    assert_no_path(tmp_path / "out", lora_run, tiny_model, tmp_path / "out")
    assert facts.dtype == "bfloat16"
    assert facts.merge.largest < BOUND < facts.rounding.largest
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert not any("lora" in name for name in weights)
    assert not list((tmp_path / "out").glob("adapter*"))
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    trained = AutoTokenizer.from_pretrained(lora_run / "model")
    assert tokenizer.chat_template == trained.chat_template
    for name in ("generation_config.json", "tokenizer.json"):
        assert (tmp_path / "out" / name).read_bytes() == (lora_run / "model" / name).read_bytes()
    use = read_json(tmp_path / "out" / "medtune.json")
    assert use["max_new_tokens"] == 160
    assert use["export"]["form"] == "merged"
    head, body = card_of(tmp_path / "out")
    assert head["library_name"] == "transformers"
    assert f"| merged, float32 | {facts.merge.largest:.2g} |" in body


def test_merged_answers_as_the_run_does(lora_run, tmp_path):
    from medtune.assistant import load

    export(lora_run, tmp_path / "out", "merged", "float32")
    question = "What are the symptoms of anemia?"
    answers = {
        load(place, max_new_tokens=12).ask(question).text for place in (lora_run, tmp_path / "out")
    }
    assert len(answers) == 1


def test_a_run_of_all_weights_is_copied_in_the_wanted_format(full_run, tmp_path):
    facts = export(full_run, tmp_path / "out", "merged", "float32")
    assert facts.merge.largest == facts.rounding.largest == 0
    assert facts.rounding.same_best == 1
    with pytest.raises(RecipeError, match="there is no adapter"):
        export(full_run, tmp_path / "adapter", "adapter")


def test_four_bits_with_the_loss_stated(lora_run, tmp_path):
    pytest.importorskip("bitsandbytes")
    facts = export(lora_run, tmp_path / "out", "merged-4bit")
    assert facts.four_bits.largest > facts.rounding.largest > facts.merge.largest
    assert facts.four_bits.kl > 0
    assert (
        read_json(tmp_path / "out" / "config.json")["quantization_config"]["bnb_4bit_quant_type"]
        == "nf4"
    )
    assert not (tmp_path / "out" / "whole").exists()
    load_exactly(LocalModelRef("out", tmp_path / "out"))
    assert "| written in NF4 |" in card_of(tmp_path / "out")[1]


def test_four_bits_without_the_library_fails_first(lora_run, tmp_path, monkeypatch):
    monkeypatch.setattr("medtune.models.precision.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="not installed"):
        export(lora_run, tmp_path / "out", "merged-4bit")
    assert not list(tmp_path.iterdir())


def test_over_the_bound_nothing_is_left(lora_run, tmp_path, monkeypatch):
    monkeypatch.setattr("medtune.models.adapters.logit_bound", lambda reference: -1.0)
    with pytest.raises(RunError, match="not exported"):
        export(lora_run, tmp_path / "out", "merged")
    assert not list(tmp_path.iterdir())


def test_too_little_memory_to_merge_is_said_first(lora_run, tmp_path, monkeypatch):
    monkeypatch.setattr("medtune.training.memory_estimate.available_bytes", lambda: 1000)
    with pytest.raises(RunError, match="merging is done in float32: about"):
        export(lora_run, tmp_path / "out", "merged")
    assert not (tmp_path / "out").exists()
    export(lora_run, tmp_path / "adapter", "adapter")  # needs none


def test_another_base_is_refused(lora_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(lora_run, run)
    write_json(
        run / "model" / "medtune.json",
        read_json(run / "model" / "medtune.json") | {"base_weights_sha256": "0"},
    )
    with pytest.raises(RunError, match="not those that this adapter was trained on"):
        export(run, tmp_path / "out", "merged")
    assert not (tmp_path / "out").exists()


def test_only_an_earlier_export_is_replaced(lora_run, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(RecipeError, match="no export"):
        export(lora_run, place, "adapter")
    assert (place / "thesis.txt").read_text() == "mine"
    (place / "thesis.txt").unlink()
    export(lora_run, place, "adapter")
    export(lora_run, place, "merged")
    assert not list(place.glob("adapter*"))


def test_what_is_no_finished_run_is_refused(lora_run, tmp_path):
    with pytest.raises(RecipeError, match="this is no run"):
        export(tmp_path, tmp_path / "out", "merged")
    run = tmp_path / "run"
    shutil.copytree(lora_run, run)
    (run / "README.md").unlink()
    with pytest.raises(RecipeError, match="not finished"):
        export(run, tmp_path / "out", "merged")
    with pytest.raises(RecipeError, match="exported as it was trained"):
        export(lora_run, tmp_path / "out", "adapter", "float16")


class Hub:
    """Stands for huggingface_hub's HfApi."""

    def __init__(self, private=True, error=None):
        self.private, self.error, self.calls = private, error, []

    def create_repo(self, name, **options):
        self.calls.append(("create", name, options))
        if self.error:
            raise self.error
        return f"https://hub.example/{name}"

    def repo_info(self, name, **options):
        return type("Info", (), {"private": self.private})

    def upload_folder(self, **options):
        self.calls.append(("upload", options["repo_id"], options))


def test_push_is_private_by_default(tmp_path):
    hub = Hub()
    assert push(tmp_path, "me/model", api=hub) == "https://hub.example/me/model"
    (_, _, created), (_, name, uploaded) = hub.calls
    assert created["private"] is True
    assert (name, uploaded["folder_path"]) == ("me/model", tmp_path)


def test_push_to_a_public_repository_needs_a_word(tmp_path):
    hub = Hub(private=False)
    with pytest.raises(RunError, match="is public"):
        push(tmp_path, "me/model", api=hub)
    assert [call[0] for call in hub.calls] == ["create"]
    push(tmp_path, "me/model", public=True, api=hub)
    assert hub.calls[-1][0] == "upload"


def test_push_says_what_the_hub_said(tmp_path):
    with pytest.raises(RunError, match="connection refused") as error:
        push(tmp_path, "me/model", api=Hub(error=OSError("connection refused")))
    assert "hf auth login" in str(error.value)


class Answers(BaseHTTPRequestHandler):
    """As much of the model hub as an upload asks for; ``server.seen`` keeps what came."""

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(
            {"id": "me/model", "private": self.server.private, "sha": "0" * 40, "siblings": []}
        )

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))) or self.chunks()
        self.server.seen[self.path] = sent
        if "preupload" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "oid": None}
                for f in json.loads(sent)["files"]
            ]
            self.answer({"files": [f | {"shouldIgnore": False} for f in files]})
        else:
            url = f"http://127.0.0.1:{self.server.server_port}/me/model"
            self.answer(
                {"url": url, "commitUrl": f"{url}/commit/{'0' * 40}", "commitOid": "0" * 40}
            )

    def chunks(self):
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.seen, server.private = {}, True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("private", [True, False])
def test_the_command_and_the_real_client_upload_to_a_private_repository_alone(
    lora_run, tmp_path, medtune_process, hub, private
):
    hub.private = private
    environment = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_TOKEN": "hf_test",
        "HF_HUB_OFFLINE": "0",
    }
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    words = ["export", lora_run, "--to", "out", "--form", "adapter", "--push", "me/model", "--yes"]
    done = medtune_process(*words, env=environment)
    created = json.loads(hub.seen["/api/repos/create"])
    assert created.get("private") is True or created.get("visibility") == "private"
    commits = [sent for path, sent in hub.seen.items() if "/commit/" in path]
    assert "hf_test" not in done.stdout + done.stderr
    if not private:
        assert done.returncode == 1
        assert "is public: nothing was uploaded" in done.stderr
        assert not commits
        return
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in commits[0].splitlines()]
    sent = {
        line["value"]["path"]: b64decode(line["value"]["content"])
        for line in lines
        if line["key"] == "file"
    }
    assert sent == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def command_line(tmp_path, capsys, monkeypatch, *arguments):
    import sys

    from medtune.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["medtune", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_the_command_prints_the_difference(lora_run, tmp_path, capsys, monkeypatch):
    arguments = [lora_run, "--to", tmp_path / "out", "--form", "merged", "--quiet"]
    code, out, _ = command_line(tmp_path, capsys, monkeypatch, *arguments)
    assert code == 0
    assert "merged in float32" in out
    assert "rounded to bfloat16, read back" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80
    code, out, _ = command_line(tmp_path, capsys, monkeypatch, *arguments, "--json")
    assert json.loads(out)["merge"]["largest"] < BOUND


def test_the_command_uploads_nothing_unasked(lora_run, tmp_path, capsys, monkeypatch):
    import medtune.runs.export as module

    pushed = []
    monkeypatch.setattr(
        module, "push", lambda *a, **k: pushed.append((a, k)) or "https://hub.example/me/m"
    )
    monkeypatch.delenv("HF_HUB_OFFLINE")
    arguments = [lora_run, "--to", tmp_path / "out", "--form", "adapter", "--push", "me/m"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = command_line(tmp_path, capsys, monkeypatch, *arguments)
    assert (code, pushed) == (2, [])
    assert "--yes" in err
    assert not (tmp_path / "out").exists()
    code, out, _ = command_line(tmp_path, capsys, monkeypatch, *arguments, "--yes")
    assert code == 0
    assert pushed[0][0][1] == "me/m"
    assert pushed[0][1] == {"public": False}
    assert "https://hub.example/me/m" in out
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, err = command_line(tmp_path, capsys, monkeypatch, *arguments, "--yes")
    assert code == 2
    assert "HF_HUB_OFFLINE" in err
