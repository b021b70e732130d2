"""A tokenizer by itself: from a directory that holds no model, not even a configuration, or by
its name on the hub.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from medtune.errors import ModelError
from medtune.tokens.chat_templates import choose_template

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
