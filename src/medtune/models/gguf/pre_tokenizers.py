"""Pre-tokenizers of byte-level BPE by the names that GGUF files give them (`tokenizer.ggml.pre`).

The names and what they stand for are llama.cpp's (`llama-vocab.cpp`); the patterns, the families'.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer
    from tokenizers.pre_tokenizers import PreTokenizer

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_LINES}"
)
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_EDGE = r"[^\r\n\p{L}\p{N}]?"
_REST = rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_LINES}"


@dataclass(frozen=True)
class PreTokenization:
    """How a text is cut before byte pairs are merged.

    ``patterns``: each cuts what the one before left, its matches being pieces of their own.
    ``whole_words``: a piece that is a token stays whole, whatever the merges say.
    ``bos``: a text begins with BOS where the file does not say whether it does.
    """

    patterns: tuple[str, ...]
    nfc: bool = False
    whole_words: bool = False
    bos: bool = False

    def splitter(self) -> "PreTokenizer":
        """The pre-tokenizer of the tokenizers library, bytes written as letters."""
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

        cuts = [Split(Regex(pattern), "isolated") for pattern in self.patterns]
        return Sequence([*cuts, ByteLevel(add_prefix_space=False, use_regex=False)])

    def normalizer(self) -> "Normalizer | None":
        """Unicode's composed form, where the family asks for it."""
        from tokenizers.normalizers import NFC

        return NFC() if self.nfc else None


_GPT2_CUT = PreTokenization((_GPT2,))
_DIGITS_APART = PreTokenization((r"\p{N}", _GPT2))
_LLAMA3_CUT = PreTokenization((_LLAMA3,), whole_words=True, bos=True)
_QWEN2_CUT = PreTokenization((_LLAMA3.replace("{1,3}", ""),), nfc=True)
_GPT4O_CUT = PreTokenization(
    (
        rf"{_EDGE}{_UPPER}*{_LOWER}+{_CONTRACTION}?|{_EDGE}{_UPPER}+{_LOWER}*{_CONTRACTION}?"
        rf"|\p{{N}}{{1,3}}|{_REST}",
    )
)
PRE_TOKENIZERS = {
    "gpt-2": _GPT2_CUT,
    "phi-2": _GPT2_CUT,
    "olmo": _GPT2_CUT,
    "mpt": _GPT2_CUT,
    "smollm": _DIGITS_APART,
    "starcoder": _DIGITS_APART,
    "refact": _DIGITS_APART,
    "llama-bpe": _LLAMA3_CUT,
    "llama3": _LLAMA3_CUT,
    "llama-v3": _LLAMA3_CUT,
    "falcon3": _LLAMA3_CUT,
    "dbrx": PreTokenization((_LLAMA3,)),
    "smaug-bpe": PreTokenization((_LLAMA3,)),
    "qwen2": _QWEN2_CUT,
    "deepseek-r1-qwen": _QWEN2_CUT,
    "gpt-4o": _GPT4O_CUT,
    "tekken": PreTokenization(
        (rf"{_EDGE}{_UPPER}*{_LOWER}+|{_EDGE}{_UPPER}+{_LOWER}*|\p{{N}}|{_REST}",),
        whole_words=True,
        bos=True,
    ),
    "default": PreTokenization((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
}
