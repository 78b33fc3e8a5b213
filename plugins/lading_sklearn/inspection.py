"""Describe a finished model file from its bytes. Nothing in it is ever unpickled."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from lading import BadInput, FileContents, Import, TrainedModel, Transient

from .archives import follow_archive
from .bytestream import Broken, Rejected, Stream
from .holding import held, schema_of
from .judging import judge, named
from .machine import GETATTR, PARTIAL, Findings
from .npy import MAGIC, walk_array
from .skops_file import describe, is_skops
from .values import Global
from .walking import walk

_PIECE = 1 << 20
_MOST_DECOMPRESSED = 256 << 20  # bytes; the limit for a decompression bomb, if its ratio is high
_RATIO = 50  # of the bytes that a file gives to its own; a forest has 10
_MOST_SEARCHED = 32 << 20  # bytes; a hostile file can slow the search to 3 MB/s
_OVERLAP = 256  # longer than the longest entry and its value

# scikit-learn stores its version in the state of every estimator, under this key. In a pickle, a string is its length
# and its bytes, or a line (protocol 0). Between key and value there can be a memo operation and the head of a frame.
_KEY = b"_sklearn_version"
_NAMED = rb"(?:\x8c\x10|X\x10\0\0\0|V)" + _KEY
_MEMO = rb"(?:\x94|q.|r.{4}|\np\d{1,10}\n)?(?:\x95.{8})?"
_VALUE = rb"(?:\x8c(?P<short>.)|X(?P<long>.)\0\0\0|V(?P<line>[^\n]{0,64})\n)"
_ENTRY = re.compile(_NAMED + _MEMO + _VALUE, re.DOTALL)
_FORMATS = {
    ".onnx": "ONNX",
    ".cbm": "CatBoost",
    ".ubj": "XGBoost",
    ".json": "JSON",
    ".txt": "text",
    ".gguf": "GGUF",
    ".keras": "Keras",
    ".h5": "HDF5",
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".safetensors": "safetensors",
    ".pb": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".pmml": "PMML",
}
_FRAMEWORKS = ("ONNX", "CatBoost", "XGBoost", "Keras", "PyTorch", "TensorFlow", "TensorFlow Lite")
_PREFIXES = {b"PK": "zip", b"\x89H": "HDF5", b"CB": "CatBoost", b"{": "JSON", b"\x08": "ONNX"}
_VERSION = re.compile(rb"\d[\w.+]{0,62}")
_OLD_GETATTR = Global("__builtin__", "getattr")  # the name in the bytes of protocol 2
_PROTOCOL = b"\x80"  # what a pickle from protocol 2 on begins with
_PICKLE = re.compile(rb"\x80[\x02-\x05]")  # what a pickle begins with from protocol 2 on


# What joblib or pandas reads too, but Lading does not: lz4, zstd, and what joblib wrote before its version 0.10.
_UNREAD = {b'\x04"M\x18': "lz4", b"\x28\xb5\x2f\xfd": "zstd", b"ZF": "joblib before 0.10"}


def inspect(file: Path) -> TrainedModel:
    """Describe a model file. `framework` is empty if it is not known, and the version if the file contains none.

    Raw files and files that joblib compressed with zlib, gzip, bz2, lzma or xz are read in bounded time and memory.
    Raises BadInput for an empty or damaged file, and Transient if it cannot be read.
    """
    try:
        if is_skops(file):
            return describe(file)
        with file.open("rb") as stream:
            return _describe(file, stream)
    except OSError as error:
        raise Transient(f"cannot read {file}: {error.strerror or error}") from error


def _describe(file: Path, stream: BinaryIO) -> TrainedModel:
    format_, pieces = _opened(file, stream)
    if format_ in _UNREAD.values():
        return _unread(file, format_, stream)
    findings, watch = Findings(), _Watch(pieces)
    end = _follow(Stream(watch), findings, walk_array if format_ == "npy" else walk)
    with suppress(Broken):  # the limit of decompressed bytes, for the second time
        for _piece in watch:  # the version may come after the part that could not be followed
            pass
    if not watch.start:
        raise BadInput(f"{file} is empty")
    is_archive = watch.start == b"PK" and zipfile.is_zipfile(file)  # every unpickler rejects it at its first byte
    if is_archive:
        findings = Findings()  # the first byte of an archive is an opcode too, and chance decides what follows
    is_read = not is_archive or follow_archive(file, findings)
    plain = _read_without_joblib(file, stream) if findings.arrays else Findings()
    findings.settle()
    imports, called = {**findings.imports, **watch.named, **plain.imports}, findings.called | plain.called
    for function in findings.imports.keys() & {GETATTR, PARTIAL} - called:
        del imports[function]
        if function == GETATTR and _OLD_GETATTR not in findings.imports:
            imports.pop(_OLD_GETATTR, None)
    is_pickle = not is_archive and (end is not Rejected or bool(imports) or watch.start[:1] == _PROTOCOL)
    complete = (end is None or not is_pickle) and is_read
    contents = FileContents(
        format=format_ if is_pickle else _kind(file, watch.start),
        protocol=0 if complete and is_pickle and findings.protocol is None else findings.protocol,
        size=os.fstat(stream.fileno()).st_size,
        classes=tuple(_printable(f"{found.module}.{found.name}") for found in findings.classes),
        imports=tuple(_judged(found, called=found in called) for found in imports),
        complete=complete,
        is_pickle=is_pickle,
        holds=_printable(held(findings.held)) if is_pickle else "",
    )
    pickled = _PICKLE.fullmatch(watch.start) or watch.version
    framework = "scikit-learn" if pickled else contents.format if contents.format in _FRAMEWORKS else ""
    return TrainedModel(
        file=file,
        framework=framework,
        framework_version=watch.version,
        contents=contents,
        schema=schema_of(findings.held),
    )


def _unread(file: Path, format_: str, stream: BinaryIO) -> TrainedModel:
    """The description of a file that joblib would read, but Lading does not."""
    size = os.fstat(stream.fileno()).st_size
    contents = FileContents(format=format_, protocol=None, size=size, classes=(), imports=(), complete=False)
    return TrainedModel(file=file, framework="", framework_version="", contents=contents)


def _read_without_joblib(file: Path, stream: BinaryIO) -> Findings:
    """The findings if `pickle.load` reads the file. It takes the bytes of an array for opcodes."""
    stream.seek(0)
    findings = Findings()
    with suppress(Broken):
        walk(Stream(_opened(file, stream)[1]), findings, arrays=False)
    findings.settle()
    return findings


def _kind(file: Path, start: bytes) -> str:
    """The format of a file that is not a pickle; `other` if it is not recognised."""
    named = _FORMATS.get(file.suffix.lower())
    return named or next((name for prefix, name in _PREFIXES.items() if start.startswith(prefix)), "other")


def _follow(stream: Stream, findings: Findings, first: Callable[[Stream, Findings], Any]) -> type[Broken] | None:
    """Follow every pickle of a file. Returns how the last one broke off, or None if it did not."""
    try:
        findings.held = first(stream, findings)
        while stream.starts_pickle():
            walk(stream, findings)
    except Broken as broken:
        return type(broken)
    return None


def _judged(found: Global, *, called: bool) -> Import:
    return Import(module=_printable(found.module), name=_printable(found.name), kind=judge(found, called=called))


def _printable(name: str) -> str:
    """A name that is safe on a terminal, because the file's author chose it."""
    return name if name.isprintable() else ascii(name)


