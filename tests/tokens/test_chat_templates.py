"""The families' templates against what the published ones render, and what is learnt of them."""

import json
import shutil
from pathlib import Path
from shutil import copytree

import pytest

from medtune.conversation import Conversation, Message, user_asks
from medtune.errors import ModelError
from medtune.models.load import load_tokenizer, locate
from medtune.tokens.chat_templates import TEMPLATES, choose_template, with_fixed_date
from medtune.tokens.encode import Encoder
from medtune.tokens.render import ChatTemplate

MARKERS = [
    "<|im_start|>",
    "<|im_end|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|eot_id|>",
    "<|end|>",
    "<|user|>",
]
TERMINATORS = {
    "gemma": "<end_of_turn>",
    "llama-3": "<|eot_id|>",
    "qwen2.5": "<|im_end|>",
    "chatml": "<|im_end|>",
    "phi-3": "<|end|>",
}


def tokenizer_of(tiny_model, family, bos="<s>", eos="</s>"):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.add_special_tokens(
        {"eos_token": eos, "additional_special_tokens": MARKERS}
        | ({"bos_token": bos} if bos else {})
    )
    tokenizer.chat_template = TEMPLATES[family]
    return tokenizer


def golden(real_data: Path):
    return [
        json.loads(line) for line in (real_data / "golden_chats.jsonl").read_text().splitlines()
    ]


def test_every_golden_conversation_renders_as_published(tiny_model, real_data):
    rows = golden(real_data)
    assert len(rows) == 34
    for row in rows:
        tokenizer = tokenizer_of(
            tiny_model, row["family"], row.get("bos") or "", row.get("eos") or "</s>"
        )
        arguments = {"tokenize": False, "add_generation_prompt": row["add_generation_prompt"]}
        if row["error"]:
            with pytest.raises(Exception, match=row["error"]):
                tokenizer.apply_chat_template(row["messages"], **arguments)
        else:
            result = tokenizer.apply_chat_template(
                row["messages"],
                bos_token=row.get("bos", ""),
                eos_token=row.get("eos", "</s>"),
                **arguments,
            )
            assert result == row["rendered"], (row["family"], row["case"])


@pytest.mark.parametrize("family", TEMPLATES)
def test_both_answers_and_their_terminators_are_learnt_and_nothing_else(tiny_model, family):
    tokenizer = tokenizer_of(tiny_model, family)
    turns = (
        ("user", "What is gout?"),
        ("assistant", "Crystals."),
        ("user", "And eczema?"),
        ("assistant", "Itchy skin."),
    )
    messages = tuple(Message(role, text) for role, text in turns)
    row = Encoder(tokenizer, 512).encode(Conversation("i", "g", "s", messages))
    end = TERMINATORS.get(family, "</s>")
    blank = " " if family == "llama-2" else ""
    learnt = tokenizer.decode(row.ids[row.supervised])
    assert learnt.replace(f"{end} ", end).strip() == f"Crystals.{blank}{end}Itchy skin.{blank}{end}"


@pytest.mark.parametrize(
    ("marker", "family"),
    [("<|im_start|>", "chatml"), ("<start_of_turn>", "gemma"), (None, "plain")],
)
def test_a_tokenizer_without_a_template_gets_that_of_its_markers(tiny_model, marker, family):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = None
    if marker:
        tokenizer.add_special_tokens({"additional_special_tokens": [marker]})
    assert choose_template(tokenizer, "auto") == TEMPLATES[family]
    assert choose_template(tokenizer, "zephyr") == TEMPLATES["zephyr"]
    tokenizer.chat_template = "own"
    assert choose_template(tokenizer, "auto") == "own"


def test_a_terminator_that_is_only_an_added_special_token_stops_generation(tiny_model):
    """Llama-3's base tokenizer: <|eot_id|> is marked special but is no named token."""
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    from medtune.models.causal import CausalModel
    from medtune.models.load import load_weights, locate

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.add_tokens(
        [AddedToken("<|eot_id|>", special=True), AddedToken("<|start_header_id|>", special=True)]
    )
    tokenizer.chat_template = TEMPLATES["llama-3"]
    import torch

    local = CausalModel(
        load_weights(locate(str(tiny_model)), torch.float32, "sdpa"), tokenizer, "m", "f"
    )
    assert tokenizer.convert_tokens_to_ids("<|eot_id|>") in local.stop_ids()


# Dates and ends


