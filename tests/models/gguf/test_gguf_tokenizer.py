"""Tokenizers of GGUF files give the ids of the tokenizers they were made of."""

import json

import pytest
import sentencepiece
from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.pre_tokenizers import Split
from transformers import GPT2Tokenizer

from gguf_files import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    byte_level_vocabulary,
    write_vocabulary,
)
from medtune.data.sources.catalogue import KNOWN
from medtune.errors import ModelError
from medtune.models.gguf.gguf_file import read_gguf
from medtune.models.gguf.gguf_tokenizer import build_tokenizer
from medtune.models.gguf.pre_tokenizers import PRE_TOKENIZERS
from medtune.models.model_names import PACKAGED

PACKAGED_TOKENIZER = PACKAGED / "medtune-base" / "tokenizer.json"
LAB_TABLE = "Na  138\n\n  4.5 DON'T mg/dL\t≥½ Cafés x.\r\ny"
# How the families' published tokenizers cut it.
GPT2 = "Na| | 138|\n\n | 4|.|5| DON|'|T| mg|/|dL|\t|≥|½| Cafés| x|.|\r|\n|y"
SMOLLM = "Na|  |1|3|8|\n\n  |4|.|5| DON|'|T| mg|/|dL|\t|≥|½| Cafés| x|.|\r|\n|y"
LLAMA3 = "Na| | |138|\n\n| | |4|.|5| DON|'T| mg|/dL|\t|≥|½| Cafés| x|.\r\n|y"
QWEN2 = "Na| | |1|3|8|\n\n| | |4|.|5| DON|'T| mg|/dL|\t|≥|½| Cafés| x|.\r\n|y"
GPT4O = "Na| | |138|\n\n| | |4|.|5| DON'T| mg|/d|L|\t|≥|½| Cafés| x|.\r\n|y"
TEKKEN = "Na| | |1|3|8|\n\n| | |4|.|5| DON|'T| mg|/d|L|\t|≥|½| Cafés| x|.\r\n|y"
DEFAULT = "Na| | |138|\n\n | |4|.|5| DON|'|T| mg|/|dL|\t|≥|½| Cafés| x|.|\r|\n|y"
EDGES = [
    LAB_TABLE, "  5 mg\n\n   10", "'S 'LL I'm", "12345678 1,234.5", "naïve µg ≥ 5", "日本語 漢字",
    "  lead", "trail   ", "\n", "e\u0301 é", "▁▁x", "½ ² ٣٤", "👩\u200d⚕️ ok", "ABCdef", "//\n/ a",
    " " * 40 + "x", "\t\t<td>", "",
]  # fmt: skip


@pytest.fixture
def build(tmp_path):
    """The tokenizer of a file with this vocabulary."""

    def built(vocabulary, architecture="llama"):
        path = write_vocabulary(tmp_path / "vocabulary.gguf", vocabulary, architecture)
        return build_tokenizer(read_gguf(path), 512)

    return built


@pytest.fixture(scope="session")
def packaged():
    return byte_level_vocabulary(PACKAGED_TOKENIZER)


