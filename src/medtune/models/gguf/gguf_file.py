"""A GGUF file's metadata and tensors, read once and checked: a cut or damaged file is refused.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from medtune.errors import ModelError

Scalar = bool | int | float | str
Value = Scalar | np.ndarray | list["Value"]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = 32
STRING, ARRAY = 8, 9
# The format's numbers of its kinds of values → as the struct module and numpy read them.
NUMBERS = dict(
    zip((*range(8), 10, 11, 12), "<B <b <H <h <I <i <f <? <Q <q <d".split(), strict=True)
)
# Number formats of tensors that are read, by the names that llama.cpp gives them.
TENSOR_TYPES = (
    "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS".split()
)
VALUES_AT_ONCE = 4_000_000  # dequantized together, so that a large tensor needs little memory
CUT = "Fetch it again: it may be cut or damaged."


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of the file, not read yet. ``shape`` is in the order of PyTorch, rows first."""

    name: str
    shape: tuple[int, ...]
    kind: str
    data: np.ndarray

    def chunks(self) -> Iterator[np.ndarray]:
        """Its values in float32, some rows [rows, last axis] at a time, dequantized."""
        import gguf

        width = self.shape[-1]
        rows = self.data.reshape(math.prod(self.shape[:-1]), -1)
        step = max(1, VALUES_AT_ONCE // width)
        quantization = gguf.GGMLQuantizationType[self.kind]
        for start in range(0, len(rows), step):
            yield gguf.dequantize(rows[start : start + step], quantization).astype(np.float32)

    def read(self) -> np.ndarray:
        """All of its values in float32 [*shape]."""
        return np.concatenate(list(self.chunks())).reshape(self.shape)


@dataclass(frozen=True)
class GgufFile:
    """What a GGUF file holds: its metadata by key, and its tensors by name."""

    path: Path
    metadata: dict[str, Value]
    tensors: dict[str, GgufTensor]

    def text(self, key: str, default: str | None = None) -> str:
        """A text of the metadata. Raises ``ModelError`` where it is missing or no text."""
        return str(self._value(key, (str,), "a text", default))

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number of the metadata. Raises ``ModelError`` where it is missing or none."""
        return int(self._value(key, (int,), "a whole number", default))

    def number(self, key: str, default: float | None = None) -> float:
        """A number of the metadata. Raises ``ModelError`` where it is missing or none."""
        return float(self._value(key, (int, float), "a number", default))

    def flag(self, key: str, default: bool) -> bool:
        """A truth value of the metadata. Raises ``ModelError`` where it is another value."""
        value = self.metadata.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{key} is neither true nor false")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts of the metadata. Raises ``ModelError`` where it is missing or none."""
        value = self.metadata.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key} is missing or no list of texts")
        return [str(item) for item in value]

    def numbers(self, key: str, length: int) -> np.ndarray:
        """A list of ``length`` numbers. Raises ``ModelError`` where it is missing or another."""
        value = self.metadata.get(key)
        if not isinstance(value, np.ndarray) or len(value) != length:
            raise self.error(f"{key} is missing or no list of {length:,} numbers")
        return value

    def _value(
        self, key: str, kinds: tuple[type, ...], noun: str, default: Scalar | None
    ) -> Scalar:
        value = self.metadata.get(key, default)
        if value is None:
            raise self.error(f"{key} is missing")
        if isinstance(value, (bool, np.ndarray, list)) or not isinstance(value, kinds):
            raise self.error(f"{key} is not {noun}")
        return value

    def error(self, what: str, fix: str | None = None) -> ModelError:
        """A refusal that names the file."""
        return ModelError(what, where=self.path.name, fix=fix or "Use another file of this model.")


