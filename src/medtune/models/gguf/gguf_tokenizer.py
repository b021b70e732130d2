"""The tokenizer of a GGUF file: its tokens, merges and flags as a tokenizer of transformers.

Two kinds are read: byte-level BPE ("gpt2"), whose pre-tokenizer the file names, and
sentencepiece's BPE ("llama"), whose merges follow from the tokens' scores.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medtune.models.gguf.gguf_file import GgufFile
from medtune.models.gguf.pre_tokenizers import PRE_TOKENIZERS, PreTokenization

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
BLANK = "▁"  # what sentencepiece writes for a blank
TOKENS = "tokenizer.ggml.tokens"
_NAMED = {  # what transformers calls a token → what GGUF calls its number
    "bos_token": "bos",
    "eos_token": "eos",
    "unk_token": "unknown",
    "pad_token": "padding",
    "sep_token": "seperator",  # spelt so in the format
    "mask_token": "mask",
}


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, and the kind of each ([tokens], the format's numbers)."""

    tokens: list[str]
    kinds: list[int]

    def of_kind(self, *kinds: int) -> list[int]:
        """Ids of all tokens of these kinds, ascending."""
        return [i for i, kind in enumerate(self.kinds) if kind in kinds]


def build_tokenizer(file: GgufFile, context: int) -> "PreTrainedTokenizerFast":
    """The file's tokenizer with its chat template; ``context`` is the model's, in tokens.

    Raises ``ModelError`` where the file does not say how texts are cut, or says it in a way that
    is not known here.
    """
    from transformers import PreTrainedTokenizerFast

    model = file.text("tokenizer.ggml.model")
    if model not in ("gpt2", "llama"):
        raise file.error(
            f"its tokenizer is of the kind {model!r}",
            "Read are byte-level BPE (gpt2) and sentencepiece's BPE (llama).",
        )
    vocabulary = _vocabulary(file)
    named = _named_tokens(file, vocabulary)
    bos = True
    if model == "gpt2":
        cut = _pre_tokenization(file)
        tokenizer, bos = _byte_level(file, vocabulary, cut), cut.bos
    else:
        tokenizer = _sentencepiece(file, vocabulary, named.get("unk_token"))
    ids = vocabulary.of_kind(UNKNOWN, CONTROL, USER_DEFINED)
    tokenizer.add_tokens([_added(file, vocabulary, i) for i in ids])
    first, last = _edges(file, named, bos)
    tokenizer.post_processor = _edge_template(tokenizer, first, last)
    template = file.text("tokenizer.chat_template", "") or None
    if first is None and "bos_token" not in (template or ""):
        # Nothing puts it before a text: some files name a turn's marker, or EOS.
        named.pop("bos_token", None)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        chat_template=template,
        **named,
    )


def _vocabulary(file: GgufFile) -> Vocabulary:
    tokens = file.texts(TOKENS)
    kinds = file.numbers("tokenizer.ggml.token_type", len(tokens)).tolist()
    if file.text("tokenizer.ggml.model") == "llama":
        # Converters write the blanks of these tokens as blanks.
        tokens = [
            token.replace(" ", BLANK) if kind == USER_DEFINED else token
            for token, kind in zip(tokens, kinds, strict=True)
        ]
    if len(set(tokens)) < len(tokens):
        raise file.error(f"{len(tokens) - len(set(tokens))} tokens stand twice in its vocabulary")
    return Vocabulary(tokens, kinds)


def _pre_tokenization(file: GgufFile) -> PreTokenization:
    name = file.text("tokenizer.ggml.pre", "")
    if name in PRE_TOKENIZERS:
        return PRE_TOKENIZERS[name]
    problem = (
        f"its pre-tokenizer {name!r} is not known here"
        if name
        else "it does not name its pre-tokenizer (tokenizer.ggml.pre)"
    )
    raise file.error(
        f"{problem}, so texts could become other tokens than in training",
        f"Use the model's own directory, or a file with one of: {', '.join(PRE_TOKENIZERS)}.",
    )


