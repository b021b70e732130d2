#!/usr/bin/env bash
# PEFT 0.21.2 writes `target_modules` of adapter_config.json in the order of a Python set of strings,
# which differs from process to process (hash randomisation): two equal trainings leave adapters of
# equal weights and of unequal files.
# Why it matters: a hash of the adapter's directory, taken to recognise a model or to sign a record,
# changes though nothing did; caches keyed by it are missed, and "the same run again" looks different.
# Sort the list after saving.
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0
"$folder/env/bin/pip" install --quiet transformers==5.23.0 peft==0.21.2
cat >"$folder/save.py" <<'PY'
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
                num_attention_heads=2, num_key_value_heads=2)
)
names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
get_peft_model(model, LoraConfig(r=2, target_modules=names)).save_pretrained(sys.argv[1])
PY
for seed in 1 2 3; do
  PYTHONHASHSEED=$seed "$folder/env/bin/python" "$folder/save.py" "$folder/adapter$seed" 2>/dev/null
done
"$folder/env/bin/python" - "$folder" <<'PY'
import hashlib
import json
import sys
from pathlib import Path

folders = [Path(sys.argv[1]) / f"adapter{seed}" for seed in (1, 2, 3)]
weights = {hashlib.sha256((f / "adapter_model.safetensors").read_bytes()).hexdigest() for f in folders}
targets = [json.loads((f / "adapter_config.json").read_text())["target_modules"] for f in folders]
for names in targets:
    print(names)
print(f"{len(weights)} different weights, {len({tuple(t) for t in targets})} different configurations")
sys.exit(not (len(weights) == 1 and len({tuple(t) for t in targets}) > 1))
PY
