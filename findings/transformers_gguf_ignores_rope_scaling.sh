#!/usr/bin/env bash
# transformers 5.23.0, reading a GGUF file with from_pretrained(gguf_file=...): what the file says of
# stretched positions is left out without a word. Neither `llama.rope.scaling.*` (linear, yarn) nor the
# tensor `rope_freqs.weight` (Llama 3.1 and later) reaches the model: its configuration says "default",
# and its logits are those of the same weights without scaling. (The reader knows rope.scaling of
# gpt-oss alone.)
# Why it matters: files of Llama 3.1 and 3.2 hold that tensor. Read so they are another model, which is
# then measured or tuned under the name of the original.
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0
"$folder/env/bin/pip" install --quiet transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0
cat >"$folder/read.py" <<'PY'
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as hf_logging

folder = Path(sys.argv[1])
hf_logging.set_verbosity_error()
hf_logging.disable_progress_bar()
HEADS, WIDTH, CONTEXT, FIRST = 4, 64, 256, 64
SHAPE = dict(
    vocab_size=64, hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=CONTEXT,
    rms_norm_eps=1e-5, tie_word_embeddings=False,
)
THETA = {"rope_theta": 10000.0}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
SCALED = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": FIRST},
    "llama3": {"rope_type": "llama3", "original_max_position_embeddings": FIRST, **LLAMA3},
}
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def tensors(model):
    """GGUF's names; queries and keys in its order of rotated pairs."""
    for name, weight in model.state_dict().items():
        value = weight.float().numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            value = value.reshape(HEADS, 2, -1, WIDTH).swapaxes(1, 2).reshape(WIDTH, WIDTH)
        if name.startswith("model.layers."):
            _, _, layer, rest = name.split(".", 3)
            name = f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"
        else:
            name = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight",
                    "model.norm.weight": "output_norm.weight"}[name]
        yield name, value.copy()


def write(model, path, kind):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(2)
    writer.add_feed_forward_length(128)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(64)
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(FIRST)
    if kind == "llama3":  # the divisors of the rotations, as llama.cpp's converter writes them
        writer.add_tensor("rope_freqs.weight", divisors())
    for name, value in tensors(model):
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def divisors():
    scaled = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=SCALED["llama3"] | THETA))
    plain = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters={"rope_type": "default"} | THETA))
    ratio = plain.model.rotary_emb.inv_freq / scaled.model.rotary_emb.inv_freq
    assert ratio.max() > 7.9, ratio
    return ratio.numpy().astype(np.float32)


torch.manual_seed(0)
plain = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters={"rope_type": "default"} | THETA)).eval()
with torch.no_grad():
    for weight in plain.parameters():
        if weight.dim() == 2:
            weight.normal_(0, 0.2)
ids = torch.randint(0, 64, (1, 200))
same = True
for kind, rope in SCALED.items():
    place = folder / kind
    scaled = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=rope | THETA))
    scaled.load_state_dict(plain.state_dict())
    scaled.save_pretrained(place)
    (place / "gguf").mkdir()
    write(plain, str(place / "gguf" / "model.gguf"), kind)
    original = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).eval()
    read = AutoModelForCausalLM.from_pretrained(
        place / "gguf", gguf_file="model.gguf", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        truth, without, seen = (model(ids).logits for model in (original, plain, read))
    off, apart = ((seen - other).abs().max().item() for other in (without, truth))
    said = read.config.rope_parameters
    print(f"{kind}: the file's model says {said}")
    print(f"  its logits: {off:.1e} from the weights without scaling, {apart:.2f} from those with it")
    same = same and said["rope_type"] == "default" and off < 1e-3 and apart > 0.1
sys.exit(not same)
PY
"$folder/env/bin/python" "$folder/read.py" "$folder"
