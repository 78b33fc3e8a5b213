"""Families of hostile model files that name no function of the operating system at first sight.

Each file creates the folder or file `mark` when it is loaded without a guard. The addresses make a request instead, and
the server creates `mark`.
"""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np

from . import hostile_attributes, hostile_states
from .hostile_models import COMPRESSORS, Payload, text
from .hostile_opcodes import call, name, number, whole

Family = Callable[[Path, str], dict[str, bytes]]


def reexports(mark: Path, _url: str) -> dict[str, bytes]:
    where = text(str(mark))
    module = call("sklearn.utils.discovery", "import_module", text("os"))
    getter = call("sklearn.feature_selection._base", "attrgetter", text("mkdir"))
    return {
        "import-and-getter": whole(getter, b"(", module, b"tR(", where, b"tR"),
        "of-joblib": whole(call("joblib._store_backends", "mkdirp", where)),
        "of-joblib-disk": whole(call("joblib.disk", "mkdirp", where)),
        "through-a-module": whole(call("joblib.memory", "os.mkdir", where)),
        "through-numpy": whole(call("numpy.lib._npyio_impl", "os.mkdir", where)),
        "of-scikit-learn": whole(call("sklearn.datasets._base", "makedirs", where)),
    }


def readers_and_writers(mark: Path, _url: str) -> dict[str, bytes]:
    where, inner = text(str(mark)), mark.with_name(f"{mark.name}.inner")
    inner.write_bytes(pickle.dumps(Payload(_mkdir(), str(mark))))
    path = text(str(inner))
    return {
        "text": whole(call("numpy", "savetxt", where, b"]", number(1), b"a")),
        "open": whole(call("numpy.lib._datasource", "_open", where, text("w"))),
        "mapped": whole(call("numpy", "memmap", where, text("u1"), text("w+"), number(0), number(4))),
        "mapped-without-constructor": whole(
            name("numpy", "memmap"), b"(", where, text("u1"), text("w+"), number(0), number(4), b"t\x81"
        ),
        "dump": whole(call("joblib.numpy_pickle", "dump", number(1), where)),
        "another-pickle": whole(call("numpy.lib._npyio_impl", "load", path, b"N", b"\x88")),
        "another-joblib": whole(call("joblib._memmapping_reducer", "load", path)),
        "pandas": whole(call("pandas", "read_pickle", path)),
    }


def _mkdir() -> Callable[[str], None]:
    import os

    return os.mkdir


def addresses(_mark: Path, url: str) -> dict[str, bytes]:
    return {
        "pandas": whole(call("pandas", "read_csv", text(url))),
        "pandas-inside": whole(call("pandas.io.parsers.readers", "read_csv", text(url))),
        "pandas-json": whole(call("pandas.io.json._json", "read_json", text(url))),
        "numpy": whole(call("numpy.lib._datasource", "open", text(url))),
        "scikit-learn": whole(call("sklearn.datasets._base", "urlretrieve", text(url))),
    }


def _described(state: bytes) -> bytes:
    """The opcodes of an array of joblib with a state."""
    return name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b"


def _state(*items: bytes) -> bytes:
    return b"}(" + b"".join(items) + b"u"


def _array_items(kind: str) -> bytes:
    dtype = name("numpy", "dtype") + text(kind) + b"\x89\x88\x87R"
    shape = text("shape") + number(40) + b"\x85"
    more = text("order") + text("C") + text("allow_mmap") + b"\x89" + text("numpy_array_alignment_bytes") + b"N"
    return text("subclass") + name("numpy", "ndarray") + shape + more + text("dtype") + dtype


