"""The recipes of systems 2, 4 and 5 as shipped, through the whole pipeline on tiny models of the
true architectures.
"""

import csv
import json

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
)

from medtune.errors import RecipeError
from medtune.recipe.read import read_run_recipe
from medtune.runs.pipeline import execute
from medtune.tokens.chat_templates import load_tokenizer_only
from small_run import write_questions

DRAWS = True

WIDE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256}  # fmt: skip
KINDS = {
    "llama": (LlamaConfig, WIDE),
    "mistral": (MistralConfig, WIDE | {"sliding_window": 128}),
    "gemma": (GemmaConfig, WIDE),
    "gpt2": (GPT2Config, {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}),
}
SMALL = [
    "train.max_steps=2",
    "train.batch_size=2",
    "train.gradient_accumulation=1",
    "train.max_length=96",
    "evaluate.resamples=100",
    "evaluate.limit=3",
    "evaluate.decoding.max_new_tokens=6",
    "evaluate.decoding.temperature=0.7",
]


@pytest.fixture(scope="module")
def base(tiny_model, tmp_path_factory):
    """A directory with a model of random weights, of an architecture."""
    made = {}

    def build(kind):
        if kind not in made:
            place = tmp_path_factory.mktemp("bases") / f"{kind}-tiny"
            tokenizer = AutoTokenizer.from_pretrained(tiny_model)
            config, shape = KINDS[kind]
            tokens = {
                f"{name}_token_id": getattr(tokenizer, f"{name}_token_id")
                for name in ("bos", "eos", "pad")
            }
            torch.manual_seed(0)
            AutoModelForCausalLM.from_config(
                config(vocab_size=len(tokenizer), **shape, **tokens)
            ).save_pretrained(place)
            tokenizer.save_pretrained(place)
            made[kind] = place
        return made[kind]

    return build


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return write_questions(tmp_path_factory.mktemp("rows") / "questions.csv")


def run(recipe, place, model, rows, *settings, data_dir=None):
    own = [f"model.name={model}", f"data.source={rows}", *SMALL, *settings]
    return execute(read_run_recipe(recipe, own), place, data_dir).metrics.as_json()


@pytest.mark.parametrize(
    ("kind", "faithful"),
    [("llama", ""), ("mistral", "-faithful"), ("gemma", "")]
    + [
        pytest.param(kind, faithful, marks=pytest.mark.long)
        for kind, faithful in (("llama", "-faithful"), ("mistral", ""), ("gemma", "-faithful"))
    ],
)
def test_a_7b_recipe_leaves_what_was_published(base, rows, tmp_path, kind, faithful):
    pytest.importorskip("bitsandbytes")
    model = base(kind)
    out = tmp_path / "run"
    metrics = run(f"llm7b-{kind}{faithful}", out, model, rows, "evaluate.tasks=[perplexity]")
    assert metrics["status"] == "complete"
    assert metrics["train"]["steps"] == 2
    # Two weights lie in one byte of the base: counted as two.
    whole = sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(model).parameters())
    assert metrics["train"]["parameters"] == whole + metrics["train"]["trainable_parameters"]
    name = model.name
    with open(out / "train" / f"{name}_loss.csv", newline="") as handle:
        assert [row["Step"] for row in csv.DictReader(handle)] == ["1", "2"]
    stats = json.loads((out / "train" / f"trainer_stats_{name}.json").read_text())
    assert {"train_runtime", "train_loss", "epoch", "total_flos"} <= stats.keys()
    assert (out / "train" / f"{name}_loss.png").stat().st_size > 1000
    assert (out / "model" / "adapter_model.safetensors").exists()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_a_7b_recipe_runs_with_its_real_tokenizer_on_real_data(
    real_data, real_tokenizers, tmp_path, kind
):
    pytest.importorskip("bitsandbytes")
    tokenizer = load_tokenizer_only(
        str(real_tokenizers / kind), {"llama": "llama-2"}.get(kind, kind)
    )
    config, shape = KINDS[kind]
    tokens = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")
    }
    torch.manual_seed(0)
    place = tmp_path / f"{kind}-real-tokenizer"
    AutoModelForCausalLM.from_config(
        config(vocab_size=len(tokenizer), **shape, **tokens)
    ).save_pretrained(place)
    tokenizer.save_pretrained(place)
    settings = ["data.limit=60", "data.contamination.check=false", "evaluate.tasks=[perplexity]"]
    metrics = run(
        f"llm7b-{kind}",
        tmp_path / "run",
        place,
        "wikidoc_medquad_2k",
        *settings,
        data_dir=real_data,
    )
    assert (metrics["status"], metrics["data"]["leaked"], metrics["train"]["steps"]) == (
        "complete",
        0,
        2,
    )
    # The family's own turn markers, and one BOS: the text that was measured is the published
    # format's, done right.
    first = json.loads(
        (tmp_path / "run/eval/before/perplexity.samples.jsonl").read_text().splitlines()[0]
    )
    assert first["prompt"].count("[INST]") == first["prompt"].count(tokenizer.bos_token) == 1
    assert "\\n" not in first["prompt"]


