#!/usr/bin/env bash
# statsmodels 0.15.0: multitest.multipletests runs a full garbage collection at each call.
# Its time therefore grows with everything else that the process holds, such as loaded samples, and
# not with the p-values.
# Why it matters: a table corrected metric by metric, or a simulation that corrects thousands of
# families, spends nearly all of its time there, and a profile shows it under another name.
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet statsmodels==0.15.0
"$folder/env/bin/python" - <<'PY'
import gc
import sys

import statsmodels
from statsmodels.stats.multitest import multipletests

runs = []
gc.callbacks.append(lambda phase, info: runs.append(info["generation"]) if phase == "start" else None)
calls = 20
for _ in range(calls):
    multipletests([0.01, 0.04, 0.03], method="holm")
print("statsmodels", statsmodels.__version__)
print(f"{calls} calls, full collections: {runs.count(2)}")
sys.exit(runs.count(2) < calls)
PY
