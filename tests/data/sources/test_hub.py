"""A known data set that is not here comes from the hub: against a server of this test that
speaks the hub's three calls.
"""

import io
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line import GENEROUS

SHA = "a" * 40


def parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


FILES = {
    "gamino/wiki_medical_terms": {
        "README.md": b"# not rows",
        "wiki_medical_terms.parquet": parquet([{"page_title": "Gout", "page_text": "Gout is …"}]),
    },
    "GBaker/MedQA-USMLE-4-options": {
        f"phrases_no_exclude_{split}.jsonl": json.dumps(
            {"question": f"Which, {split}?", "options": {"A": "a", "B": "b"}, "answer_idx": "B"}
        ).encode()
        for split in ("train", "test")
    },
    "lavita/ChatDoctor-iCliniq": {"README.md": b"# moved away"},
}
REFUSED = {
    "openlifescienceai/medmcqa": (404, "RepoNotFound"),
    "medalpaca/medical_meadow_wikidoc": (401, "RepoNotFound"),
    "qiaojin/PubMedQA": (403, "GatedRepo"),
    "wangrongsheng/GenMedGPT-5k-en": (500, ""),
}


class FakeHub(BaseHTTPRequestHandler):
    """The calls that a download makes: the revision's facts, its tree, and each file's head and
    content.
    """

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        repo = next((name for name in (*FILES, *REFUSED) if f"/datasets/{name}/" in path), None)
        if repo in REFUSED:
            status, code = REFUSED[repo]
            self.answer(b"{}", status, {"X-Error-Code": code} if code else {})
        elif path == f"/api/datasets/{repo}/revision/main":
            self.answer(json.dumps({"id": repo, "sha": SHA, "siblings": []}).encode())
        elif path == f"/api/datasets/{repo}/tree/{SHA}":
            files = [
                {"type": "file", "path": n, "size": len(c), "oid": "b" * 40}
                for n, c in FILES[repo].items()
            ]
            self.answer(json.dumps(files).encode())
        elif repo and path.startswith(f"/datasets/{repo}/resolve/{SHA}/"):
            name = path.removeprefix(f"/datasets/{repo}/resolve/{SHA}/")
            self.answer(FILES[repo][name], 200, {"ETag": f'"{name}"', "X-Repo-Commit": SHA})
        else:
            self.answer(b"{}", 404)

    def answer(self, body, status=200, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": len(body),
            **(headers or {}),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


SCRIPT = """
import json, sys
import os
import time
slept = []
time.sleep = slept.append
import medtune.data.sources.catalogue as catalogue
import medtune.data.sources.open_source as sources
loaded = [name for name in sys.modules if name.startswith("huggingface_hub")]
assert not loaded, "loaded before it is needed"
catalogue._PATIENCE = float(os.environ.get("MEDTUNE_TEST_PATIENCE", catalogue._PATIENCE))
assert catalogue._PATIENCE <= 10
from medtune.errors import DataError
from medtune.recipe.schema import Columns
try:
    source = sources.open_source(sys.argv[1], None, Columns())
    print(json.dumps([[row.question, row.answer, row.published_split] for row in source.read()]))
except DataError as error:
    print(json.dumps(str(error)))
assert sum(slept) < 20, slept  # asked again and again it slept for 49 s
"""


@pytest.fixture
def ask(tmp_path):
    """Open a known source in a fresh process, whose hub is at an address of this machine."""

    def opened(source, address, **environment):
        free = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        env = {
            **free,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": address,
            "NO_PROXY": "127.0.0.1",
            **environment,
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, source],
            env=env,
            capture_output=True,
            text=True,
            timeout=GENEROUS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return opened


def address(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_rows_come_from_the_hub_once_and_then_from_its_cache(server, ask, tmp_path):
    expected = [["What is Gout?", "Gout is …", None]]
    assert ask("wiki_medical_terms", address(server)) == expected
    assert not any("README" in asked for asked in server.asked)
    assert any((tmp_path / "hf").rglob("*.parquet"))
    server.asked.clear()
    assert ask("wiki_medical_terms", address(server), HF_HUB_OFFLINE="1") == expected
    assert server.asked == []
    assert ask("wiki_medical_terms", "http://127.0.0.1:9") == expected  # nothing listens there


def test_every_file_of_a_data_set_comes_with_its_split(server, ask):
    rows = ask("medqa", address(server))
    assert [row[2] for row in rows] == ["test", "train"]
    assert rows[0][1] == "B. b"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("medmcqa", "the hub does not know it"),
        ("wikidoc", "the hub does not know it"),
        ("pubmedqa", "asks for consent"),
        ("genmedgpt", "the hub answered 500"),
        ("icliniq", "holds no *.parquet"),
    ],
)
def test_what_the_hub_does_not_give_is_said_with_where_to_get_it(server, ask, source, why):
    message = ask(source, address(server))
    assert f"{source} is not here" in message
    assert why in message
    assert "huggingface.co/datasets/" in message
    assert f"{source}.parquet" in message


@pytest.mark.parametrize(
    ("environment", "why"),
    [({}, "cannot be reached"), ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set")],
)
def test_without_a_network_it_fails_at_once_and_says_what_to_put_where(ask, environment, why):
    message = ask("medmcqa", "http://127.0.0.1:9", **environment)
    assert why in message
    assert "Get it there and put one of medmcqa.parquet" in message
    assert "--data-dir or MEDTUNE_DATA" in message


def test_what_is_not_on_the_hub_is_not_looked_for_there(server, ask):
    assert "kaggle.com" in ask("mtsamples", address(server))
    assert server.asked == []


def test_a_silent_hub_is_given_up(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = ask(
            "medmcqa", f"http://127.0.0.1:{silent.getsockname()[1]}", MEDTUNE_TEST_PATIENCE="1"
        )
    assert "cannot be reached" in message
