"""Commands on data that cannot go on: the error says at once which word of the command line is
meant, and what to write.
"""

import time

from preparing import pairs, table


def test_versions_without_the_whole_of_wikidoc_name_its_patient_part(medtune, tmp_path):
    process = medtune("data", "versions", "--data-dir", tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("error: --wikidoc: wikidoc is not here")
    assert process.stderr.rstrip().endswith("--wikidoc wikidoc_patient.")
    assert not (tmp_path / "versions").exists()


def test_a_tokenizer_that_is_nowhere_is_said_at_once(medtune_process, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        f"name: mine\ndata: {{source: {table(tmp_path, pairs(30))}}}\n"
        "model: {name: medtune-base}\n"
    )
    start = time.monotonic()
    process = medtune_process(
        "inspect",
        recipe,
        "--tokenizer",
        "nosuch",
        env={"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"},
    )
    assert time.monotonic() - start < 45  # asked again and again it slept for 49 s
    assert process.returncode == 2
    first, _, rest = process.stderr.partition("\n")
    assert first.startswith("error: --tokenizer: nosuch is no directory, not in the hub's cache")
    assert rest.startswith("Name a directory")
