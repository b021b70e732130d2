"""A run as one GGUF file: what is read back is the run's model, and what is not is refused."""

import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from medtune.errors import ModelError, RecipeError, RunError
from medtune.models.adapters import Probe, load_exactly
from medtune.models.gguf import gguf_proof, gguf_writer
from medtune.models.gguf.gguf_file import read_gguf
from medtune.models.gguf.gguf_proof import prove_gguf
from medtune.models.gguf.gguf_weights import to_halves, to_pairs
from medtune.models.gguf.gguf_writer import gguf_metadata, write_gguf
from medtune.models.load import LocalModelRef, load_tokenizer, locate
from medtune.models.model_names import PACKAGED
from medtune.runs.export import export
from medtune.runs.export_gguf import EDGE_TEXTS
from medtune.tokens.chat_templates import TEMPLATES

ROWS = [Probe([5, 77, 3, 40], [6, 7, 8]), Probe([9, 8, 7], [1])]


@pytest.fixture(autouse=True)
def _empty_store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("dtype", "kind"), [("float16", "F16"), ("q8_0", "Q8_0")])
def test_a_run_becomes_one_file_that_answers_as_it_does(small_run, tmp_path, dtype, kind):
    facts = export(small_run.root, tmp_path / "out", "gguf", dtype)
    path = tmp_path / "out" / f"quickstart-{dtype}.gguf"
    assert path.name in facts.files
    assert facts.answers == 4
    assert facts.texts > len(EDGE_TEXTS)
    file = read_gguf(path)
    assert file.tensors["blk.0.ffn_up.weight"].kind == kind
    assert file.tensors["blk.0.attn_norm.weight"].kind == "F32"
    before = load_exactly(locate(str(small_run.root))).state_dict()
    after = load_exactly(locate(str(path))).state_dict()
    largest = {name: float((before[name] - after[name]).abs().max()) for name in before}
    assert max(largest.values()) < 0.01
    card = (tmp_path / "out" / "README.md").read_text()
    assert "library_name: gguf" in card
    assert "texts became the same tokens" in card


@pytest.mark.parametrize(
    ("form", "dtype", "message"),
    [("gguf", "bfloat16", "not written in bfloat16"), ("merged", "q8_0", "format of GGUF")],
)
def test_a_format_that_is_not_written_is_refused_first(small_run, tmp_path, form, dtype, message):
    with pytest.raises(RecipeError, match=message):
        export(small_run.root, tmp_path / "out", form, dtype)
    assert not (tmp_path / "out").exists()


def packaged(tmp_path, dtype="float16", **changes):
    """The packaged model, its tokenizer, and its file."""
    ref = LocalModelRef("packaged", PACKAGED / "medtune-base")
    model, tokenizer = load_exactly(ref), load_tokenizer(ref)
    path = tmp_path / "packaged.gguf"
    metadata = gguf_metadata(model, tokenizer, "packaged", EDGE_TEXTS) | changes
    write_gguf(path, model, metadata, dtype)
    return path, model, tokenizer


def test_the_packaged_model_s_file_says_what_it_is(tmp_path):
    path, model, tokenizer = packaged(tmp_path)
    file = read_gguf(path)
    assert file.text("tokenizer.ggml.pre") == "gpt-2"
    assert file.metadata["tokenizer.ggml.add_bos_token"] is False
    assert file.text("tokenizer.chat_template") == tokenizer.chat_template
    assert file.integer("tokenizer.ggml.eos_token_id") == tokenizer.eos_token_id
    assert file.integer("general.file_type") == 1
    proof = prove_gguf(path, model, tokenizer, ROWS, EDGE_TEXTS, "float16")
    assert proof.same_answers == proof.answers == len(ROWS)
    assert proof.rounding.largest < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"llama.rope.freq_base": 50_000.0}, "computes other logits"),
        ({"llama.attention.layer_norm_rms_epsilon": 0.01}, "computes other logits"),
        ({"tokenizer.ggml.pre": "llama-bpe"}, "texts become other tokens"),
        ({"tokenizer.chat_template": TEMPLATES["alpaca"]}, "chat template is another"),
        ({"tokenizer.ggml.eos_token_id": 2}, "EOS is another"),
    ],
)
def test_what_is_read_back_as_something_else_is_refused(tmp_path, changes, message):
    with pytest.raises(RunError, match=message):
        prove_gguf(*packaged(tmp_path, **changes), ROWS, EDGE_TEXTS, "float16")