def read_gguf(path: Path) -> GgufFile:
    """The file's metadata, and its tensors by name, each mapped from disk and not read yet.

    Raises ``ModelError`` where it is no GGUF file, is cut, or holds what is not read here.
    """
    if path.stat().st_size == 0:
        raise ModelError("this file is empty", where=path.name, fix=CUT)
    with open(path, "rb") as handle:
        cursor = _Cursor(path.name, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
    if cursor.take(4) != MAGIC:
        raise ModelError("this is no GGUF file", where=path.name, fix="Name a .gguf file.")
    version = cursor.number("<I")
    if version not in VERSIONS:
        raise ModelError(
            f"version {version} of the GGUF format is not read here (or the bytes are swapped)",
            where=path.name,
            fix=f"Versions {VERSIONS[0]} and {VERSIONS[1]} are read, little-endian.",
        )
    tensor_count, value_count = cursor.number("<Q"), cursor.number("<Q")
    metadata: dict[str, Value] = {}
    for _ in range(value_count):
        key = cursor.string()
        if key in metadata:
            raise ModelError(f"{key} stands twice in the metadata", where=path.name, fix=CUT)
        metadata[key] = cursor.value(cursor.number("<I"))
    file = GgufFile(path, metadata, {})
    declared = [cursor.tensor() for _ in range(tensor_count)]
    _refuse_parts(file)
    alignment = file.integer("general.alignment", ALIGNMENT)
    if alignment < 1:
        raise file.error("general.alignment is not positive", CUT)
    start = math.ceil(cursor.position / alignment) * alignment
    for name, shape, number, offset in declared:
        if name in file.tensors:
            raise file.error(f"the tensor {name} stands twice", CUT)
        file.tensors[name] = _tensor(file, name, shape, number, partial(cursor.at, start + offset))
    return file


def _refuse_parts(file: GgufFile) -> None:
    if file.integer("split.count", 1) > 1:
        raise file.error(
            f"this is one of {file.integer('split.count')} parts",
            "Join them (llama-gguf-split --merge), or use a file in one piece.",
        )
    kind = file.text("general.type", "model")
    if kind != "model":
        raise file.error(f"this file holds no model ({kind})", "Name the model's own file.")


def _tensor(
    file: GgufFile, name: str, shape: tuple[int, ...], number: int, at: Callable[[int], np.ndarray]
) -> GgufTensor:
    import gguf

    try:
        kind = gguf.GGMLQuantizationType(number)
    except ValueError:
        raise file.error(f"the tensor {name} has an unknown number format ({number})") from None
    if kind.name not in TENSOR_TYPES:
        raise file.error(
            f"the tensor {name} is in {kind.name}, which is not read here",
            f"Use a file in one of: {', '.join(TENSOR_TYPES)}.",
        )
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if not shape or min(shape) < 1 or shape[-1] % block:
        raise file.error(f"the tensor {name} has an impossible shape {list(shape)}", CUT)
    return GgufTensor(name, shape, kind.name, at(math.prod(shape) // block * size))


class _Cursor:
    """Reads on from a position, never beyond the end of the file."""

    def __init__(self, name: str, data: mmap.mmap) -> None:
        self.name, self.data, self.position = name, data, 0

    def at(self, position: int, size: int) -> np.ndarray:
        """``size`` bytes at a position, still on disk [size]."""
        self._require(position + size)
        return np.frombuffer(self.data, np.uint8, size, position)

    def _require(self, end: int) -> None:
        if end > len(self.data):
            raise ModelError(
                f"this file is cut: it has {len(self.data):,} bytes, and its own table needs "
                f"at least {end:,}",
                where=self.name,
                fix=CUT,
            )

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, and go on behind them."""
        self._require(self.position + size)
        data = self.data[self.position : self.position + size]
        self.position += size
        return data

    def number(self, form: str) -> int:
        """One whole number in a format of the struct module."""
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def string(self) -> str:
        """A text in UTF-8 after its length."""
        data = self.take(self.number("<Q"))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ModelError(
                "a text of the metadata is not in UTF-8", where=self.name, fix=CUT
            ) from None

    def value(self, kind: int) -> Value:
        """One value of a kind by the format's number."""
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, length = self.number("<I"), self.number("<Q")
            if inner in NUMBERS:
                dtype = np.dtype(NUMBERS[inner])
                return np.frombuffer(self.take(length * dtype.itemsize), dtype)
            return [self.value(inner) for _ in range(length)]
        if kind not in NUMBERS:
            raise ModelError(
                f"the metadata hold a value of an unknown kind ({kind})", where=self.name, fix=CUT
            )
        form = NUMBERS[kind]
        value: Scalar = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """An entry of the table of tensors: name, shape (rows first), number format, offset."""
        name, axes = self.string(), self.number("<I")
        if axes > 4:
            raise ModelError(f"the tensor {name} has {axes} axes", where=self.name, fix=CUT)
        shape = tuple(self.number("<Q") for _ in range(axes))[::-1]
        return name, shape, self.number("<I"), self.number("<Q")
