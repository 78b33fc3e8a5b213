"""Families of hostile model files whose objects have functions as attributes, and code that calls these as methods.

Each file has only listed names. Like those of `hostile_families`, it creates the folder `mark` when it is loaded.
"""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from .hostile_models import text
from .hostile_opcodes import call, name, number, whole

_MASKED = name("numpy.ma.core", "MaskedArray")


def _opcodes(model: object) -> bytes:
    """The opcodes of an object, without the first and the last one. They use no memo that others use."""
    return pickle.dumps(model, 3)[2:-1]


def _acting(mark: Path) -> Any:
    """A function that fits a pipeline, whatever its arguments are. Its cache is the folder `mark`.

    NumPy calls the method `clip` of its first argument, which is a scorer here. A scorer calls any method by its name.
    """
    last = SVC()
    last.classes_ = np.array([0, 1])
    model = Pipeline([("scaled", StandardScaler()), ("last", last)], memory=str(mark))
    scorer: Any = make_scorer(accuracy_score)
    scorer._response_method = "fit"
    clipped: Any = SVC()
    clipped.clip = _MultimetricScorer(scorers={"any": scorer})
    return partial(np.clip, clipped, model, np.zeros((2, 1)), y_true=np.array([0, 1]))


def _having(mark: Path, attribute: str, **more: object) -> Any:
    """An object with a function as an attribute."""
    model = SVC()
    vars(model).update({attribute: _acting(mark), **more})
    return model


def items_of_objects(mark: Path, _url: str) -> dict[str, bytes]:
    """An unpickler gives items to an object with its methods `append`, `extend` and `add`."""
    result = name("scipy.optimize._optimize", "OptimizeResult")
    acting = b"}" + text("__setstate__") + _opcodes(_acting(mark)) + b"s"
    return {
        "append": whole(_opcodes(_having(mark, "append")), b"Na"),
        "extend": whole(_opcodes(_having(mark, "extend")), b"(Ne"),
        "add": whole(_opcodes(_having(mark, "add")), b"(N\x90"),
        "an-item-as-a-method": whole(_opcodes(OptimizeResult(__setstate__=_acting(mark))), b"Nb"),
        "an-item-of-the-base": whole(
            name("copyreg", "_reconstructor"), result, name("builtins", "dict"), acting, b"\x87RNb"
        ),
    }


def methods_of_arguments(mark: Path, _url: str) -> dict[str, bytes]:
    """Listed functions call methods of their arguments: `keys`, `rvs` and `get_params`."""
    keys, shown = _opcodes(_having(mark, "keys")), _opcodes(_having(mark, "get_params", dtype=None))
    sampler = ParameterSampler({"any": [1]}, 1)
    sampler.param_distributions = [{"any": _having(mark, "rvs")}]
    index = name("pandas.core.indexes.base", "Index")
    base = name("copyreg", "_reconstructor") + name("scipy.optimize._optimize", "OptimizeResult")
    return {
        "of-a-dictionary": whole(call("builtins", "dict", keys)),
        "of-an-ordered-one": whole(call("collections", "OrderedDict", keys)),
        "of-a-base": whole(base, name("builtins", "dict"), keys, b"\x87R"),
        "of-items": whole(call("builtins", "list", _opcodes(sampler))),
        "of-a-text": whole(call("builtins", "str", shown)),
        "of-a-list-in-a-text": whole(call("builtins", "str", b"]" + shown + b"a")),
        "of-a-dictionary-in-a-text": whole(
            name("copyreg", "_reconstructor"), *[name("builtins", "str")] * 2, b"}" + text("k") + shown + b"s\x87R"
        ),
        "of-an-index": whole(call("pandas.core.indexes.base", "_new_Index", index, b"}" + text("data") + shown + b"s")),
    }


def methods_of_states(mark: Path, _url: str) -> dict[str, bytes]:
    """Classes call methods of their state: `astype`, and `get_params` when the property `theta` is set."""
    predictor = TreePredictor.__new__(TreePredictor)
    predictor.nodes = _having(mark, "astype", dtype=1)
    kernel = name("sklearn.gaussian_process.kernels", "ConstantKernel") + b")\x81}" + text("get_params")
    grid = ParameterGrid([{}])
    grid.param_grid = [_having(mark, "values")]
    masked = call("numpy.ma.core", "_mareconstruct", _MASKED, name("numpy", "ndarray"), number(0) + b"\x85", text("b"))
    numbers = number(0) + number(1) + b"\x85" + name("numpy", "dtype") + text("f8") + b"\x89\x88\x87R"
    return {
        "of-a-predictor": whole(_opcodes(predictor)),
        "of-a-fill-value": whole(masked, b"(", numbers, b"\x89C\x08" + bytes(8) + b"C\x01\0", _opcodes(grid), b"tb"),
        "of-a-property": whole(kernel, _opcodes(_acting(mark)), b"s}", text("theta"), number(1), b"s\x86b"),
    }


def filled_later(mark: Path, _url: str) -> dict[str, bytes]:
    """A value gets the object only after it was put into a list, whose text is then made. That calls `get_params`."""
    shown = _opcodes(_having(mark, "get_params", dtype=None))
    inner, outer = b"j\0\1\0\0", b"j\1\1\0\0"
    listed = b"r\0\1\0\0" + b"0]" + inner + b"ar\1\1\0\0" + b"0" + inner
    named = text("k") + shown + b"s"
    made = b"0" + name("builtins", "str") + outer + b"\x85R"
    return {
        "a-list": whole(b"]", listed, shown, b"a", made),
        "a-set": whole(b"\x8f", listed, b"(", name("builtins", "int"), shown, b"\x90", made),
        "a-dictionary": whole(b"}", listed, named, made),
        "an-ordered-one": whole(call("collections", "OrderedDict"), listed, named, made),
    }
