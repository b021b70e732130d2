"""What the tests share: a tiny model of random weights, the real data sets where they are, and
the command line.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from small_run import QUESTIONS, QUICK

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("MEDTUNE_DATA_DIR", None)


def make_tiny_model(place: Path, *, context: int = 256, seed: int = 0) -> Path:
    """A Llama of random weights (width 32, two layers) with a byte-level tokenizer of 700
    tokens.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from medtune.training.corpus import train_tokenizer

    texts = [
        "What are the symptoms of anemia? Fatigue, pale skin and short breath are common symptoms of anemia."
    ] * 20
    tokenizer = train_tokenizer(
        [*texts, "Question: Why? Answer: Because of naïve µg values. "], 700, context
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


# Files whose tests share something costly (a whole run): each stays in one worker, so that it is
# made once.
TOGETHER = {
    f"tests/{name}.py"
    for name in (
        "cli/test_ask_confidence",
        "cli/test_cli_ask_chat",
        "cli/test_cli_interruption",
        "data/test_near_duplicates",
        "data/test_real_data",
        "models/test_merging",
        "runs/test_compare",
        "runs/test_export",
        "runs/test_five_systems",
        "runs/test_flan_t5",
        "runs/test_fuller_measurement",
        "runs/test_baselines",
        "runs/test_quickstart",
    )
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests go to whichever worker is free, but for the files above.

    (xdist's own groups do not work with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class FilesTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return file if file in TOGETHER else nodeid

    return FilesTogether(config, log)


@pytest.fixture(autouse=True)
def _usual_talk():
    """What a command inside the test process set about talking ends with its test."""
    yield
    from medtune import progress

    progress.configure(quiet=False, verbose=False)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of the real data sets."""
    place = os.environ.get("MEDTUNE_DATA")
    if not place or not Path(place).is_dir():
        pytest.skip("MEDTUNE_DATA names no directory of real data sets")
    return Path(place)


@pytest.fixture(scope="session")
def real_models(real_data) -> Path:
    place = real_data.parent / "models"
    if not place.is_dir():
        pytest.skip("no tiny real models beside MEDTUNE_DATA")
    return place


@pytest.fixture(scope="session")
def real_tokenizers(real_data) -> Path:
    place = real_data.parent / "tokenizers"
    if not place.is_dir():
        pytest.skip("no real tokenizers beside MEDTUNE_DATA")
    return place


@pytest.fixture
def medtune(tmp_path):
    """Run the real command in an empty directory; returns the finished process with text output."""

    def run(*arguments, cwd=None, env=None, timeout=180, check=False):
        environment = {k: v for k, v in os.environ.items() if k != "MEDTUNE_DATA"} | (env or {})
        command = [sys.executable, "-m", "medtune", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=cwd or tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
        )

    return run


@pytest.fixture
def questions_csv(tmp_path) -> Path:
    """A table of forty question/answer rows, eight for each of five subjects."""
    import csv

    path = tmp_path / "questions.csv"
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        for number in range(8):
            for subject, question, answer in QUESTIONS:
                writer.writerow(
                    [f"{question} (case {number} of {subject})", f"{answer} This is note {number}."]
                )
    return path


@pytest.fixture
def quick() -> list[str]:
    """Overrides that make a run a matter of seconds."""
    return list(QUICK)
