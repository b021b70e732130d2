"""System 3 end to end, with a tiny T5 in place of Flan-T5-base: the right way, the published
way, and the shell.
"""

import json
import time

import pytest

from command_line import StartedCommand, run_command
from medtune.conversation import read_conversations
from medtune.recipe.read import read_run_recipe
from medtune.text.emergency import NOTICE, URGENT
from tiny_t5 import make_tiny_t5

QUICK = {
    "train.max_steps": 4,
    "train.save_every": 1,
    "evaluate.decoding.max_new_tokens": 6,
    "evaluate.resamples": 100,
    "evaluate.limit": 4,
}


def call(home, *words, typed=""):
    return run_command(*words, cwd=home, typed=typed)


def settings(model, **more):
    wanted = (
        QUICK
        | {"model.name": model}
        | {key.replace("__", "."): value for key, value in more.items()}
    )
    return [word for key, value in wanted.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny_t5(tmp_path_factory.mktemp("t5") / "tiny-flan", dropout=0.1)


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("flan")
    done = call(
        home,
        "run",
        "flan-t5-medqa",
        *settings(tiny, data__limit=40, train__max_target_length=600),
        "--out",
        "r",
    )
    assert done.returncode == 0, done.stderr
    return home, home / "r", done


def test_the_run_is_whole_and_measures_held_out_questions(finished):
    _, place, done = finished
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["status"] == "complete"
    assert set(metrics["before"]["perplexity"]) == {
        "bits_per_byte",
        "perplexity",
        "word_perplexity",
    }
    assert {"rouge_l", "token_f1"} <= set(metrics["change"]["answers"])
    assert metrics["data"]["leaked"] == 0
    assert metrics["data"]["measured_on"] == "test"
    assert "TRAINED ON" not in done.stdout
    sample = json.loads(
        (place / "eval" / "after" / "answers.samples.jsonl").read_text().splitlines()[0]
    )
    assert sample["prompt"].startswith("Medical question: ")


def test_the_saved_model_is_safetensors_and_json_and_knows_how_it_is_used(finished):
    _, place, _ = finished
    names = {path.name for path in (place / "model").iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "medtune.json"} <= names
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    use = json.loads((place / "model" / "medtune.json").read_text())
    assert use["decoding"]["beams"] == 4
    assert use["chat"]["question"] == "Medical question: "


def test_the_shell_is_the_published_one(finished):
    home, place, _ = finished
    typed = "What are the signs of a stroke?\nI have crushing chest pain\nexit\nNever asked?\n"
    done = call(home, "chat", place, typed=typed)
    assert done.returncode == 0, done.stderr
    banner, rest = done.stdout.split(NOTICE)
    assert banner == "Medical QA System\nType 'exit' or 'quit' to end the session\n"
    assert done.stdout.count("Medical question: ") == 3  # the third was answered by exit
    assert rest.count("Answer: ") == 2
    assert rest.index(URGENT) < rest.rindex("Answer: ")
    assert rest.endswith("Goodbye.\n")


def test_ask_evaluate_and_inspect_know_it(finished, tiny):
    home, place, _ = finished
    asked = json.loads(
        call(home, "ask", place, "What is gout?", "--json", "--temperature", "1").stdout
    )
    assert isinstance(asked["answer"], str)
    assert asked["notice"] == NOTICE
    words = settings(tiny, data__limit=40, train__max_target_length=600)
    done = call(
        home,
        "evaluate",
        "flan-t5-medqa",
        "--model",
        place,
        *words,
        "--task",
        "perplexity",
        "--json",
    )
    after = json.loads((place / "metrics.json").read_text())["after"]["perplexity"]
    assert json.loads(done.stdout)["perplexity"] == after, done.stderr
    shown = json.loads(
        call(home, "inspect", "flan-t5-medqa", *words, "--rows", "1", "--json").stdout
    )
    states = [token["state"] for token in shown["rows"][0]["tokens"]]
    assert states == sorted(states)  # context, then supervised: source, then target
    assert states[-1] == "supervised"


def test_an_interrupted_training_goes_on_to_the_same_weights(finished, tiny):
    home, place, _ = finished
    words = [
        "train",
        "flan-t5-medqa",
        *settings(tiny, data__limit=40, train__max_target_length=600),
        "--out",
        "again",
    ]
    process = StartedCommand(*words, cwd=home)
    checkpoints = home / "again" / "train" / "checkpoints"
    while process.poll() is None and not list(checkpoints.glob("step-*")):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    done = call(home, *words)
    assert done.returncode == 0, done.stderr
    same = [(root / "model" / "model.safetensors").read_bytes() for root in (place, home / "again")]
    assert same[0] == same[1]


@pytest.fixture(scope="module")
def faithful(tiny, tmp_path_factory):
    home = tmp_path_factory.mktemp("faithful")
    done = call(home, "run", "flan-t5-medqa-faithful", *settings(tiny), "--out", "r")
    assert done.returncode == 0, done.stderr
    return home / "r", done


def test_the_faithful_run_measures_its_thirteen_training_rows_and_says_so_loudly(faithful):
    place, done = faithful
    rows = list(read_conversations(place / "data" / "train.parquet"))
    assert len(rows) == 13
    metrics = json.loads((place / "metrics.json").read_text())
    assert (metrics["data"]["train"], metrics["data"]["test"], metrics["data"]["measured_on"]) == (
        13,
        0,
        "train",
    )
    assert metrics["data"]["truncated_rows"] == 13  # 128 tokens are too few for these answers
    for text in (
        done.stdout,
        (place / "report.html").read_text(),
        (place / "README.md").read_text(),
    ):
        assert "EVERY ITEM MEASURED HERE WAS TRAINED ON" in " ".join(text.split())


def test_the_faithful_recipe_is_the_published_procedure():
    recipe = read_run_recipe("flan-t5-medqa-faithful")
    train, decoding = recipe.train, recipe.evaluate.decoding
    assert (train.batch_size, train.gradient_accumulation, train.epochs) == (4, 2, 10)
    assert (train.learning_rate, train.weight_decay, train.max_length, train.max_target_length) == (
        1e-4,
        0.01,
        128,
        128,
    )
    assert (recipe.model.dtype, recipe.model.prompt) == ("float32", "Medical question: {question}")
    assert (
        decoding.max_new_tokens,
        decoding.temperature,
        decoding.beams,
        decoding.no_repeat_ngram,
    ) == (128, 0.3, 4, 3)
    assert recipe.chat.temperature == 0.3
    assert len(set(recipe.data.where.id)) == 13


@pytest.mark.parametrize("verb", [["run"], ["run", "--dry-run"]])
def test_float16_is_refused_with_a_sentence_before_a_weight_is_loaded(tiny, tmp_path, verb):
    name, *flags = verb[0], *verb[1:]
    done = call(tmp_path, name, "flan-t5-medqa", *settings(tiny, model__dtype="float16"), *flags)
    assert done.returncode == 2
    assert "float16" in done.stderr
    assert "bfloat16" in done.stderr
    assert "Traceback" not in done.stderr


def test_learning_the_question_is_refused_since_it_cannot_be(tiny, tmp_path):
    done = call(
        tmp_path, "inspect", "flan-t5-medqa", *settings(tiny, data__limit=40, train__loss_on="all")
    )
    assert done.returncode == 2
    assert "train.loss_on" in done.stderr


def test_a_dry_run_counts_steps_and_memory_and_writes_nothing(tiny, tmp_path):
    done = call(
        tmp_path, "run", "flan-t5-medqa", *settings(tiny, data__limit=40), "--dry-run", "--json"
    )
    facts = json.loads(done.stdout)
    assert facts["steps"] == 4
    assert sum(facts["rows"].values()) == 40
    assert facts["estimated_memory_bytes"] > 0
    assert not list(tmp_path.iterdir())
