"""Follow pickles without executing them. Python's own unpickler gives the expected imports."""

from __future__ import annotations

import datetime
import io
import pickle
import struct
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from operator import attrgetter
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading_sklearn.bytestream import Broken, Stream
from lading_sklearn.judging import judge, named
from lading_sklearn.machine import Findings
from lading_sklearn.values import UNKNOWN, Global
from lading_sklearn.walking import walk


class Point:
    """A class of an importable module, with a state."""

    def __init__(self, x: object) -> None:
        self.x = x


class Named:
    """A class whose objects are created with keywords."""

    def __new__(cls, *, name: object = None) -> Named:
        made = super().__new__(cls)
        made.name = name
        return made

    name: object

    def __getnewargs_ex__(self) -> tuple[tuple[object, ...], dict[str, object]]:
        return (), {"name": self.name}


class Measure(pickle.Unpickler):
    """Python's unpickler, extended to record its imports."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.imports: list[object] = []

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        self.imports.append(found)
        return found


def imported(found: Findings) -> list[object]:
    named = (each for each in found.imports if each != UNKNOWN)  # a call of something that is not a global
    return [attrgetter(each.name)(import_module(each.module)) for each in named]


def once(items: list[object]) -> list[int]:
    """The objects in their order, each once. Some of them are not hashable."""
    return list(dict.fromkeys(map(id, items)))


def followed(data: bytes, size: int = 1 << 20) -> Findings:
    findings = Findings()
    walk(Stream(pieces(data, size)), findings)
    return findings


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return iter([data[at : at + size] for at in range(0, len(data), size)])


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**31, 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.text("a", min_size=250, max_size=300)
    | st.binary(max_size=8)
    | st.builds(bytearray, st.binary(max_size=4))
    | st.complex_numbers(allow_nan=False)
    | st.builds(Decimal, st.integers())
    | st.builds(Fraction, st.integers(), st.just(7))
    | st.dates()
    | st.builds(datetime.timedelta, st.integers(0, 9))
    | st.sampled_from([len, Point, OrderedDict, range(3), slice(1, 2), np.float64, np.dtype("i4"), np.int8(3)])
)
HASHABLE = st.integers() | st.text(max_size=3) | st.tuples(st.integers(), st.text(max_size=2))
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.frozensets(HASHABLE, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.builds(OrderedDict, st.dictionaries(st.text(max_size=2), inner, max_size=2))
        | st.builds(deque, st.lists(inner, max_size=2))
        | st.builds(Counter, st.text(max_size=4))
        | st.builds(Point, inner)
        | inner.map(lambda value: Named(name=value))
        | inner.map(lambda value: [value, value])
    ),
    max_leaves=12,
)


@settings(max_examples=25)
@given(value=VALUES, protocol=st.integers(0, 5), size=st.sampled_from([1, 3, 64, 1 << 20]))
def test_a_pickle_imports_what_the_unpickler_would_import(value: Any, protocol: int, size: int) -> None:
    data = pickle.dumps(value, protocol)
    measure = Measure(data)
    measure.load()
    found = followed(data, size)
    assert once(imported(found)) == once(measure.imports)
    assert found.protocol == (protocol if protocol >= 2 else None)


@pytest.mark.parametrize("protocol", range(6))
def test_the_classes_of_objects_are_distinguished_from_functions(protocol: int) -> None:
    found = followed(pickle.dumps([Point(1), len], protocol))
    assert list(found.classes) == [Global(__name__, "Point")]
    assert Global("builtins", "len") in found.imports
    assert Global("builtins", "len") not in found.classes


@pytest.mark.parametrize("protocol", [4, 5])
def test_the_class_of_an_object_created_with_keywords_is_found(protocol: int) -> None:
    assert list(followed(pickle.dumps(Named(name=[1]), protocol)).classes) == [Global(__name__, "Named")]


def test_a_recursive_value_is_followed_to_its_end() -> None:
    value: list[Any] = []
    value += [value, Point(value)]
    assert Global(__name__, "Point") in followed(pickle.dumps(value)).imports


@pytest.mark.parametrize("protocol", [0, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["f8", "i1", "U7", "b1", "M8[s]", "c16", "i4,f8", "O"])
@pytest.mark.parametrize("shape", [(0,), (7,), (3, 2), ()])
def test_an_array_of_joblib_is_skipped(dtype: str, protocol: int, shape: tuple[int, ...]) -> None:
    stream = io.BytesIO()
    joblib.dump([np.zeros(shape, dtype), Point(1)], stream, protocol=protocol)
    found = followed(stream.getvalue(), 50)
    assert Global(__name__, "Point") in found.imports


PROTOCOL_0_AND_1: dict[str, tuple[bytes, list[Global]]] = {
    "global": (b"cos\nsystem\n.", [Global("os", "system")]),
    "inst": (b"(I1\nios\nsystem\n.", [Global("os", "system")]),
    "obj": (b"(cos\nsystem\nI1\no.", [Global("os", "system")]),
    "names of python 2": (b"c__builtin__\nunicode\n.", [Global("builtins", "str")]),
    "modules of python 2": (b"ccPickle\nloads\n.", [Global("pickle", "loads")]),
    "the same names in protocol 3": (b"\x80\x03c__builtin__\neval\n.", [Global("__builtin__", "eval")]),
    "stack global": (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", [Global("os", "system")]),
    "stack global of a number": (b"\x80\x04K\x01\x8c\x06system\x93.", [UNKNOWN]),
    "stack global of two halves": (b"\x80\x04\x8c\x01o\x8c\x01s\x86\x8c\x06system\x93.", [UNKNOWN]),
    "extension": (b"\x80\x02\x82\x01.", [UNKNOWN]),
    "persistent": (b"\x80\x02Pid\n0cos\nsystem\n.", [Global("os", "system")]),
    "memo of protocol 0": (b"Vos\np7\n0Vsystem\np8\n0g7\ng8\n\x93.", [Global("os", "system")]),
    "dup": (b"\x80\x04\x8c\x02os2\x93.", [Global("os", "os")]),
    "pop of a mark": (b"\x80\x04\x8c\x02os(0\x8c\x06system\x93.", [Global("os", "system")]),
    "a long text names nothing": (b"\x80\x04X" + struct.pack("<I", 300) + b"o" * 300 + b"\x8c\x01a\x93.", [UNKNOWN]),
    "a pickle in bytes": (b"\x80\x03C\x0e\x80\x03cos\nsystem\n.0.", [Global("os", "system")]),
    "a pickle in old text": (b"\x80\x02U\x0e\x80\x02cos\nsystem\n.0.", [Global("os", "system")]),
    "a broken pickle in bytes": (b"\x80\x03C\x0f\x80\x03cos\nsystem\n0N.", [Global("os", "system")]),
    "bytes that are not a pickle": (b"\x80\x03C\x0ccos\nsystem\n..", []),
}


@pytest.mark.parametrize("name", PROTOCOL_0_AND_1)
def test_an_opcode_imports(name: str) -> None:
    data, imports = PROTOCOL_0_AND_1[name]
    assert list(followed(data, 1).imports) == imports


BROKEN = {
    "nothing": b"",
    "no end": b"\x80\x04N",
    "an unknown opcode": b"\x80\x04\xff.",
    "an empty stack": b"\x80\x040.",
    "no mark": b"\x80\x04t.",
    "a memo that is empty": b"\x80\x04h\x07.",
    "a number that is not one": b"Iseven\n.",
    "an argument that is cut off": b"\x80\x04\x8c\x09short.",
    "a line that does not end": b"c" + b"a" * (1 << 17),
    "a build of nothing": b"\x80\x04b.",
    "an array without a dtype": b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b.",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_pickle_that_cannot_be_followed_to_its_end_is_broken(name: str) -> None:
    with pytest.raises(Broken):
        followed(BROKEN[name], 4096)


@pytest.mark.parametrize(("depth", "seen"), [(4, True), (5, False)])
def test_pickles_are_followed_four_deep(depth: int, seen: bool) -> None:
    data = b"\x80\x03cos\nsystem\n."
    for _ in range(depth):
        data = pickle.dumps(data, 3)
    assert (Global("os", "system") in followed(data).imports) is seen


def test_a_thousand_imports_are_enough() -> None:
    with pytest.raises(Broken):
        followed(b"".join(b"cm%d\nn\n" % number for number in range(1001)) + b".")


@settings(max_examples=30)
@given(
    data=st.binary(max_size=60) | st.lists(st.sampled_from([b"a\n", b"\n", b"\x80"]), max_size=9).map(b"".join),
    size=st.integers(1, 9),
    steps=st.lists(st.integers(0, 12), max_size=8),
)
def test_a_stream_in_pieces_reads_like_a_file(data: bytes, size: int, steps: list[int]) -> None:
    stream, file = Stream(pieces(data, size)), io.BytesIO(data)
    for number, step in enumerate(steps):
        left = len(data) - file.tell()
        expected = file.readline() if number % 3 == 2 else file.read(step)
        if number % 3 == 2 and not expected:
            with pytest.raises(Broken):
                stream.line()
            return
        if number % 3 < 2 and step > left:
            with pytest.raises(Broken):
                stream.skip(step) if number % 3 else stream.read(step)
            return
        if number % 3 == 2:
            assert stream.line() == expected.removesuffix(b"\n")
        elif number % 3:
            stream.skip(step)
        else:
            assert stream.read(step) == expected
    rest = data[file.tell() :]
    assert stream.starts_pickle() is rest.startswith(b"\x80")
    assert stream.read(len(rest)) == rest


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "known",
            """sklearn.linear_model._base.LinearRegression numpy.dtype numpy._core.multiarray._reconstruct
            pandas.core.frame.DataFrame scipy.sparse._csr.csr_matrix builtins.set collections.OrderedDict
            _codecs.encode copyreg._reconstructor joblib.numpy_pickle.NumpyArrayWrapper""",
        ),
        (
            "dangerous",
            """os.system posix.mkdir nt.system builtins.eval builtins.getattr __builtin__.exec subprocess.Popen
            pickle.loads numpy.load numpy.testing._private.utils.runstring numpy.f2py.crackfortran.myeval
            numpy.ctypeslib.load_library sklearn.datasets.load_files sklearn.utils._testing.check_docstring
            pandas.read_pickle pandas.io.pickle.read_pickle pandas.eval joblib.load joblib.numpy_pickle.load
            joblib.externals.loky.run my_package.os my_package.helpers.eval my_package.A.__globals__
            urllib.request.urlopen importlib.import_module ?.?""",
        ),
        (
            "other",
            """my_package.Model builtins.len builtins.print numpyx.dtype sklearn_extra.Model osmosis.Model
            collections.abc.Sequence joblib.Memory joblib.numpy_pickle.Other functools.reduce functools.partial
            sklearn.linear_model.LinearRegression numpy.Other""",
        ),
    ],
)
def test_a_global_is_judged_by_its_name(kind: str, names: str) -> None:
    for path in names.split():
        module, _, name = path.rpartition(".")
        assert judge(Global(module, name)) == kind, path


def test_a_name_with_dots_reaches_into_a_module_and_is_not_known() -> None:
    assert judge(Global("numpy", "char.array")) == "dangerous"
    assert judge(Global("sklearn", "os.system")) == "dangerous"
    assert judge(Global("numpy", "testing.rundocs")) == "dangerous"


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (b"\x00\x01cos\nsystem\nR", ["os.system"]),
        (b"junk(iposix\nmkdir\n", ["posix.mkdir"]),
        (b"\x8c\x02os\x94\x8c\x06system\x94\x93", ["os.system"]),
        (b"X\x0a\0\0\0subprocessq\x00X\x05\0\0\0Popenq\x01\x93", ["subprocess.Popen"]),
        (b"cos.path\njoin\n", ["os.path.join"]),
        (b"c__builtin__\neval\np1\n", ["__builtin__.eval"]),
        (b"cbuiltins\nset\n", []),
        (b"cmyos\nsystem\n", []),
        (b"cos\n", []),
        (b"os\nsystem\n", []),
        (b"\x8c\x02os\x8c\x06system", []),
        (b"cnumpy\ndtype\n", []),
    ],
)
def test_dangerous_names_are_found_in_any_bytes(window: bytes, found: list[str]) -> None:
    assert [f"{each.module}.{each.name}" for each in named(window)] == found
