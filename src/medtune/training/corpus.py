"""Plain text for pre-training: read, held-out documents set apart, a byte-level BPE tokenizer,
one stream of token ids.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medtune.data.clinical.detect import ClinicalFormat, clinical_format
from medtune.data.clinical.document import RecordErrors
from medtune.data.sources.open_source import source_files
from medtune.errors import DataError
from medtune.files import file_hash, sha256_json, sha256_paths, whole_directory, whole_file
from medtune.progress import say, track
from medtune.recipe.schema import Corpus, PretrainRecipe
from medtune.tokens.chat_templates import ENCODING_VERSION
from medtune.tokens.control_tokens import ControlTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
BATCH = 256

# Question and answer in words that textbooks use too: an untouched base model is not handicapped by
# markers it has never seen, so that the change after training is not the learning of markers.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] | trim + '\\n\\n' }}"
    "{% elif message['role'] == 'user' %}"
    "{{ 'Question: ' + message['content'] | trim + '\\nAnswer:' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] | trim + eos_token + '\\n' }}"
    "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Document:
    """One text of the corpus."""

    text: str
    kind: str
    group: str


@dataclass(frozen=True)
class HeldOut:
    """One held-out document: its ids with BOS and EOS, and its size in UTF-8 bytes."""

    kind: str
    tokens: np.ndarray
    bytes: int


@dataclass(frozen=True)
class TokenizedCorpus:
    """Training stream (memory-mapped ids), held-out documents, and what names them."""

    train: np.ndarray
    held_out: list[HeldOut]
    fingerprint: str

    @property
    def held_out_tokens(self) -> np.ndarray:
        """All held-out ids in one stream."""
        return np.concatenate([document.tokens for document in self.held_out])

    @property
    def held_out_bytes_per_token(self) -> float:
        """Mean UTF-8 bytes of one held-out token."""
        return sum(d.bytes for d in self.held_out) / sum(len(d.tokens) for d in self.held_out)


def read_corpus(path: Path, settings: Corpus) -> list[Document]:
    """Documents of a table, of a text file (there a blank line divides), or of clinical files,
    where the patients are the groups.

    Empty ones are counted and left out.
    """
    files = corpus_files(path)
    if path.suffix != ".txt" and (clinical := clinical_format(files)):
        return _clinical_documents(files, clinical)
    if path.is_dir():
        raise DataError(
            "a directory of tables",
            where=str(path),
            fix="Name one table, or a directory of files of one clinical format or of texts.",
        )
    rows = list(_corpus_rows(path, settings))
    documents = [
        Document(
            text=str(row[settings.text]),
            kind=str(row.get(settings.kind) or "text") if settings.kind else "text",
            group=str(row.get(settings.group) or number) if settings.group else str(number),
        )
        for number, row in enumerate(rows)
        if row.get(settings.text) and str(row[settings.text]).strip()
    ]
    if not documents:
        raise DataError(
            "no text found",
            where=str(path),
            fix=f"corpus.text is {settings.text!r}: name the column of the text.",
        )
    if len(documents) < len(rows):
        say(f"corpus: {len(rows) - len(documents)} empty documents left out")
    return documents


def corpus_files(path: Path) -> list[Path]:
    """The file itself, or the files of one kind below a directory."""
    return source_files(str(path), None) if path.is_dir() else [path]


def corpus_hash(path: Path) -> str:
    """SHA-256 of the corpus: of the file, or of all that are read of a directory."""
    return sha256_paths(corpus_files(path)) if path.is_dir() else file_hash(path)


def _clinical_documents(files: list[Path], clinical: ClinicalFormat) -> list[Document]:
    errors = RecordErrors()
    documents = [
        Document(text=d.text, kind=clinical.name, group=d.patient or str(number))
        for number, d in enumerate(clinical.read(files, errors))
    ]
    if not documents:
        raise DataError("no text found", where=str(files[0]), fix="Name files that hold texts.")
    if errors.unread:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in errors.unread.items())
        say(f"corpus: not read: {kinds}")
    return documents


def _corpus_rows(path: Path, settings: Corpus) -> Iterator[dict[str, object]]:
    if path.suffix == ".txt":
        from medtune.data.formats.delimited import text_lines

        for part in re.split(r"\n\s*\n", "".join(text_lines(path))):
            yield {settings.text: part}
        return
    from medtune.data.column_names import shown_columns
    from medtune.data.formats.tables import read_table

    table = read_table(path)
    if settings.text not in table.column_names:
        raise DataError(
            f"no column {settings.text!r}",
            where=str(path),
            fix=f"corpus.text must be one of: {shown_columns(table.column_names)}.",
        )
    yield from table.to_pylist()


def hold_out(
    documents: list[Document], share: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Training and held-out documents.

    Whole groups are held out, in proportion within each kind.
    """
    rng = np.random.default_rng(seed)
    kind_of = {document.group: document.kind for document in documents}
    held: set[str] = set()
    for kind in sorted(set(kind_of.values())):
        groups = sorted(group for group, k in kind_of.items() if k == kind)
        count = min(max(1, round(share * len(groups))), len(groups) - 1)
        chosen = rng.permutation(len(groups))[:count]
        held.update(groups[index] for index in chosen)
    return [d for d in documents if d.group not in held], [d for d in documents if d.group in held]


