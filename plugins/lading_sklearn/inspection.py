"""What a finished model file says of itself, read from its bytes: nothing in it is ever unpickled."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lading import BadInput, FileContents, Import, TrainedModel, Transient

from .bytestream import Broken, Stream
from .judging import judge, named
from .machine import Findings, Global
from .walking import walk

_PIECE = 1 << 20
_MOST_DECOMPRESSED = 256 << 20  # bytes; what a bomb may cost
_MOST_SEARCHED = 32 << 20  # bytes; as slow as 3 MB/s where a file is made to be
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

    Raw and zlib, gzip, bz2, lzma or xz compressed files, as joblib writes them, are read in bounded time and memory.
    Raises BadInput for an empty or damaged file and Transient where it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return _describe(file, stream)
    except IsADirectoryError:
        raise BadInput(f"{file} is a folder", hint="name the model file in it") from None
    except OSError as error:
        raise Transient(f"cannot read {file}: {error.strerror or error}") from error


def _describe(file: Path, stream: BinaryIO) -> TrainedModel:
    format_, pieces = _opened(file, stream)
    findings, watch = Findings(), _Watch(pieces)
    complete = _follow(Stream(watch), findings)
    for _piece in watch:  # the version may come after what could not be followed
        pass
    if not watch.start:
        raise BadInput(f"{file} is empty")
    contents = FileContents(
        format=format_,
        protocol=0 if complete and findings.protocol is None else findings.protocol,
        size=os.fstat(stream.fileno()).st_size,
        classes=tuple(_printable(f"{found.module}.{found.name}") for found in findings.classes),
        imports=tuple(_judged(found) for found in {**findings.imports, **watch.named}),
        complete=complete,
    )
    pickled = watch.start == b"\x80" or watch.version
    return TrainedModel(file, "scikit-learn" if pickled else "", watch.version, contents=contents)


def _follow(stream: Stream, findings: Findings) -> bool:
    """Follow every pickle of a file; False where one cannot be followed to its end."""
    try:
        walk(stream, findings)
        while stream.starts_pickle():
            walk(stream, findings)
    except Broken:
        return False
    return True


def _judged(found: Global) -> Import:
    return Import(_printable(found.module), _printable(found.name), judge(found))


def _printable(name: str) -> str:
    """A name as a terminal may show it: whoever wrote the file chose it."""
    return name if name.isprintable() else ascii(name)


class _Watch:
    """The pieces of a file, looked at as they pass: for the version, and for dangerous names outside of any pickle."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.start = b""
        self.version = ""
        self.named: dict[Global, None] = {}
        self._pieces = pieces
        self._last = b""
        self._searched = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        window, self._last = self._last + piece, piece[-_OVERLAP:]
        self.start = self.start or piece[:1]
        self.version = self.version or _version(window)
        if self._searched < _MOST_SEARCHED:
            self._searched += len(piece)
            self.named.update(dict.fromkeys(named(window)))
        return piece


def _version(window: bytes) -> str:
    if _KEY not in window:  # much faster than the expression
        return ""
    for entry in _ENTRY.finditer(window):
        length = ord(entry["short"] or entry["long"] or b"\0")
        value = entry["line"] or window[entry.end() : entry.end() + length]
        if len(value) >= length and _VERSION.fullmatch(value):
            return value.decode()
    return ""


def _opened(file: Path, stream: BinaryIO) -> tuple[str, Iterator[bytes]]:
    """The name of a file's format, and its bytes, decompressed."""
    start = stream.read(8)
    stream.seek(0)
    raw = iter(lambda: stream.read(_PIECE), b"")
    for prefix, (name, open_stream) in _DECOMPRESSORS.items():
        if start.startswith(prefix):
            return name, _decompressed(file, raw, open_stream())
    return "raw", raw


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


_DECOMPRESSORS: dict[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x78": ("zlib", _zlib),
    b"\x1f\x8b": ("gzip", _zlib),
    b"BZh": ("bz2", _bz2),
    b"\xfd7zXZ\0": ("xz", _lzma),
    b"\x5d\0": ("lzma", _lzma),
}
