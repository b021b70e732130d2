"""GGUF files are read to the byte; what is cut, damaged or of another kind is refused."""

import struct

import gguf
import numpy as np
import pytest

from medtune.errors import ModelError
from medtune.models.gguf.gguf_file import read_gguf


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def write_bytes(path, *parts, count=0, keys=0, version=3, magic=b"GGUF"):
    path.write_bytes(magic + struct.pack("<IQQ", version, count, keys) + b"".join(parts))
    return path


@pytest.fixture
def whole(tmp_path):
    """A file with a value of every kind and two tensors."""
    path = tmp_path / "whole.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("u8", 250)
    writer.add_int64("i64", -(2**40))
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)
    writer.add_string("text", "naïve µg")
    writer.add_array("words", ["a", "", "≥"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("floats", [0.5, -1.5])
    writer.add_tensor("a", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("b", np.arange(4, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_every_kind_of_value_is_read(whole):
    file = read_gguf(whole)
    assert file.integer("u8") == 250
    assert file.integer("i64") == -(2**40)
    assert file.number("f64") == 0.1
    assert file.flag("yes", False) is True
    assert file.text("text") == "naïve µg"
    assert file.texts("words") == ["a", "", "≥"]
    assert file.numbers("numbers", 3).tolist() == [1, 2, 3]
    assert file.numbers("floats", 2).tolist() == [0.5, -1.5]
    assert np.array_equal(file.tensors["a"].read(), [[0, 1, 2], [3, 4, 5]])
    assert np.array_equal(file.tensors["b"].read(), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda file: file.text("u8"), "u8 is not a text"),
        (lambda file: file.integer("text"), "text is not a whole number"),
        (lambda file: file.integer("yes"), "yes is not a whole number"),
        (lambda file: file.integer("numbers"), "numbers is not a whole number"),
        (lambda file: file.number("absent"), "absent is missing"),
        (lambda file: file.flag("u8", False), "u8 is neither true nor false"),
        (lambda file: file.texts("numbers"), "numbers is missing or no list of texts"),
        (lambda file: file.numbers("numbers", 4), "no list of 4 numbers"),
    ],
)
def test_a_value_of_another_kind_is_refused(whole, read, message):
    with pytest.raises(ModelError, match=message):
        read(read_gguf(whole))


def test_a_file_cut_anywhere_is_refused(whole):
    data = whole.read_bytes()
    needed = len(data) - (32 - 8)  # the last tensor has 8 bytes and is filled up to 32
    for size in {*range(1, needed, 7), needed - 1}:
        whole.write_bytes(data[:size])
        with pytest.raises(ModelError, match=r"cut|no GGUF"):
            read_gguf(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": b"GGML"}, "no GGUF file"),
        ({"version": 1}, "version 1"),
        ({"version": 3 << 24}, "bytes are swapped"),
        ({"count": 2**60}, "cut"),
        ({"keys": 2**60}, "cut"),
    ],
)
def test_what_is_no_gguf_of_now_is_refused(tmp_path, change, message):
    with pytest.raises(ModelError, match=message):
        read_gguf(write_bytes(tmp_path / "x.gguf", **change))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "x.gguf").touch()
    with pytest.raises(ModelError, match="empty"):
        read_gguf(tmp_path / "x.gguf")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([text("a"), struct.pack("<IB", 0, 1), text("a"), struct.pack("<IB", 0, 1)], "a stands tw"),
        ([text("a"), struct.pack("<I", 13), text("b"), b""], "unknown kind .13."),
        ([struct.pack("<Q", 2), b"\xff\xfe"], "not in UTF-8"),
        ([struct.pack("<Q", 2**63), b"a"], "cut"),
        ([text("a"), struct.pack("<IIQ", 9, 4, 2**61)], "cut"),
    ],
)
def test_damaged_metadata_are_refused(tmp_path, parts, message):
    with pytest.raises(ModelError, match=message):
        read_gguf(write_bytes(tmp_path / "x.gguf", *parts, keys=2))


