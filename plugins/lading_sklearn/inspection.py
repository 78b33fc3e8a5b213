"""What a finished model file says of itself, read from its bytes: nothing in it is ever unpickled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lading import BadInput, TrainedModel, Transient

_PIECE = 1 << 20
_MOST_DECOMPRESSED = 256 << 20  # bytes; what a bomb may cost
_OVERLAP = 256  # longer than the longest entry and its value

# scikit-learn keeps its version in the state of every estimator, under this key. In a pickle, a string is its length
# and its bytes, or a line (protocol 0); between key and value may lie a memo operation and the head of a frame.
_KEY = b"_sklearn_version"
_NAMED = rb"(?:\x8c\x10|X\x10\0\0\0|V)" + _KEY
_MEMO = rb"(?:\x94|q.|r.{4}|\np\d{1,10}\n)?(?:\x95.{8})?"
_VALUE = rb"(?:\x8c(?P<short>.)|X(?P<long>.)\0\0\0|V(?P<line>[^\n]{0,64})\n)"
_ENTRY = re.compile(_NAMED + _MEMO + _VALUE, re.DOTALL)
_VERSION = re.compile(rb"\d[\w.+]{0,62}")


def inspect(file: Path) -> TrainedModel:
    """Describe a model file: `framework` is empty where it is no pickle, and the version where it says none.

    Raw and zlib, gzip, bz2, lzma or xz compressed files, as joblib writes them, are read in bounded memory.
    Raises BadInput for an empty or damaged file and Transient where it cannot be read.
    """
    try:
        return _describe(file, _pieces(file))
    except IsADirectoryError:
        raise BadInput(f"{file} is a folder", hint="name the model file in it") from None
    except OSError as error:
        raise Transient(f"cannot read {file}: {error.strerror or error}") from error


def _describe(file: Path, pieces: Iterator[bytes]) -> TrainedModel:
    window = next(pieces, b"")
    if not window:
        raise BadInput(f"{file} is empty")
    pickled, version = window.startswith(b"\x80"), _version(window)
    while not version and (piece := next(pieces, b"")):
        window = window[-_OVERLAP:] + piece
        version = _version(window)
    return TrainedModel(file=file, framework="scikit-learn" if pickled or version else "", framework_version=version)


def _version(window: bytes) -> str:
    if _KEY not in window:  # much faster than the expression
        return ""
    for entry in _ENTRY.finditer(window):
        length = ord(entry["short"] or entry["long"] or b"\0")
        value = entry["line"] or window[entry.end() : entry.end() + length]
        if len(value) >= length and _VERSION.fullmatch(value):
            return value.decode()
    return ""


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        start = stream.read(8)
        stream.seek(0)
        raw = iter(lambda: stream.read(_PIECE), b"")
        for prefix, open_stream in _DECOMPRESSORS.items():
            if start.startswith(prefix):
                yield from _decompressed(file, raw, open_stream())
                return
        yield from raw


def _decompressed(file: Path, raw: Iterator[bytes], stream: Any) -> Iterator[bytes]:
    total = 0
    for block in raw:
        for piece in _drain(file, stream, block):
            total += len(piece)
            if total > _MOST_DECOMPRESSED:
                return
            yield piece


def _drain(file: Path, stream: Any, block: bytes) -> Iterator[bytes]:
    """All that a block of compressed bytes gives, never more than a piece at a time."""
    full = True
    while full and not stream.eof:
        try:
            piece = stream.decompress(block, _PIECE)
        except Exception as error:  # each format has its own
            raise BadInput(f"{file} is damaged: {error}") from error
        full = len(piece) == _PIECE
        block = getattr(stream, "unconsumed_tail", b"")  # zlib alone hands back what it has not read
        if piece:
            yield piece


def _zlib() -> Any:
    import zlib

    return zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip, by its head


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _lzma() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=128 << 20)


_DECOMPRESSORS: dict[bytes, Callable[[], Any]] = {
    b"\x78": _zlib,
    b"\x1f\x8b": _zlib,
    b"BZh": _bz2,
    b"\xfd7zXZ\0": _lzma,
    b"\x5d\0": _lzma,
}
