import csv
import json
import math
import shutil

import pytest

from medtune.errors import DataError, RecipeError
from medtune.files import read_json, read_json_lines, write_json, write_json_lines
from medtune.models.load import load_tokenizer, locate
from medtune.recipe.read import read_run_recipe
from medtune.runs.compare import compare_models
from medtune.runs.compared_models import tokenizer_name
from medtune.tokens.encode import Encoder

SUBJECTS = ["anemia", "asthma", "gout", "migraine", "eczema", "mumps", "scurvy", "sepsis"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def settings(home):
    """Overrides of quickstart: 96 rows, 24 of them for the test, two steps."""
    with open(home / "questions.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        writer.writerows(
            [f"What of {s} in case {n}?", f"Signs of {s}, note {n}."]
            for n in range(12)
            for s in SUBJECTS
        )
    return [
        f"data.source={home / 'questions.csv'}",
        "data.split={train: 0.5, validation: 0.25, test: 0.25}",
        "train.max_steps=2",
        "train.batch_size=4",
        "train.gradient_accumulation=1",
        "train.learning_rate=0.01",
        "evaluate.tasks=[perplexity]",
        "evaluate.resamples=300",
    ]


@pytest.fixture(scope="module")
def other_model(home):
    """As the tiny model, with another vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from medtune.training.corpus import train_tokenizer

    tokenizer = train_tokenizer([f"Signs of {s}" for s in SUBJECTS] * 20, 300, 256)
    torch.manual_seed(1)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=256, tie_word_embeddings=True, **sizes
    )
    LlamaForCausalLM(config).save_pretrained(home / "other-model")
    tokenizer.save_pretrained(home / "other-model")
    return home / "other-model"


@pytest.fixture(scope="module")
def runs(home, settings, tiny_model, other_model):
    from medtune.runs.pipeline import execute

    wanted = {
        "full": [f"model.name={tiny_model}", "train.method=full"],
        "lora": [f"model.name={tiny_model}", "train.method=lora"],
        "other": [f"model.name={other_model}", "train.method=full"],
    }
    for name, own in wanted.items():
        execute(read_run_recipe("quickstart", [*settings, f"name={name}", *own]), home / name, None)
    return {name: home / name for name in wanted}


@pytest.fixture
def no_model(monkeypatch):
    def loaded(*arguments, **options):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("medtune.models.load.load_weights", loaded)
    monkeypatch.setattr("medtune.models.open.open_model", loaded)
    monkeypatch.setattr("medtune.runs.compared_models.open_model", loaded)


def compare(*named):
    return compare_models(*named).as_json()


def table(found, metric):
    return next(t for t in found["tables"] if t["metric"] == metric)


def value(found, metric, name):
    return next(row["value"] for row in table(found, metric)["rows"] if row["name"] == name)


def test_runs_on_the_same_items_are_compared_from_their_files(runs, tmp_path, no_model):
    found = compare([runs["full"], runs["lora"]], [], None, tmp_path / "out", None)
    # Both start from one base: one row.
    assert [(c["name"], c["kind"]) for c in found["contestants"]] == [
        ("tiny (untouched)", "base"),
        ("full", "run"),
        ("lora", "run"),
    ]
    for name in ("full", "lora"):
        own = read_json(runs[name] / "metrics.json")
        for metric in ("bits_per_byte", "perplexity"):
            assert value(found, metric, name) == pytest.approx(
                own["after"]["perplexity"][metric]["value"]
            )
            assert value(found, metric, "tiny (untouched)") == pytest.approx(
                own["before"]["perplexity"][metric]["value"]
            )
        pair = next(
            p
            for p in table(found, "bits_per_byte")["pairs"]
            if p["second"] == name and "tiny" in p["first"]
        )
        assert pair["value"] == pytest.approx(own["change"]["perplexity"]["bits_per_byte"]["value"])
    assert found["family"]["tests"] == 3 * 4
    assert found["items"] == 24
    assert not any(c["measured"] for c in found["contestants"])
    assert read_json(tmp_path / "out" / "comparison.json") == found
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.json",
        "compare.html",
        "all_models.png",
        "all_models.svg",
    }
    costs = {c["name"]: c["cost"] for c in found["contestants"]}
    assert costs["lora"]["trainable_parameters"] < costs["lora"]["parameters"]
    assert costs["tiny (untouched)"] == {"parameters": costs["full"]["parameters"]}


def test_other_tokenizers_are_compared_by_bytes_alone(runs, tmp_path, no_model):
    found = compare(list(runs.values()), [], None, tmp_path / "out", None)
    assert [c["tokenizer"] for c in found["contestants"]] == [1, 1, 1, 2, 2]
    per_token, per_byte = table(found, "perplexity"), table(found, "bits_per_byte")
    assert {row["rank"] for row in per_token["rows"]} == {None}
    assert "different tokens" in per_token["note"]
    assert len(per_byte["pairs"]) == 10
    assert len(per_token["pairs"]) == 4
    assert all(row["rank"] for row in per_byte["rows"])


def test_losses_a_byte_are_those_of_the_validation_texts(runs, tmp_path):
    found = compare([runs["full"]], [], None, tmp_path / "out", None)
    (curve,) = found["curves"]
    log = read_json_lines(runs["full"] / "train" / "metrics.jsonl")
    assert curve["loss"] == [[row["step"], row["loss"]] for row in log if "loss" in row]
    assert curve["validation"] == [
        [row["step"], row["validation_loss"]] for row in log if "validation_loss" in row
    ]
    from medtune.conversation import read_conversations

    encoder = Encoder(load_tokenizer(locate(str(runs["full"]))), 256)
    items = read_conversations(runs["full"] / "data" / "validation.parquet")
    tokens = sum(int(encoder.encode(item).supervised.sum()) for item in items)
    texts = sum(
        len(f" {item.reference}".encode()) for item in items
    )  # the plain template puts a blank before it
    assert curve["tokens_per_byte"] == pytest.approx(tokens / texts)
    assert math.isfinite(curve["tokens_per_byte"])


def test_the_same_comparison_again_computes_nothing(runs, tmp_path, monkeypatch):
    first = compare([runs["full"], runs["lora"]], [], None, tmp_path / "out", None)
    monkeypatch.setattr("medtune.runs.compare.compare_all", None)
    assert compare([runs["full"], runs["lora"]], [], None, tmp_path / "out", None) == first


def test_a_model_beside_runs_is_measured_once_and_kept(runs, other_model, tmp_path, monkeypatch):
    found = compare([runs["full"]], [str(other_model)], None, tmp_path / "out", None)
    last = found["contestants"][-1]
    assert (last["name"], last["kind"], last["measured"]) == (other_model.name, "model", True)
    # The same weights on the same items as the run that started from them.
    own = read_json(runs["other"] / "metrics.json")["before"]["perplexity"]["bits_per_byte"][
        "value"
    ]
    assert value(found, "bits_per_byte", other_model.name) == pytest.approx(own, rel=1e-5)
    for name in ("comparison.json", "compare.html"):  # names, no directories of this machine
        assert str(other_model.parent) not in (tmp_path / "out" / name).read_text("utf-8"), name
    monkeypatch.setattr("medtune.runs.compared_models.open_model", None)
    monkeypatch.setattr("medtune.runs.compare.compare_all", None)
    assert compare([runs["full"]], [str(other_model)], None, tmp_path / "out", None) == found


def test_the_base_of_a_run_has_one_row(runs, tiny_model, tmp_path, no_model):
    found = compare([runs["full"]], [str(tiny_model)], None, tmp_path / "out", None)
    assert [c["kind"] for c in found["contestants"]] == ["base", "run"]


def test_a_run_measured_on_other_items_is_measured_again(runs, settings, tiny_model, tmp_path):
    """Data that nobody trained on, by a recipe of their own."""
    with open(tmp_path / "fresh.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        writer.writerows(
            [f"Is {s} seen in ward {n}?", f"It is, says note {n} on {s}."]
            for n in range(8)
            for s in SUBJECTS
        )
    recipe = tmp_path / "fresh.yaml"
    recipe.write_text(
        f"name: fresh\ndata: {{source: {tmp_path / 'fresh.csv'}, "
        "split: {train: 0.5, validation: 0, test: 0.5}}\n"
        f"model: {{name: {tiny_model}}}\nevaluate: {{tasks: [perplexity], resamples: 200}}\n"
    )
    found = compare([runs["full"], runs["lora"]], [], str(recipe), tmp_path / "out", None)
    assert found["on"] == "fresh"
    assert found["items"] == 32
    assert all(c["measured"] for c in found["contestants"])
    assert [c["name"] for c in found["contestants"]] == ["tiny (untouched)", "full", "lora"]
    before = read_json(runs["full"] / "metrics.json")["before"]["perplexity"]["bits_per_byte"][
        "value"
    ]
    assert value(found, "bits_per_byte", "tiny (untouched)") != before


def test_on_a_run_means_its_items_and_its_samples(runs, tmp_path, no_model):
    found = compare([runs["lora"]], [], str(runs["full"]), tmp_path / "out", None)
    assert found["on"] == "full"
    assert [c["name"] for c in found["contestants"]] == ["tiny (untouched)", "lora"]


def test_training_rows_are_no_test_items(runs, settings, tiny_model, tmp_path):
    recipe = tmp_path / "seed.yaml"
    from medtune.recipe.read import to_yaml

    recipe.write_text(
        to_yaml(read_run_recipe("quickstart", [*settings, f"model.name={tiny_model}"], 7))
    )
    with pytest.raises(DataError, match="were training rows of this run"):
        compare([runs["full"], runs["lora"]], [], str(recipe), tmp_path / "out", None)
    assert not (tmp_path / "out" / "comparison.json").exists()


def test_training_rows_in_saved_samples_are_found_too(runs, tmp_path):
    run = tmp_path / "leaky"
    shutil.copytree(runs["full"], run)
    shutil.copyfile(run / "data" / "test.parquet", run / "data" / "train.parquet")
    with pytest.raises(DataError, match="24 of 24"):
        compare([runs["lora"], run], [], None, tmp_path / "out", None)


def changed_samples(run, change):
    for side in ("before", "after"):
        path = run / "eval" / side / "perplexity.samples.jsonl"
        write_json_lines(path, [change(sample) for sample in read_json_lines(path)])


def test_other_references_are_other_items(runs, tmp_path, monkeypatch):
    run = tmp_path / "changed"
    shutil.copytree(runs["lora"], run)
    changed_samples(run, lambda sample: sample | {"reference": sample["reference"] + "!"})
    measured = []
    from medtune.runs.compared_models import EvalSet

    kept = EvalSet.measure
    monkeypatch.setattr(
        EvalSet,
        "measure",
        lambda self, name, *a, **k: measured.append(name) or kept(self, name, *a, **k),
    )
    compare([runs["full"], run], [], None, tmp_path / "out", None)
    assert measured == ["lora"]  # its base is the other run's


def test_hosted_runs_are_never_asked_again(runs, tmp_path):
    run = tmp_path / "hosted"
    shutil.copytree(runs["lora"], run)
    text = (run / "recipe.yaml").read_text().replace("method: lora", "method: hosted")
    assert "endpoint: null" in text
    (run / "recipe.yaml").write_text(
        text.replace("endpoint: null", "endpoint: {base_url: 'http://127.0.0.1:9/v1'}")
    )
    (run / "model" / "tokenizer.json").unlink()
    stats = read_json(run / "train" / "trainer_stats.json")
    known = {
        k: v
        for k, v in stats.items()
        if k not in ("parameters", "trainable_parameters", "peak_memory_bytes")
    }
    write_json(run / "train" / "trainer_stats.json", known | {"cost_usd": 1.25})
    found = compare([runs["full"], run], [], None, tmp_path / "out", None)
    assert found["contestants"][-1]["cost"]["cost_usd"] == 1.25
    assert "<td>1.25</td>" in (tmp_path / "out" / "compare.html").read_text()
    changed_samples(run, lambda sample: sample | {"group": "another"})
    with pytest.raises(RecipeError, match="behind an endpoint"):
        compare([runs["full"], run], [], None, tmp_path / "again", None)


def test_notes_name_what_differs(runs, tmp_path):
    run = tmp_path / "lora"
    shutil.copytree(runs["lora"], run)
    for side in ("before", "after"):
        path = run / "eval" / side / "perplexity.json"
        facts = read_json(path)
        facts["settings"]["decoding"]["max_new_tokens"] = 7
        write_json(path, facts)
    found = compare([runs["full"], run], [], None, tmp_path / "out", None)
    (note,) = found["notes"]
    assert "max_new_tokens" in note
    assert note in (tmp_path / "out" / "compare.html").read_text()


def test_runs_of_one_recipe_are_told_apart_by_their_directories(runs, tmp_path):
    shutil.copytree(runs["full"], tmp_path / "again")
    found = compare([runs["full"], tmp_path / "again"], [], None, tmp_path / "out", None)
    assert [c["name"] for c in found["contestants"]] == ["tiny (untouched)", "full", "again"]
    (pair,) = [p for p in table(found, "bits_per_byte")["pairs"] if "tiny" not in p["first"]]
    assert (pair["value"], pair["better"]) == (0, None)


@pytest.mark.parametrize(
    ("names", "models", "on", "message"),
    [
        ([], [], None, "nothing is named"),
        ([], ["medtune-base"], None, "no items"),
        (["full", "full"], [], None, "named twice"),
        (["missing"], [], None, "this is no run"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, home, tmp_path, names, models, on, message):
    with pytest.raises(RecipeError, match=message):
        compare([home / name for name in names], models, on, tmp_path / "out", None)


def test_an_unfinished_run_and_a_run_as_model_are_refused(runs, tmp_path):
    run = tmp_path / "half"
    shutil.copytree(runs["full"], run)
    shutil.rmtree(run / "eval" / "after")
    with pytest.raises(RecipeError, match="not finished"):
        compare([run], [], None, tmp_path / "out", None)
    with pytest.raises(RecipeError, match="without --model"):
        compare([runs["full"]], [str(runs["lora"])], None, tmp_path / "out", None)


def test_a_directory_of_somebody_else_is_left_alone(runs, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RecipeError, match="no comparison"):
        compare([runs["full"]], [], None, tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_tokenizer_is_known_by_its_tokens(tiny_model, other_model, tmp_path):
    own = read_json(tiny_model / "tokenizer.json")
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in own["model"]["merges"]]
    written = own | {"truncation": None, "model": own["model"] | {"merges": merges}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    assert tokenizer_name(tmp_path / "tokenizer.json") == tokenizer_name(
        tiny_model / "tokenizer.json"
    )
    assert tokenizer_name(tiny_model / "tokenizer.json") != tokenizer_name(
        other_model / "tokenizer.json"
    )
