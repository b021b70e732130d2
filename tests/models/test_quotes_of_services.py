"""What a service quotes of the texts it was sent stands in no message of ours."""

import json
from types import SimpleNamespace

import pytest

from medtune.models.openai_client import without_sent_text

TEXT = "Patient Zqx Meier, born 1970, has pain. Then he came back with fever."


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": TEXT}]},
        {"prompt": TEXT},
        {"prompt": ["Why?", TEXT]},
    ],
)
def test_quotes_are_cut_wherever_they_stand_and_in_any_order(body):
    request = SimpleNamespace(content=json.dumps(body).encode())
    message = f"bad input: 'came back with fever', Zqx Meier, born 1970; all: {TEXT} (too long)"
    shown = without_sent_text(message, request)
    assert shown.startswith("bad input: '")
    assert shown.endswith("(too long)")
    for secret in ("Meier", "1970", "fever", "pain"):
        assert secret not in shown