def entry(name="w", shape=(32,), kind=0, offset=0):
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + axes + struct.pack("<IQ", kind, offset)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(kind=99)], "unknown number format .99."),
        ([entry(kind=30 + 4)], "TQ1_0, which is not read here"),
        ([entry(kind=2, shape=(31,))], r"impossible shape \[31\]"),
        ([entry(shape=(0,))], r"impossible shape \[0\]"),
        ([entry(shape=())], "impossible shape"),
        ([entry(shape=(1,) * 5)], "5 axes"),
        ([entry(), entry()], "w stands twice"),
        ([entry(offset=2**40)], "cut"),
        ([entry(shape=(2**40, 2**20))], "cut"),
    ],
)
def test_a_damaged_table_of_tensors_is_refused(tmp_path, entries, message):
    path = write_bytes(tmp_path / "x.gguf", *entries, bytes(4096), count=len(entries))
    with pytest.raises(ModelError, match=message):
        read_gguf(path)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (text("split.count") + struct.pack("<IH", 2, 3), "one of 3 parts"),
        (text("general.type") + struct.pack("<I", 8) + text("adapter"), "no model .adapter."),
        (text("general.alignment") + struct.pack("<II", 4, 0), "alignment is not positive"),
    ],
)
def test_a_part_of_a_model_is_refused(tmp_path, key, message):
    with pytest.raises(ModelError, match=message):
        read_gguf(write_bytes(tmp_path / "x.gguf", key, keys=1))


def half(value):
    return np.float16(value).tobytes()


# One block of each format, by the layouts in ggml-common.h, with its values worked out by hand.
BLOCKS = {
    # d = 2; every nibble 10 → 2 × (10 − 8)
    "Q4_0": (half(2) + b"\xaa" * 16, [4.0] * 32),
    # d = 2, m = −1; low nibbles 1, high ones 3
    "Q4_1": (half(2) + half(-1) + b"\x31" * 16, [1.0] * 16 + [5.0] * 16),
    # d = 2; nibbles 1, all fifth bits set → 2 × (17 − 16)
    "Q5_0": (half(2) + b"\xff" * 4 + b"\x11" * 16, [2.0] * 32),
    "Q5_1": (half(2) + half(1) + b"\x00" * 4 + b"\x11" * 16, [3.0] * 32),
    "Q8_0": (half(0.5) + np.arange(-16, 16, dtype=np.int8).tobytes(), np.arange(-16, 16) / 2),
    # scale 3 and minimum 2 in every nibble pair; all quants 1 → 2 × 3 × 1 − 1 × 2
    "Q2_K": (b"\x23" * 16 + b"\x55" * 64 + half(2) + half(1), [4.0] * 256),
    # all third bits set, low bits 1, six-bit scales 33 → 2 × (33 − 32) × 1
    "Q3_K": (b"\xff" * 32 + b"\x55" * 64 + b"\x11" * 8 + b"\xaa" * 4 + half(2), [2.0] * 256),
    # scales 3, minima 2, nibbles 5 → 2 × 3 × 5 − 1 × 2
    "Q4_K": (half(2) + half(1) + b"\x03" * 4 + b"\x02" * 4 + b"\x23" * 4 + b"\x55" * 128,
             [28.0] * 256),
    # the same with the fifth bit → 2 × 3 × 21 − 1 × 2
    "Q5_K": (half(2) + half(1) + b"\x03" * 4 + b"\x02" * 4 + b"\x23" * 4 + b"\xff" * 32
             + b"\x55" * 128, [124.0] * 256),
    # low bits 1, high bits 2 → 33 − 32; scale 3
    "Q6_K": (b"\x11" * 128 + b"\xaa" * 64 + b"\x03" * 16 + half(2), [6.0] * 256),
    # the table's value 8 is 1
    "IQ4_NL": (half(2) + b"\x88" * 16, [2.0] * 32),
    # six-bit scales 33 → 33 − 32
    "IQ4_XS": (half(2) + b"\xaa\xaa" + b"\x11" * 4 + b"\x88" * 128, [2.0] * 256),
    "BF16": (np.array([0x3F80, 0xC000], dtype="<u2").tobytes(), [1.0, -2.0]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_of_each_format_holds_what_its_layout_says(tmp_path, kind):
    block, expected = BLOCKS[kind]
    number = gguf.GGMLQuantizationType[kind].value
    table = entry(shape=(len(expected),), kind=number)
    start = 24 + len(table)
    path = write_bytes(tmp_path / "x.gguf", table, bytes(-start % 32), block, count=1)
    assert np.array_equal(read_gguf(path).tensors["w"].read(), np.asarray(expected, np.float32))


def test_large_tensors_are_read_in_pieces(whole, monkeypatch):
    monkeypatch.setattr("medtune.models.gguf.gguf_file.VALUES_AT_ONCE", 3)
    tensor = read_gguf(whole).tensors["a"]
    assert len(list(tensor.chunks())) == 2
    assert np.array_equal(tensor.read(), [[0, 1, 2], [3, 4, 5]])