class _Watch:
    """Searches the pieces of a file as they pass, for the version and for dangerous names outside of any pickle."""

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
        if len(self.start) < 2:
            self.start += piece[: 2 - len(self.start)]
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
    """The name of a file's format, and its decompressed bytes."""
    start = stream.read(8)
    stream.seek(0)
    raw = iter(lambda: stream.read(_PIECE), b"")
    for prefix, (name, open_stream) in _DECOMPRESSORS.items():
        if start.startswith(prefix) and (name != "zlib" or _is_zlib(start)):
            return name, _decompressed(file, raw, open_stream())
    known = {**_UNREAD, MAGIC: "npy"}
    return next((name for prefix, name in known.items() if start.startswith(prefix)), "raw"), raw


def _is_zlib(start: bytes) -> bool:
    """Whether the first two bytes are a header of zlib (RFC 1950). A text can begin with `x` too."""
    return int.from_bytes(start[:2], "big") % 31 == 0


def _decompressed(file: Path, raw: Iterator[bytes], stream: Any) -> Iterator[bytes]:
    total, most = 0, max(_MOST_DECOMPRESSED, _RATIO * file.stat().st_size)
    try:
        for block in raw:
            if stream.eof:
                raise Broken
            for piece in _drain(file, stream, block):
                total += len(piece)
                if total > most:
                    raise Broken
                yield piece
            if stream.unused_data:  # joblib can read another compressed stream there
                raise Broken
    except BadInput:
        if total == 0:
            raise
        raise Broken from None  # an unpickler acts on the bytes before the damage


def _drain(file: Path, stream: Any, block: bytes) -> Iterator[bytes]:
    """The decompressed output of a block, at most one piece at a time."""
    full = True
    while full and not stream.eof:
        try:
            piece = stream.decompress(block, _PIECE)
        except Exception as error:  # each format has its own exception
            raise BadInput(f"{file} is damaged: {error}") from error
        full = len(piece) == _PIECE
        block = getattr(stream, "unconsumed_tail", b"")  # only zlib returns the bytes that it has not read
        if piece:
            yield piece


def _zlib() -> Any:
    import zlib

    return zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip, detected by the header


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
