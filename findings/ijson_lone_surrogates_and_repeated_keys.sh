#!/usr/bin/env bash
# ijson 3.6.0 (its C backend), reading JSON item by item:
#   - an escaped half of a surrogate pair ("\ud83d" alone) becomes "?" without a word, where the json
#     module keeps it, so that a reader can refuse it;
#   - of two equal keys in an object the last wins, and kvitems yields both: what is seen depends on
#     the function that reads.
# Why it matters: clinical exports cut texts at a fixed length, in the middle of a pair, and merge
# records with a key twice. A reader that was moved to ijson for its bounded memory changes a text,
# or drops a value, where the old one said so.
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet ijson==3.6.0
"$folder/env/bin/python" - <<'PY'
import io
import json
import sys

import ijson

cut = b'[{"text": "pain \\ud83d"}]'
twice = b'[{"dose": "5 mg", "dose": "50 mg"}]'
text = next(ijson.items(io.BytesIO(cut), "item"))["text"]
last = next(ijson.items(io.BytesIO(twice), "item"))
both = list(ijson.kvitems(io.BytesIO(twice), "item"))
print("ijson", ijson.__version__, ijson.backend_name)
print("half a pair:", ascii(text), "- by json:", ascii(json.loads(cut)[0]["text"]))
print("a key twice: items", last, "- kvitems", both)
same = (
    text == "pain ?"
    and json.loads(cut)[0]["text"] == "pain \ud83d"
    and last == {"dose": "50 mg"}
    and both == [("dose", "5 mg"), ("dose", "50 mg")]
)
sys.exit(not same)
PY