@pytest.mark.parametrize("recipe", ["distilgpt2-doctor", "distilgpt2-doctor-faithful"])
def test_harm_is_counted_beside_quality(base, rows, tmp_path, recipe):
    tasks = "evaluate.tasks=[perplexity, {task: answers, encoder: none}, {task: safety, limit: 4}]"
    metrics = run(recipe, tmp_path / "run", base("gpt2"), rows, tasks, "data.identifiers=off")
    assert metrics["status"] == "complete"
    assert metrics["after"]["safety"]["critical_violations"]["n"] == 4
    assert metrics["after"]["answers"]["rouge_l"]["n"] == 3


def test_the_published_gpt2_figures_and_answers_stand_beside_the_right_ones(base, rows, tmp_path):
    out = tmp_path / "run"
    metrics = run("gpt2-wiki-terms-faithful", out, base("gpt2"), rows, "train.learning_rate=0.05")
    wrong = metrics["published"]["before_after_training"]
    untouched = {
        s["question"]: s["output"]
        for s in map(json.loads, (out / "eval/before/topics.samples.jsonl").open())
    }
    trained = [json.loads(line) for line in (out / "eval/published/topics.samples.jsonl").open()]
    assert [a["published"] for a in wrong["answers"]] == [s["output"] for s in trained]
    assert [a["untouched"] for a in wrong["answers"]] == [untouched[s["question"]] for s in trained]
    differ = sum(a["published"] != a["untouched"] for a in wrong["answers"])
    assert f"{differ} of 5 are not what the untouched model says" in wrong["sentence"]
    assert "“before”, as published" in (out / "report.html").read_text()
    assert {"words", "sentences", "unique_words"} <= metrics["after"]["topics"].keys()
    assert (out / "plots" / "perplexity.png").exists()
    assert (out / "plots" / "loss.png").exists()


def test_float16_trains_in_a_run(base, rows, tmp_path):
    metrics = run(
        "quickstart",
        tmp_path / "run",
        base("llama"),
        rows,
        "model.dtype=float16",
        "evaluate.tasks=[perplexity]",
    )
    assert metrics["status"] == "complete"
    assert json.loads((tmp_path / "run/train/trainer_stats.json").read_text())["dtype"] == "float16"


def test_what_training_lacks_is_said_before_the_base_is_measured(base, rows, tmp_path, monkeypatch):
    wrong = {
        "weights in int8 are frozen": ["train.method=full", "model.quantization=int8"],
        "lm_head shares its weights": ["train.method=lora", "train.lora.targets=[lm_head]"],
        "has no layer q_proj": ["train.method=lora", "train.lora.targets=[c_attn, q_proj]"],
        "validation rows to stop early by": [
            "data.split={train: 0.8, validation: 0, test: 0.2}",
            "train.early_stopping=2",
        ],
    }
    for said, settings in wrong.items():
        with pytest.raises(RecipeError, match=said):
            run("quickstart", tmp_path / "run", base("gpt2"), rows, *settings)
        assert not (tmp_path / "run/eval").exists()
    monkeypatch.setattr("medtune.training.memory_estimate.available_bytes", lambda: -(2**40))
    with pytest.raises(RecipeError, match="of memory"):
        run("quickstart", tmp_path / "run", base("gpt2"), rows)
    assert not (tmp_path / "run/eval").exists()