def train_tokenizer(texts: list[str], vocabulary: int, context: int) -> "PreTrainedTokenizerFast":
    """A byte-level BPE tokenizer (no text is unknown to it) with a plain question-and-answer
    chat template.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def encode_document(control: ControlTokens, text: str) -> np.ndarray:
    """Ids [tokens] of BOS, the text and EOS; without a marker that the tokenizer lacks."""
    ids, tokenizer = control.id_array(control.mask(text)), control.tokenizer
    first, last = (
        np.array([] if marker is None else [marker], dtype=ids.dtype)
        for marker in (tokenizer.bos_token_id, tokenizer.eos_token_id)
    )
    return np.concatenate([first, ids, last])


def encode_stream(
    tokenizer: "PreTrainedTokenizerFast", documents: list[Document], target: Path, seed: int
) -> np.ndarray:
    """Write the shuffled documents as one stream of ids and map it; whole or absent."""
    control = ControlTokens(tokenizer)
    if not target.exists():
        order = np.random.default_rng(seed).permutation(len(documents))
        with (
            whole_file(target) as temporary,
            open(temporary, "wb") as handle,
            track("tokens", len(order), "documents") as bar,
        ):
            for index in order:
                encode_document(control, documents[index].text).astype(np.uint32).tofile(handle)
                bar.advance()
    return np.memmap(target, dtype=np.uint32, mode="r")


def tokenize_corpus(
    recipe: PretrainRecipe, path: Path, directory: Path, existing: "PreTrainedTokenizerFast | None"
) -> tuple[TokenizedCorpus, "PreTrainedTokenizerFast"]:
    """Read, hold out, train (or take over) the tokenizer, and encode.

    What an earlier call left is used again.
    """
    from transformers import AutoTokenizer

    documents = read_corpus(path, recipe.corpus)
    train, held = hold_out(documents, recipe.corpus.held_out, recipe.seed)
    if not train or not held:
        raise DataError(
            f"{len(documents)} documents are too few to hold some out",
            where=str(path),
            fix="Give more text.",
        )
    # Tokens of another corpus, seed or tokenizer are never used again.
    key = [
        corpus_hash(path),
        recipe.corpus.model_dump(),
        recipe.seed,
        recipe.model.vocabulary,
        recipe.model.continue_from,
        ENCODING_VERSION,
    ]
    directory = directory / f"tokens-{sha256_json(key)[:12]}"
    if existing is not None:
        tokenizer = existing
    elif (directory / "tokenizer").exists():
        tokenizer = AutoTokenizer.from_pretrained(directory / "tokenizer")
    else:
        say(
            f"training a tokenizer of {recipe.model.vocabulary:,} tokens "
            f"on {len(train):,} documents"
        )
        tokenizer = train_tokenizer(
            [d.text for d in train], recipe.model.vocabulary, recipe.model.context
        )
        with whole_directory(directory / "tokenizer") as temporary:
            tokenizer.save_pretrained(temporary)
    stream = encode_stream(tokenizer, train, directory / "tokens.bin", recipe.seed)
    control = ControlTokens(tokenizer)
    held_out = [
        HeldOut(d.kind, encode_document(control, d.text), len(d.text.encode())) for d in held
    ]
    if len(stream) < 2 * recipe.model.context:
        raise DataError(
            f"{len(stream):,} tokens are fewer than two blocks of {recipe.model.context}",
            where=str(path),
            fix="Give more text, or a smaller model.context.",
        )
    fingerprint = sha256_json(
        [len(stream), len(held_out), int(stream[:: max(1, len(stream) // 10_000)].sum())]
    )
    say(f"{len(stream):,} training tokens; {len(held)} documents held out")
    return TokenizedCorpus(stream, held_out, fingerprint), tokenizer