def test_rows_in_the_wrong_order_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_writer, "to_pairs", lambda weight, heads: weight)
    with pytest.raises(RunError, match=r"q_proj.weight is another"):
        prove_gguf(*packaged(tmp_path), ROWS, EDGE_TEXTS, "float16")


def test_a_run_that_cannot_be_proven_leaves_nothing(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_proof, "ROUNDING", {"float16": 0.0})
    with pytest.raises(RunError, match="is another: not exported"):
        export(small_run.root, tmp_path / "out", "gguf", None)
    assert not (tmp_path / "out").exists()


def test_rows_in_pairs_and_in_halves_are_each_other_s_inverse():
    weight = torch.arange(24.0).reshape(12, 2)
    assert to_halves(weight, 2)[:6, 0].tolist() == [0, 4, 8, 2, 6, 10]
    assert torch.equal(to_halves(to_pairs(weight, 2), 2), weight)


def test_a_matrix_of_odd_rows_stays_in_float16(tmp_path):
    tokenizer = load_tokenizer(LocalModelRef("packaged", PACKAGED / "medtune-base"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=44, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False,
        rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4},
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    path = tmp_path / "odd.gguf"
    metadata = gguf_metadata(model, tokenizer, "odd", EDGE_TEXTS)
    assert write_gguf(path, model, metadata, "q8_0") == ["blk.0.ffn_down.weight"]
    assert read_gguf(path).tensors["blk.0.ffn_up.weight"].kind == "Q8_0"
    assert prove_gguf(path, model, tokenizer, ROWS, EDGE_TEXTS, "q8_0").texts == len(EDGE_TEXTS)


def test_a_weight_beyond_float16_is_refused(tmp_path):
    ref = LocalModelRef("packaged", PACKAGED / "medtune-base")
    model, tokenizer = load_exactly(ref), load_tokenizer(ref)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = 1e6
    metadata = gguf_metadata(model, tokenizer, "big", EDGE_TEXTS)
    with pytest.raises(ModelError, match=r"ffn_up.weight has values beyond float16"):
        write_gguf(tmp_path / "big.gguf", model, metadata, "float16")


def test_a_tokenizer_that_the_format_cannot_name_is_refused():
    ref = LocalModelRef("packaged", PACKAGED / "medtune-base")
    tokenizer = load_tokenizer(ref)
    values = json.loads(tokenizer.backend_tokenizer.to_str())
    values["normalizer"] = {"type": "Lowercase"}
    other = PreTrainedTokenizerFast(
        tokenizer_object=type(tokenizer.backend_tokenizer).from_str(json.dumps(values)),
        eos_token="<|eos|>",
    )
    with pytest.raises(ModelError, match="no name for the way"):
        gguf_metadata(load_exactly(ref), other, "lower", EDGE_TEXTS)


def test_sentencepiece_s_tokens_are_written_with_their_scores(real_models, tmp_path):
    ref = LocalModelRef("stories", real_models / "stories260k")
    model, tokenizer = load_exactly(ref), load_tokenizer(ref)
    path = tmp_path / "stories.gguf"
    write_gguf(path, model, gguf_metadata(model, tokenizer, "stories", EDGE_TEXTS), "float16")
    assert read_gguf(path).text("tokenizer.ggml.model") == "llama"
    proof = prove_gguf(path, model, tokenizer, ROWS, EDGE_TEXTS, "float16")
    assert proof.rounding.largest < 0.1