@pytest.fixture(scope="module")
def real_texts(real_data):
    """Dictated notes with their numbers, lists and blanks."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(KNOWN["mtsamples"].find(real_data), columns=["transcription"])
    return [text for text in table["transcription"].to_pylist()[:50] if text] + EDGES


def ids(tokenizer, texts):
    return [tokenizer(text, add_special_tokens=False).input_ids for text in texts]


@pytest.mark.parametrize(
    ("name", "pieces"),
    [("gpt-2", GPT2), ("smollm", SMOLLM), ("llama-bpe", LLAMA3), ("dbrx", LLAMA3),
     ("qwen2", QWEN2), ("gpt-4o", GPT4O), ("tekken", TEKKEN), ("default", DEFAULT)],
)  # fmt: skip
def test_texts_are_cut_as_the_family_cuts_them(name, pieces):
    cuts = [Split(Regex(pattern), "isolated") for pattern in PRE_TOKENIZERS[name].patterns]
    seen = pre_tokenizers.Sequence(cuts).pre_tokenize_str(LAB_TABLE)
    assert [piece for piece, _ in seen] == pieces.split("|")


def test_smollm_s_digits_are_apart_from_the_blanks_before_them(build, packaged):
    """SmolLM2's published tokenizer: digits one by one, then GPT-2's pattern."""
    published = Tokenizer.from_file(str(PACKAGED_TOKENIZER))
    published.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    expected = [published.encode(text, add_special_tokens=False).ids for text in EDGES]
    assert ids(build(packaged | {"pre": "smollm"}), EDGES) == expected
    assert ids(build(packaged | {"pre": "gpt-2"}), EDGES) != expected


def test_llama_3_takes_a_word_that_is_a_token_whole(build, packaged):
    """Its published tokenizer ignores the merges there."""
    first = packaged["tokens"].index("Ġpatient")
    fewer = [merge for merge in packaged["merges"] if merge.replace(" ", "") != "Ġpatient"]
    for name, whole in (("llama-bpe", True), ("qwen2", False)):
        seen = build(packaged | {"pre": name, "merges": fewer})(
            " patient", add_special_tokens=False
        )
        assert (seen.input_ids == [first]) is whole


def test_qwen_2_reads_composed_letters(build, packaged):
    tokenizer = build(packaged | {"pre": "qwen2"})
    assert ids(tokenizer, ["e\u0301"]) == ids(tokenizer, ["é"])


@pytest.mark.parametrize(
    ("pre", "message"),
    [("no-such", "'no-such' is not known here"), (None, "does not name its pre-tokenizer")],
)
def test_an_unknown_way_to_cut_texts_is_refused(build, packaged, pre, message):
    with pytest.raises(ModelError, match=message):
        build(packaged | {"pre": pre})


@pytest.mark.parametrize(
    ("flags", "bos", "first"),
    [
        ({}, None, None),  # as SmolLM2, whose file names a turn's marker and puts it nowhere
        ({"add_bos_token": False}, None, None),
        ({"add_bos_token": True}, "<|bos|>", 0),
        ({"pre": "llama-bpe"}, "<|bos|>", 0),
        ({"pre": "llama-bpe", "add_bos_token": False}, None, None),
    ],
)
def test_bos_is_what_stands_before_a_text_and_nothing_else(build, packaged, flags, bos, first):
    tokenizer = build(packaged | flags)
    assert tokenizer.bos_token == bos
    assert (tokenizer("Why").input_ids[0] == 0) is (first == 0)


def test_eos_is_put_after_a_text_where_the_file_says_so(build, packaged):
    assert build(packaged | {"add_eos_token": True})("Why").input_ids[-1] == 1
    assert build(packaged)("Why").input_ids[-1] != 1


def test_markers_in_a_text_are_one_token_each(build, packaged):
    tokens = [*packaged["tokens"], "<|im_start|>", "[lab]"]
    kinds = [*packaged["kinds"], CONTROL, USER_DEFINED]
    tokenizer = build(packaged | {"tokens": tokens, "kinds": kinds})
    count = len(packaged["tokens"])
    assert ids(tokenizer, ["<|im_start|>[lab]"]) == [[count, count + 1]]
    assert tokenizer.decode([count, count + 1], skip_special_tokens=True) == "[lab]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eos": 999_999}, "eos_token .999999. is no token"),
        ({"bos": 999_999}, "bos_token .999999. is no token"),
        ({"merges": ["a zzz"]}, "merge 0 joins what is no token"),
        ({"tokens": ["a", "a"], "kinds": [1, 1]}, "1 tokens stand twice"),
        ({"kinds": [1]}, "token_type is missing or no list of 8,192"),
        ({"model": "bert"}, "kind 'bert'"),
    ],
)
def test_a_vocabulary_that_does_not_hold_together_is_refused(build, packaged, change, message):
    with pytest.raises(ModelError, match=message):
        build(packaged | change)


def test_a_file_without_an_end_of_text_is_refused(build, packaged):
    with pytest.raises(ModelError, match="no token that ends a text"):
        build({key: value for key, value in packaged.items() if key != "eos"})


def tiny_sentencepiece(**flags):
    letters = [("▁", -20.0), *((c, -21.0) for c in "painhed")]
    words = [("pa", -1.0), ("in", -2.0), ("pain", -3.0), ("▁pain", -4.0), ("he", -5.0)]
    words.append(("ad", -6.0))
    tokens = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<end>", 0.0), ("  ", -1000.0)]
    kinds = [UNKNOWN, CONTROL, CONTROL, CONTROL, USER_DEFINED]
    tokens += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)]
    kinds += [BYTE] * 256 + [NORMAL] * len(letters + words)
    names, scores = zip(*tokens, *letters, *words, strict=True)
    return {"model": "llama", "pre": "default", "tokens": list(names), "kinds": kinds,
            "scores": list(scores), "bos": 1, "eos": 2, "unk": 0, **flags}  # fmt: skip


def test_sentencepiece_s_merges_follow_the_scores(build):
    tokenizer = build(tiny_sentencepiece())
    assert tokenizer.tokenize("pain headpain") == ["▁pain", "▁", "he", "ad", "pain"]
    assert tokenizer.tokenize("µ") == ["▁", "<0xC2>", "<0xB5>"]
    assert tokenizer.decode(tokenizer("pain µ").input_ids, skip_special_tokens=True) == "pain µ"
    assert tokenizer("pain").input_ids[0] == 1  # BOS, unless the file says otherwise


def test_gemma_puts_no_blank_before_a_text_and_has_tokens_of_blanks(build):
    tokenizer = build(tiny_sentencepiece(add_space_prefix=False))
    assert tokenizer.tokenize("pain  pain") == ["pain", "▁▁", "pain"]
    assert tokenizer.decode(tokenizer("  pain").input_ids, skip_special_tokens=True) == "  pain"


def test_phi_3_drops_the_line_break_after_a_marker(build):
    turn = "<end>\npain"
    tokenizer = build(tiny_sentencepiece())
    of_phi3 = ids(build(tiny_sentencepiece(), "phi3"), [turn])[0]
    assert of_phi3 == tokenizer.convert_tokens_to_ids(["<end>", "▁pain"])
    assert ids(tokenizer, [turn])[0] == tokenizer.convert_tokens_to_ids(
        ["<end>", "▁", "<0x0A>", "pain"]
    )


def test_gpt_2_s_ids_on_real_texts(build, real_tokenizers, real_texts):
    directory = real_tokenizers / "gpt2"
    vocabulary = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    tokens = sorted(vocabulary, key=vocabulary.get)
    merges = (directory / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    file = {"model": "gpt2", "pre": "gpt-2", "tokens": tokens, "bos": 50256, "eos": 50256,
            "kinds": [CONTROL if token == "<|endoftext|>" else NORMAL for token in tokens],
            "merges": [merge for merge in merges if merge]}  # fmt: skip
    expected = GPT2Tokenizer.from_pretrained(directory)
    assert ids(build(file), real_texts) == ids(expected, real_texts)


def test_mistral_s_ids_on_real_texts(build, real_tokenizers, real_texts):
    model = sentencepiece.SentencePieceProcessor(str(real_tokenizers / "mistral/tokenizer.model"))
    pieces = range(model.vocab_size())
    kind = {"is_unknown": UNKNOWN, "is_control": CONTROL, "is_byte": BYTE}
    file = {"model": "llama", "pre": "default", "bos": 1, "eos": 2, "unk": 0,
            "tokens": [model.id_to_piece(i) for i in pieces],
            "scores": [model.get_score(i) for i in pieces],
            "kinds": [next((k for name, k in kind.items() if getattr(model, name)(i)), NORMAL)
                      for i in pieces]}  # fmt: skip
    assert ids(build(file), real_texts) == [model.encode(text) for text in real_texts]
