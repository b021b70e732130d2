"""Commands on data that cannot go on: the error says at once which word of the command line is
meant, and what to write.
"""

import sys

from preparing import pairs, table

from command_line import start_process


def test_versions_without_the_whole_of_wikidoc_name_its_patient_part(medtune, tmp_path):
    process = medtune("data", "versions", "--data-dir", tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("error: --wikidoc: wikidoc is not here")
    assert process.stderr.rstrip().endswith("--wikidoc wikidoc_patient.")
    assert not (tmp_path / "versions").exists()


WITHOUT_SLEEP = """
import atexit, time
slept = []
time.sleep = slept.append
atexit.register(lambda: print(sum(slept)))
from medtune.cli.app import main
main()
"""


def test_a_tokenizer_that_is_nowhere_is_said_at_once(tmp_path, monkeypatch):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        f"name: mine\ndata: {{source: {table(tmp_path, pairs(30))}}}\n"
        "model: {name: medtune-base}\n"
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    words = ["inspect", recipe, "--tokenizer", "nosuch"]
    process = start_process([sys.executable, "-c", WITHOUT_SLEEP, *words], tmp_path)
    out, err = process.communicate()
    assert process.returncode == 2
    assert float(out) < 20  # asked again and again it slept for 49 s
    first, _, rest = err.partition("\n")
    assert first.startswith("error: --tokenizer: nosuch is no directory, not in the hub's cache")
    assert rest.startswith("Name a directory")
