"""Chat templates by family, and tokenizers that come without a template or a model.

A template is chosen by name in the recipe (``model.chat_template``), else the tokenizer's own is
used, else the family whose turn markers stand in the vocabulary, else the plain one.
`tests/tokens/test_chat_templates.py` holds them against what the families' own templates render.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.errors import ModelError, RecipeError
from medtune.recipe.extensions import extension_names, load_extension

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Changes whenever the same text becomes other ids, or more is counted of it: what was computed
# before is then not current.
ENCODING_VERSION = "3"

# What a template writes as today's date, whenever it is used: prompts of one model are the same on
# every day. It is the day that Llama 3's templates fall back on.
TEMPLATE_DATE = datetime(2024, 7, 26)
_TODAY = re.compile(r"""strftime_now\(\s*(["'])([^"']*)\1\s*\)""")
_UNKNOWN = "{% else %}{{ raise_exception('unknown role ' + m['role']) }}{% endif %}"
_NO_SYSTEM = (
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)
_BOS = "{{ bos_token or '' }}"


def _marked(role: str, content: str, end: str) -> str:
    """Every turn between markers: the form of ChatML and its kin."""
    return "{% for m in messages %}{{ " + role + " + " + content + " + " + end + " }}{% endfor %}"


_QWEN_DEFAULT = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. "
    "You are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
)
_CHATML = _marked("'<|im_start|>' + m['role'] + '\\n'", "m['content']", "'<|im_end|>\\n'")
_CHATML_PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

# A system message goes inside the first user turn; `first` holds its text until then.
_LLAMA_2 = (
    "{% set ns = namespace(system='') %}{% for m in messages %}"
    "{% if m['role'] == 'system' %}"
    "{% set ns.system = '<<SYS>>\\n' + m['content'] | trim + '\\n<</SYS>>\\n\\n' %}"
    "{% elif m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + ns.system + m['content'] | trim + ' [/INST]' }}"
    "{% set ns.system = '' %}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + ' ' + eos_token }}"
    + _UNKNOWN
    + "{% endfor %}"
)

TEMPLATES: dict[str, str] = {
    # Words that any base model has met; the end is the tokenizer's own.
    "plain": _BOS + "{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ m['content'] | trim + '\\n\\n' }}"
    "{% elif m['role'] == 'user' %}{{ 'Question: ' + m['content'] | trim + '\\nAnswer:' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + (eos_token or '') + '\\n' }}"
    + _UNKNOWN
    + "{% endfor %}",
    "alpaca": _BOS + "{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ m['content'] | trim + '\\n\\n' }}"
    "{% elif m['role'] == 'user' %}"
    "{{ '### Instruction:\\n' + m['content'] | trim + '\\n\\n### Response:\\n' }}"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] | trim + eos_token + '\\n\\n' }}"
    + _UNKNOWN
    + "{% endfor %}",
    "chatml": _CHATML + _CHATML_PROMPT,
    "qwen2.5": _QWEN_DEFAULT + _CHATML + _CHATML_PROMPT,
    "gemma": _BOS
    + "{% for m in messages %}"
    + _NO_SYSTEM
    + "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' "
    "else m['role']) + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
    "llama-2": _LLAMA_2,
    "mistral": _BOS
    + "{% for m in messages %}"
    + _NO_SYSTEM
    + "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] | trim + "
    "' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + eos_token }}"
    + _UNKNOWN
    + "{% endfor %}",
    "llama-3": _BOS
    + _marked(
        "'<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'",
        "m['content'] | trim",
        "'<|eot_id|>'",
    )
    + "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
    "phi-3": _marked("'<|' + m['role'] + '|>\\n'", "m['content']", "'<|end|>\\n'")
    + "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
    "zephyr": _marked("'<|' + m['role'] + '|>\\n'", "m['content'] | trim", "eos_token + '\\n'")
    + "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
}

_KEY = "model.chat_template"
_BOS_EOS = {
    **dict.fromkeys(("llama-2", "mistral", "zephyr"), ("<s>", "</s>")),
    "phi-3": ("<s>", "<|endoftext|>"),
}


@dataclass(frozen=True)
class FamilyTemplate:
    """A family's Jinja text, and its BOS and EOS where the family fixes them."""

    text: str
    bos: str | None = None
    eos: str | None = None


def template_names() -> list[str]:
    """The families' names, and the short names of templates beyond them."""
    return sorted({*TEMPLATES, *extension_names(_KEY)})


def family_template(name: str) -> FamilyTemplate:
    """The template of a family's name, or of the object that a recipe names.

    Raises ``RecipeError`` where it names no ``FamilyTemplate``.
    """
    if name in TEMPLATES:
        return FamilyTemplate(TEMPLATES[name], *_BOS_EOS.get(name, (None, None)))
    template = load_extension(_KEY, name)
    if not isinstance(template, FamilyTemplate):
        raise RecipeError(
            f"{name} is no FamilyTemplate", where=_KEY, fix="See medtune.tokens.chat_templates."
        )
    return template