def test_a_template_that_writes_the_date_writes_the_same_one_every_day(tiny_model, tmp_path):
    """In the prompts, in the template that a trained model keeps, and so in its fingerprint."""
    directory = tmp_path / "dated"
    shutil.copytree(tiny_model, directory)
    own = load_tokenizer(locate(str(tiny_model)))
    own.chat_template = (
        '{% if strftime_now is defined %}{% set day = strftime_now( "%d %b %Y" ) %}{% endif %}'
        "{{ 'Today Date: ' + day + strftime_now('%Y') }}\n" + own.chat_template
    )
    own.save_pretrained(directory)
    tokenizer = load_tokenizer(locate(str(directory)))
    assert (
        ChatTemplate(tokenizer).prompt(user_asks("Why?")).startswith("Today Date: 26 Jul 20242024")
    )
    assert "strftime_now(" not in tokenizer.chat_template


def test_a_date_whose_form_is_not_written_in_the_template_is_refused():
    with pytest.raises(ModelError, match="today's date"):
        with_fixed_date("{{ strftime_now (form) }}")


def test_an_end_that_is_no_token_of_the_vocabulary_is_refused(tiny_model):
    with pytest.raises(ModelError, match=r"<\|im_end\|>.*would never end"):
        load_tokenizer(locate(str(tiny_model)), "chatml")


@pytest.mark.parametrize("asked", ["", "{{ m['content'][:3] }}"])
def test_a_template_that_leaves_out_the_question_is_refused(tiny_model, tmp_path, asked):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] + eos_token }}"
        "{% else %}" + asked + "{% endif %}{% endfor %}"
    )
    directory = copytree(tiny_model, tmp_path / "model")
    tokenizer.save_pretrained(directory)
    with pytest.raises(ModelError, match="leaves out what the user asks"):
        load_tokenizer(locate(str(directory)))


def test_an_end_that_is_a_control_token_is_waited_for(tiny_model):
    assert load_tokenizer(locate(str(tiny_model)), "plain").chat_template
    assert load_tokenizer(locate(str(tiny_model)), "mistral").chat_template


NO_END = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
)
TALK = [Message(*turn) for turn in (("user", "Why?"), ("assistant", "So."))]


def without_end(tiny_model, directory, template, **special):
    tokenizer = load_tokenizer(locate(str(tiny_model)))
    tokenizer.chat_template = template
    for name, value in special.items():
        setattr(tokenizer, name, value)
    shutil.copytree(tiny_model, directory)
    tokenizer.save_pretrained(directory)
    return locate(str(directory))


@pytest.mark.parametrize(
    "template", [NO_END, NO_END.replace(" + '\\n'", ""), NO_END.replace("'\\n'", "' '")]
)
def test_where_nothing_ends_an_answer_eos_is_put_there(tiny_model, tmp_path, template, capsys):
    """Learnt as the end, waited for in generation, and saved with the template."""
    located = without_end(tiny_model, tmp_path / "m", template)
    tokenizer = load_tokenizer(located)
    assert "ends no answer; <|eos|> is put there" in capsys.readouterr().err
    rendered = ChatTemplate(tokenizer).conversation(TALK)
    assert rendered.text[slice(*rendered.answers[-1])].endswith("<|eos|>")
    assert not ChatTemplate(tokenizer).prompt(TALK[:1]).endswith("<|eos|>")
    twice = ChatTemplate(tokenizer).conversation([*TALK, *TALK])
    assert twice.text.count("<|eos|>") == 1
    turns = [twice.text[slice(*span)].removeprefix("assistant: ") for span in twice.answers]
    assert ["".join(turn.split()) for turn in turns] == ["So.", "So.<|eos|>"]
    tokenizer.save_pretrained(tmp_path / "m")
    assert load_tokenizer(located).chat_template == tokenizer.chat_template  # not a second time


def test_where_nothing_ends_an_answer_and_there_is_no_eos_is_refused(tiny_model, tmp_path):
    located = without_end(tiny_model, tmp_path / "m", NO_END, eos_token=None)
    with pytest.raises(ModelError, match="nothing ends an answer"):
        load_tokenizer(located)


def test_an_empty_answer_in_the_middle_is_not_learnt(tiny_model):
    template = ChatTemplate(load_tokenizer(locate(str(tiny_model))))
    talk = [
        *(Message("user", "Why?"), Message("assistant", " ")),
        *(Message("user", "Really?"), Message("assistant", "Yes.")),
    ]
    rendered = template.conversation(talk)
    assert [rendered.text[slice(*span)].strip() for span in rendered.answers] == ["Yes.<|eos|>"]
