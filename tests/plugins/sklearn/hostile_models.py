"""Model files that would run code, or cost too much, if they were loaded. They are created here and never loaded.

Each payload would create the folder `mark`. `corpus` gives every file by its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


class Payload:
    """An object that calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def text(value: str) -> bytes:
    """A short text in the form of protocol 4."""
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def dangerous(mark: Path) -> Iterator[tuple[str, bytes]]:
    """Pickles that run code. Each must be reported as dangerous."""
    where = str(mark)
    for protocol in range(6):
        yield f"os-mkdir-{protocol}", pickle.dumps(Payload(os.mkdir, where), protocol)
        yield f"exec-{protocol}", pickle.dumps(Payload(exec, f"import os; os.mkdir({where!r})"), protocol)
    raw = pickle.dumps(Payload(os.mkdir, where))
    yield "nested", pickle.dumps([raw, Payload(pickle.loads, raw)])
    yield "nested-alone", pickle.dumps({"model": raw})
    yield "nested-deep", pickle.dumps([pickle.dumps([raw])])
    yield "nested-old", pickle.dumps(pickle.dumps(Payload(os.mkdir, where), 0))
    for dtype in ("f8", "U7", "i1", "c16", "M8[s]", "b1", "i4,f8", "O"):
        stream = io.BytesIO()
        joblib.dump([np.zeros(1000, dtype), Payload(os.mkdir, where)], stream)
        yield f"after-array-{dtype.replace('[', '-').strip(']')}", stream.getvalue()
    stream = io.BytesIO()
    joblib.dump([np.array([Payload(os.mkdir, where)], dtype=object)], stream)
    yield "in-object-array", stream.getvalue()
    stream = io.BytesIO()
    joblib.dump(np.frombuffer(raw.ljust(800), "u1"), stream)
    yield "as-array-bytes", stream.getvalue()
    arguments = text(where) + b"\x85R."
    mkdir = text("mkdir") + b"\x93" + arguments
    yield "memo", b"\x80\x04" + text("mkdir") + b"\x94" + text("posix") + b"h\x00\x93" + arguments
    yield (
        "memo-put",
        b"\x80\x04" + text("posix") + b"q\x07" + text("mkdir") + b"r\x08\0\0\x000h\x07j\x08\0\0\0\x93" + arguments,
    )
    yield "popped-name", b"\x80\x04" + text("posix") + text("nothing") + b"0" + mkdir
    yield "duplicate", b"\x80\x04" + text("os") + b"2\x93."
    yield "marked-name", b"\x80\x04" + text("posix") + b"(N1" + mkdir
    yield (
        "framed",
        b"\x80\x04\x95"
        + struct.pack("<Q", 9)
        + text("posix")
        + b"\x95"
        + struct.pack("<Q", 1)
        + text("mkdir")
        + b"\x93"
        + arguments,
    )
    yield (
        "long-text",
        b"\x80\x04X" + struct.pack("<I", 5) + b"posix\x8d" + struct.pack("<Q", 5) + b"mkdir\x93" + arguments,
    )
    yield "inst", b"(V" + where.encode() + b"\niposix\nmkdir\n."
    yield "obj", b"(cposix\nmkdir\nV" + where.encode() + b"\no."
    yield "dotted", b"\x80\x04" + text("numpy") + text("os.mkdir") + b"\x93" + arguments
    yield "through-numpy", b"\x80\x04" + text("numpy.testing._private.utils") + text("runstring") + b"\x93."
    yield (
        "computed-name",
        b"\x80\x04" + b"c__builtin__\nstr\n" + text("posix") + b"\x85R" + mkdir,
    )
    yield "getattr", b"\x80\x04cbuiltins\ngetattr\ncos\n__dict__\n" + text("mkdir") + b"\x86R."
    yield (
        "reduce-chain",
        b"\x80\x04" + (b"cposix\nmkdir\n" + text(where) + b"\x85R0") * 500 + b"N.",
    )
    yield "python-2", b"\x80\x02c__builtin__\neval\nU\x011\x85R."
    yield "extension", b"\x80\x02\x82\x01."
    yield "second-pickle", pickle.dumps(1) + raw
    yield "newobj", b"\x80\x04" + text("subprocess") + text("Popen") + b"\x93" + text("true") + b"\x85\x81."
    yield "build", b"\x80\x04" + text("sys") + text("modules") + b"\x93}" + text("a") + b"NsbN."


