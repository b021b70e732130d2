"""The published formats hold their mistakes exactly: that is what they are for."""

import pyarrow.parquet as pq
import pytest

from medtune.conversation import Message
from medtune.tokens.chat_templates import family_template, load_tokenizer_only
from medtune.tokens.encode import Encoder
from medtune.tokens.render import ChatTemplate

PROMPT = (
    "Answer the question truthfully, you are a medical professional. This is the question: "
    "{question}"
)


@pytest.fixture
def llama(real_tokenizers):
    return str(real_tokenizers / "llama")


def test_llama_2_renders_what_was_published(llama, real_data):
    rows = pq.read_table(real_data / "wikidoc_medquad_2k.parquet").slice(0, 200).to_pylist()
    tokenizer = load_tokenizer_only(llama, "llama-2-published")
    template = ChatTemplate(tokenizer)
    for row in rows:
        asked = PROMPT.replace("{question}", row["input"].strip())
        made = template.conversation(
            [Message("user", asked), Message("assistant", row["output"])]
        ).text
        assert made.split() == row["prompt"].split()
        assert "\\n" in made
        assert tokenizer.bos_token not in made


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("mistral-published", "<s><s>[INST] Why? [/INST] \\n ", "So.</s>"),
        (
            "gemma-published",
            "<s><start_of_turn>user\\nWhy?<end_of_turn>\\n<start_of_turn>model\\n",
            "<end_of_turn>\\nmodel",
        ),
        ("llama-2-published", "[s][INST] Why? [/INST] \\n ", "So.[/s]"),
    ],
)
def test_each_has_its_mistakes_and_still_learns_the_answer(llama, name, start, end):
    tokenizer = load_tokenizer_only(llama, name)
    template = ChatTemplate(tokenizer)
    made = template.conversation([Message("user", "Why?"), Message("assistant", "So.")])
    assert made.text.startswith(start)
    assert made.text.endswith(end)
    ((first, last),) = made.answers
    assert "So." in made.text[first:last]
    assert Encoder(tokenizer, 64).template.source == family_template(name).text