def _object_dtype(key: bytes) -> bytes:
    return key + name("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"


def _hidden(mark: Path) -> bytes:
    """A complete pickle in the place of an array of 320 bytes."""
    return whole(call("joblib.disk", "mkdirp", text(str(mark)))).ljust(320, b"\0")


def memo_tricks(mark: Path, _url: str) -> dict[str, bytes]:
    where = text(str(mark))
    many = b"".join(text(f"k{n}") + number(n) for n in range(80))
    late = _state(_array_items("f8"), many, _object_dtype(text("dtype")))
    escaped = _state(_array_items("f8"), _object_dtype(b"V\\u0064type\n"))
    quoted = _state(_array_items("f8"), _object_dtype(b"S'\\x64type'\n"))
    made = _state(_array_items("f8"), _object_dtype(call("builtins", "str", text("dtype"))))
    return {
        "a-key-behind-many": whole(_described(late))[:-1] + _hidden(mark),
        "an-escaped-key": whole(_described(escaped))[:-1] + _hidden(mark),
        "a-quoted-key": whole(_described(quoted))[:-1] + _hidden(mark),
        "a-made-key": whole(_described(made))[:-1] + _hidden(mark),
        "overwritten": whole(
            text("joblib.disk"), b"q\x00", text("mkdirp"), b"q\x01", b"00h\x00h\x01\x93", where, b"\x85R"
        ),
        "replaced": whole(
            text("numpy"), b"q\x00", text("joblib.disk"), b"q\x0000h\x00", text("mkdirp"), b"\x93", where, b"\x85R"
        ),
    }


def extension_registry(mark: Path, _url: str) -> dict[str, bytes]:
    where, large = text(str(mark)), struct.pack("<i", 70_000)
    mkdir = text("os") + text("mkdir")
    return {
        "one-byte": whole(call("copyreg", "add_extension", mkdir, number(77)), b"0\x82M", where, b"\x85R"),
        "four-bytes": whole(call("copyreg", "add_extension", mkdir, number(70_000)), b"0\x84", large, where, b"\x85R"),
    }


def persistent_ids(mark: Path, _url: str) -> dict[str, bytes]:
    mkdirp = call("joblib.disk", "mkdirp", text(str(mark)))
    return {
        "before": whole(mkdirp, b"Pid\n"),
        "inside": whole(mkdirp, b"Q"),
        "behind-a-text": whole(text("id"), b"0", mkdirp, b"\x85Q"),
    }


def nested_joblib(mark: Path, _url: str) -> dict[str, bytes]:
    inner = io.BytesIO()
    joblib.dump([np.zeros(9), Payload(joblib.disk.mkdirp, str(mark))], inner)
    outer = io.BytesIO()
    joblib.dump([np.zeros(99), Payload(joblib.disk.mkdirp, str(mark))], outer, compress=("gzip", 1))
    place = mark.with_name(f"{mark.name}.joblib")
    place.write_bytes(inner.getvalue())
    return {
        "behind-an-array": inner.getvalue(),
        "compressed": outer.getvalue(),
        "another-file": whole(call("joblib.numpy_pickle", "load", text(str(place)))),
        "an-open-file": whole(
            call("joblib.numpy_pickle", "_unpickle", call("io", "open", text(str(place)), text("rb")), b"\x89")
        ),
    }


def object_arrays(mark: Path, _url: str) -> dict[str, bytes]:
    payload = Payload(joblib.disk.mkdirp, str(mark))
    found = {}
    records = np.zeros(2, dtype=[("a", "O"), ("b", "i4")])
    records["a"][0] = payload
    for title, array in {"objects": np.array([payload, 1], dtype=object), "records": records}.items():
        for protocol in (2, 5):
            stream = io.BytesIO()
            joblib.dump({"model": array}, stream, protocol=protocol)
            found[f"{title}-{protocol}"] = stream.getvalue()
        found[f"{title}-plain"] = pickle.dumps(array)
    return found


def protocol_0(mark: Path, _url: str) -> dict[str, bytes]:
    where = str(mark).encode()
    return {
        "reduce": b"cjoblib.disk\nmkdirp\n(V" + where + b"\ntR.",
        "inst": b"(V" + where + b"\nijoblib.disk\nmkdirp\n.",
        "obj": b"(cjoblib.disk\nmkdirp\nV" + where + b"\no.",
        "escaped": b"V\\u006aoblib.disk\nVmkdir\\u0070\n\x93(V" + where + b"\ntR.",
        "quoted": b"S'\\x6aoblib.disk'\nS'mkdirp'\n\x93(V" + where + b"\ntR.",
        "a-number-in-another-base": b"I0x10\n0cjoblib.disk\nmkdirp\n(V" + where + b"\ntR.",
        "without-an-end": b"cjoblib.disk\nmkdirp\n(V" + where + b"\ntR",
    }


def plain_pickles(mark: Path, _url: str) -> dict[str, bytes]:
    """Files for `pickle.load`: joblib would skip the opcodes as the bytes of an array."""
    opcodes = b"0" + call("joblib.disk", "mkdirp", text(str(mark)))
    remembered = text("joblib.disk") + b"\x940" + text("mkdirp") + b"\x940"
    innocent = b"\x80\x04" + text("numpy") + b"\x940" + text("dtype") + b"\x940"
    objects = _described(_state(_array_items("f8"), _object_dtype(text("dtype"))))
    # joblib reads the pickle in an array with another memo than `pickle.load`, which names `mkdirp` there.
    another = remembered + objects + innocent + b"h\x00h\x01\x93" + text(str(mark)) + b"\x85R."
    return {
        "in-an-array": b"\x80\x04" + _described(_state(_array_items("u1"))) + opcodes.ljust(40, b"N") + b"." * 400,
        "another-memo": b"\x80\x04" + another + b".",
    }


def several_streams(mark: Path, _url: str) -> dict[str, bytes]:
    """Files that joblib unpacks and Lading does not: several streams in one file, and what old versions wrote."""
    harmful = b"cbuiltins\nlist\n0cjoblib.disk\nmkdirp\n(V" + str(mark).encode() + b"\ntR."
    old = b"ZF" + hex(len(harmful)).encode().ljust(len(hex(2**64))) + zlib.compress(harmful)
    several = {name: compress(b"N0") + compress(harmful) for name, compress in COMPRESSORS.items()}
    return {"before-joblib-0.10": old} | {name: several[name] for name in ("bz2", "xz", "lzma")}


def callers(mark: Path, _url: str) -> dict[str, bytes]:
    """Harmless standard functions that call another function."""
    where, system = text(str(mark)), call("importlib", "import_module", text("os"))
    mkdir = name("os", "mkdir")
    return {
        "methodcaller": whole(call("operator", "methodcaller", text("mkdir"), where), system, b"\x85R"),
        "partial": whole(call("functools", "partial", mkdir, where), b")R"),
        "reduce": whole(call("functools", "reduce", mkdir, b"(", where, number(0o700), b"l")),
        "memorised": whole(call("joblib.memory", "NotMemorizedFunc", mkdir), where, b"\x85R"),
    }


def polyglots(mark: Path, _url: str) -> dict[str, bytes]:
    """Pickles that are archives too."""
    harmful = b"cjoblib.disk\nmkdirp\n(S'" + str(mark).encode() + b"'\ntR."
    packed, tape, member = io.BytesIO(), io.BytesIO(), tarfile.TarInfo(harmful.decode())
    member.size = len(harmful)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.pkl", harmful)
    with tarfile.open(fileobj=tape, mode="w", format=tarfile.GNU_FORMAT) as archive_of_tape:
        archive_of_tape.addfile(member, io.BytesIO(harmful))
    return {"zip": harmful + packed.getvalue(), "tar": harmful + tape.getvalue()}


FAMILIES: dict[str, Family] = {
    family.__name__.replace("_", "-"): family
    for family in (
        reexports, readers_and_writers, addresses, memo_tricks, extension_registry, persistent_ids, nested_joblib,
        object_arrays, protocol_0, plain_pickles, several_streams, callers, polyglots, hostile_states.other_classes,
        hostile_states.array_sizes, hostile_states.array_pickles, hostile_states.attributes,
        hostile_attributes.items_of_objects,
        hostile_attributes.methods_of_arguments, hostile_attributes.methods_of_states, hostile_attributes.filled_later,
    )
}  # fmt: skip


def members(mark: Path, url: str = "http://127.0.0.1:9/x.csv") -> dict[str, bytes]:
    """Every file of every family, by `family/name`. Files that are read by others lie beside `mark`."""
    return {f"{title}/{each}": data for title, make in FAMILIES.items() for each, data in make(mark, url).items()}