def broken(mark: Path) -> Iterator[tuple[str, bytes]]:
    """Streams that cannot be followed to their end."""
    raw = pickle.dumps(Payload(os.mkdir, str(mark)))
    yield "truncated-before-call", raw[:-30]
    yield "unknown-opcode", b"\x80\x04\xff" + raw
    yield "empty-stack", b"\x80\x04R" + raw
    yield "no-mark", b"\x80\x04t" + raw
    yield "missing-memo", b"\x80\x04h\x09" + raw
    yield "no-number", b"\x80\x04Ione\n."
    yield "huge-text", b"\x80\x04\x8d" + struct.pack("<Q", 2**62)
    yield "huge-bytes", b"\x80\x04\x8e" + struct.pack("<Q", 2**63 - 1) + b"x" * 100
    yield "huge-frame", b"\x80\x04\x95" + struct.pack("<Q", 2**64 - 1)
    yield "endless-line", b"V" + b"x" * (3 << 20)
    yield "huge-number", b"L" + b"9" * 60_000 + b"L\n."
    yield "deep-tuples", b"\x80\x04N" + b"\x85" * 100_000
    yield "unhashable", b"\x80\x04]]]]b\x93"
    stream = io.BytesIO()
    joblib.dump(np.zeros(100), stream)
    yield "array-cut-off", stream.getvalue()[:-200]
    yield "array-too-large", stream.getvalue().replace(b"Kd\x85", b"\x8a\x08" + struct.pack("<q", 2**60) + b"\x85")
    wrapper = b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"
    yield "array-without-state", wrapper + b"Nb" + raw
    yield "array-without-dtype", wrapper + b"}b" + raw
    yield "array-of-nonsense", wrapper + b"}" + text("dtype") + text("f8") + b"sb" + raw
    inner = wrapper + b"}(" + text("dtype") + b"cnumpy\ndtype\n" + text("O8") + b"\x85R" + text("shape") + b")ub"
    yield "arrays-without-end", inner * 50
    yield "pointers-of-objects", _array_of("O8", b"NNN", flags=1)  # NumPy would take the bytes for addresses
    field = b"N(" + text("a") + b"t}" + text("a") + _dtype("O8", b"NNN", flags=63) + b"J\0\x10\0\0\x86s"
    yield "fields-of-a-number", _array_of("f8", field, flags=0)
    yield "several-gzip", gzip.compress(b"N0") + gzip.compress(pickle.dumps(Payload(os.mkdir, str(mark)), 0))
    yield "several-zlib", zlib.compress(b"N0") + zlib.compress(pickle.dumps(Payload(os.mkdir, str(mark)), 0))


def _dtype(kind: str, parts: bytes, flags: int) -> bytes:
    """The opcodes of a dtype with a state. `parts` are its base, its names and its fields."""
    made = b"cnumpy\ndtype\n" + text(kind) + b"\x89\x88\x87R(K\x03" + text("|")
    return made + parts + b"J\xff\xff\xff\xff" * 2 + b"K" + bytes([flags]) + b"tb"


def _array_of(kind: str, parts: bytes, flags: int) -> bytes:
    """A pickle of an array whose items are 32 bytes."""
    made = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\1btR(K\1K\4\x85"
    return made + _dtype(kind, parts, flags) + b"\x89C\x20" + b"A" * 32 + b"tb."


def bombs() -> Iterator[tuple[str, bytes]]:
    """Files with a high cost: small ones that unpack to 300 MiB, and one that has only opcodes."""
    zeros = b"\x80\x04\x8e" + struct.pack("<Q", 300 << 20) + bytes(300 << 20) + b"."
    yield "bomb-zlib", zlib.compress(zeros, 1)
    yield "bomb-gzip", gzip.compress(zeros, 1)
    yield "opcodes-without-end", b"\x80\x04" + b"N0" * 11_000_000


def corpus(mark: Path) -> dict[str, bytes]:
    """Every file that must be reported as dangerous, by its name, including compressed ones."""
    found = dict(dangerous(mark))
    for name, compress in COMPRESSORS.items():
        for inner in ("os-mkdir-4", "after-array-f8", "nested", "memo"):
            found[f"{inner}-{name}"] = compress(found[inner])
    return found