def _byte_level(file: GgufFile, vocabulary: Vocabulary, cut: PreTokenization) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE

    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    merges = []
    for number, text in enumerate(file.texts("tokenizer.ggml.merges")):
        left, _, right = text.partition(" ")
        if not {left, right, left + right} <= ids.keys():
            raise file.error(f"merge {number} joins what is no token")
        merges.append((left, right))
    tokenizer = Tokenizer(BPE(ids, merges, ignore_merges=cut.whole_words))
    normalizer = cut.normalizer()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cut.splitter()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece(file: GgufFile, vocabulary: Vocabulary, unknown: str | None) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders, normalizers
    from tokenizers.models import BPE

    scores = file.numbers("tokenizer.ggml.scores", len(vocabulary.tokens)).tolist()
    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    fallback = all(f"<0x{byte:02X}>" in ids for byte in range(256))
    model = BPE(
        ids,
        merges_of_scores(vocabulary, scores),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=fallback,
    )
    tokenizer = Tokenizer(model)
    prefix = file.flag("tokenizer.ggml.add_space_prefix", True)
    blanks = normalizers.Replace(" ", BLANK)
    tokenizer.normalizer = (
        normalizers.Sequence([normalizers.Prepend(BLANK), blanks]) if prefix else blanks
    )
    steps = [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    return tokenizer


def merges_of_scores(vocabulary: Vocabulary, scores: list[float]) -> list[tuple[str, str]]:
    """The merges that make a sentencepiece vocabulary's tokens, those of the best score first.

    A token can be made of any two others; user-defined ones come before all, the longest first.
    """
    of_text = vocabulary.of_kind(NORMAL, USER_DEFINED)
    ids = {vocabulary.tokens[i]: i for i in of_text}
    merges: list[tuple[float, int, int, str, str]] = []
    for token, i in ids.items():
        score = float("inf") if vocabulary.kinds[i] == USER_DEFINED else scores[i]
        halves = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [(left, right) for left, right in halves if left in ids and right in ids]
        for left, right in sorted(known, key=lambda pair: (ids[pair[0]], ids[pair[1]])):
            merges.append((score, len(left), len(right), left, right))
    merges.sort(key=lambda merge: merge[:3], reverse=True)
    return [(left, right) for *_, left, right in merges]


def _added(file: GgufFile, vocabulary: Vocabulary, number: int) -> "AddedToken":
    from tokenizers import AddedToken

    token, kind = vocabulary.tokens[number], vocabulary.kinds[number]
    # Phi-3's tokenizer drops the blanks after its turn markers, which the format cannot say.
    drops_blanks = (
        file.text("general.architecture") == "phi3"
        and file.text("tokenizer.ggml.model") == "llama"
        and kind == CONTROL
        and token not in ("<s>", "<|endoftext|>")
    )
    special = kind != USER_DEFINED
    return AddedToken(token, special=special, normalized=False, rstrip=drops_blanks)


def _named_tokens(file: GgufFile, vocabulary: Vocabulary) -> dict[str, str]:
    """The tokens that the file gives a part (BOS, EOS, …), by transformers' names."""
    named = {}
    for name, key in _NAMED.items():
        number = file.integer(f"tokenizer.ggml.{key}_token_id", -1)
        if number == -1 or number == 2**32 - 1:
            continue
        if not 0 <= number < len(vocabulary.tokens):
            raise file.error(f"its {name} ({number}) is no token of its vocabulary")
        named[name] = vocabulary.tokens[number]
    if "eos_token" not in named:
        raise file.error("it names no token that ends a text (tokenizer.ggml.eos_token_id)")
    return named


def _edges(file: GgufFile, named: dict[str, str], bos: bool) -> tuple[str | None, str | None]:
    """The tokens put before and after every text, where there are any."""
    first = named.get("bos_token") if file.flag("tokenizer.ggml.add_bos_token", bos) else None
    last = named["eos_token"] if file.flag("tokenizer.ggml.add_eos_token", False) else None
    return first, last


def _edge_template(tokenizer: "Tokenizer", first: str | None, last: str | None) -> Any:
    from tokenizers.processors import TemplateProcessing

    edges = [token for token in (first, last) if token]
    return TemplateProcessing(
        single=[token for token in (first, "$A", last) if token],
        pair=[token for token in (first, "$A", last, first, "$B", last) if token],
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys(edges)],
    )