# What an encoder-decoder (T5) reads: the texts alone, turn below turn; its tokenizer's </s> ends a
# source.
SEQ2SEQ = (
    "{% for m in messages %}{% if m['role'] not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('unknown role ' + m['role']) }}{% endif %}"
    "{{ ('' if loop.first else '\\n') + m['content'] | trim }}{% endfor %}"
)

# Turn markers that name a family when they are tokens of the vocabulary.
_MARKERS = {
    "<|im_start|>": "chatml",
    "<start_of_turn>": "gemma",
    "<|start_header_id|>": "llama-3",
    "<|assistant|>": "phi-3",
}


def special_tokens(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    """Every token that stands for structure, text → id: the named ones (EOS …) and those marked
    special when added.
    """
    named = zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True)
    added = (
        (str(token), i) for i, token in tokenizer.added_tokens_decoder.items() if token.special
    )
    return {**dict(named), **dict(added)}


def prompt_template(template: str, prompt: str) -> str:
    """The template with ``prompt`` around every user turn, {question} standing for its text.

    Part of the template itself, so that a saved model is asked the way it was trained, by whichever
    program.
    """
    before, after = (repr(part) for part in prompt.split("{question}"))
    return (
        "{%- set asked = namespace(messages=[]) -%}{%- for m in messages -%}"
        f"{{%- set text = {before} + m['content'] + {after} "
        "if m['role'] == 'user' else m['content'] -%}"
        "{%- set asked.messages = asked.messages + [{'role': m['role'], 'content': text}] -%}"
        "{%- endfor -%}"
        "{%- set messages = asked.messages -%}" + template
    )


def with_fixed_date(template: str) -> str:
    """The template with ``TEMPLATE_DATE`` wherever it would write the day on which it is used.

    Raises ``ModelError`` where it asks for the day in a form that is not written in it.
    """
    fixed = _TODAY.sub(lambda call: repr(TEMPLATE_DATE.strftime(call[2])), template)
    if "strftime_now(" in fixed.replace(" ", ""):
        raise ModelError(
            "the chat template writes today's date in a form of its own, so its prompts change "
            "from day to day",
            where=_KEY,
            fix="Name a family's template, or write the date into the template.",
        )
    return fixed


def choose_template(
    tokenizer: "PreTrainedTokenizerBase",
    name: str,
    prompt: str | None = None,
    *,
    seq2seq: bool = False,
) -> str:
    """The template's text for ``name``: a family's name, or ``auto``.

    With the recipe's ``prompt`` where there is one.
    """
    bare = seq2seq and name == "auto" and not tokenizer.chat_template
    template = SEQ2SEQ if bare else _template(tokenizer, name)
    return prompt_template(template, prompt) if prompt else template


def _template(tokenizer: "PreTrainedTokenizerBase", name: str) -> str:
    if name != "auto":
        return family_template(name).text
    if tokenizer.chat_template:
        return with_fixed_date(str(tokenizer.chat_template))
    vocabulary = tokenizer.get_vocab()
    family = next((family for marker, family in _MARKERS.items() if marker in vocabulary), "plain")
    return TEMPLATES[family]


if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NAMES_ITS_CLASS = ("tokenizer.json", "tokenizer_config.json", "config.json")
# What a directory holds that does not say of which class it is → the class that published such
# files.
CLASS_OF_FILES = {
    ("vocab.json", "merges.txt"): "GPT2Tokenizer",
    ("spiece.model",): "T5Tokenizer",
    ("tokenizer.model",): "LlamaTokenizer",
}


def load_tokenizer_only(
    name: str, chat_template: str = "auto", prompt: str | None = None, *, seq2seq: bool = False
) -> "PreTrainedTokenizerBase":
    """A tokenizer with a chat template, from a directory of tokenizer files or a hub name.

    No code of it is run.

    Raises ``ModelError`` where there is none.
    """
    import transformers

    directory = Path(name)
    if not directory.is_dir() and (
        directory.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1
    ):
        raise ModelError("no such directory", where=f"--tokenizer {name}", fix="Check the path.")
    kind = _class_name(directory)
    # A bare sentencepiece model puts its blank before every piece of text, also after BOS; "legacy"
    # is the word for it.
    options = {"legacy": True} if kind == "LlamaTokenizer" else {}
    try:
        loader = getattr(transformers, kind)
        tokenizer: PreTrainedTokenizerBase = loader.from_pretrained(
            name, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"the tokenizer cannot be read ({str(error).strip().splitlines()[0][:120]})",
            where=f"--tokenizer {name}",
            fix="Is the directory whole, or the hub's name right?",
        ) from error
    tokenizer.chat_template = choose_template(tokenizer, chat_template, prompt, seq2seq=seq2seq)
    return tokenizer


def _class_name(directory: Path) -> str:
    if not directory.is_dir() or any((directory / file).exists() for file in NAMES_ITS_CLASS):
        return "AutoTokenizer"
    for files, name in CLASS_OF_FILES.items():
        if all((directory / file).exists() for file in files):
            return name
    known = ", ".join([NAMES_ITS_CLASS[0], *map(" + ".join, CLASS_OF_FILES)])
    raise ModelError(
        "this directory holds no tokenizer",
        where=f"--tokenizer {directory}",
        fix=f"Known: {known}.",
    )
