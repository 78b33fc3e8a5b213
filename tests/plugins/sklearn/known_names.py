"""Write the names that a known model may import. `make known` runs it in environments with several versions.

    python known_names.py list > PART       # with scikit-learn and the other libraries installed; it needs no Lading
    python known_names.py merge PART... > plugins/lading_sklearn/known.txt

A line has a use, a module and names in that module. The uses are:

- `class`: an object of it may be made without calling its constructor, and be given any state;
- `distribution`: the same, if the state has only the code that SciPy itself writes;
- `call`: it may also be called, because pickles of these libraries call it to make an object;
- `name`: it may be referred to, but not called while the model is loaded.

A name is listed where it is defined, as pickle writes it. A class is left out if making an object of it, giving it a
state or removing it could run something: see `_is_plain`.
"""

from __future__ import annotations

import importlib
import inspect
import io
import pickle
import pkgutil
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

_HEAP_TYPE = 1 << 9  # a class that a `class` statement made
_SKIPPED = (
    *(".tests", ".externals", ".conftest", "_testing", ".datasets", "estimator_checks", ".experimental", ".io"),
    *(".discovery", "_mocking", "_build_utils", "_array_api", ".callback", "_repr_html", "_estimator_html", "__main__"),
    *(".fixes", "._plot", "._cython_blas", "._openmp_helpers", "sklearn.utils.parallel", "imblearn.utils.testing"),
    "imblearn.keras",
)
_WALKED = ("sklearn", "imblearn", "scipy.sparse", "scipy.interpolate", "scipy.spatial")
_BOOSTERS = {
    "xgboost.sklearn": "XGBModel",
    "lightgbm.sklearn": "LGBMModel",
    "catboost.core": "_CatBoostBase",
}
_MORE_CLASSES = """
    xgboost.core.Booster lightgbm.basic.Booster lightgbm.compat._LGBMLabelEncoder
    sklearn.preprocessing._label.LabelEncoder scipy.optimize._optimize.OptimizeResult
    scipy.stats._distn_infrastructure.rv_continuous_frozen scipy.stats._distn_infrastructure.rv_discrete_frozen
    scipy.stats._distn_infrastructure.rv_frozen numpy.poly1d numpy.lib.polynomial.poly1d numpy.vectorize
    numpy.ma.core.MaskedConstant
"""
_CALLS = (
    "numpy.dtype",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    *(f"numpy.random._pickle.{name}_ctor" for name in ("__randomstate", "__generator", "__bit_generator")),
    "numpy.ma.core._mareconstruct",
    "pandas._libs.internals._unpickle_block",
    "pandas._libs.tslibs.nattype._nat_unpickle",
    "pandas._libs.tslibs.period._unpickle_period",  # not there in each version
    "pandas._libs.tslibs.timedeltas._timedelta_unpickle",
    "pandas._libs.tslibs.timestamps._unpickle_timestamp",
    "pandas._libs.interval.Interval",
    "pandas.core.indexes.base._new_Index",
    "pandas.core.indexes.datetimes._new_DatetimeIndex",
    "pandas.core.indexes.interval._new_IntervalIndex",
    "pandas.core.indexes.period._new_PeriodIndex",
    "pandas.core.indexes.timedeltas._new_TimedeltaIndex",
    "pyarrow.lib._restore_array",  # the text columns of pandas
    "pyarrow.lib.py_buffer",
    "pyarrow.lib.type_for_alias",
    "scipy.spatial._ckdtree.cKDTree",
)
_NAMES = (
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    *(f"sklearn.cluster._kmeans._kmeans_single_{name}" for name in ("elkan", "lloyd")),
)
_UNPICKLERS = ("numpy.random.bit_generator", "pandas._libs.arrays", "pandas._libs.internals")
_FUNCTION_MODULES = (
    *("sklearn.metrics", "sklearn.metrics.pairwise", "sklearn.metrics.cluster", "sklearn.feature_selection"),
    *("sklearn.preprocessing", "sklearn.feature_extraction.text", "sklearn.covariance", "imblearn.metrics"),
)
_NUMPY_FUNCTIONS = """
    all amax amin any argmax argmin argsort array asarray average clip column_stack concatenate corrcoef count_nonzero
    cov cumprod cumsum diff dot full hstack identity linspace max mean median min nan_to_num nanmax nanmean nanmedian
    nanmin nanpercentile nanstd nansum nanvar ones percentile prod ptp quantile ravel repeat reshape round sort squeeze
    stack std sum take tile transpose unique var vstack where zeros
"""


class Names:
    """Names by use and module."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, use: str, thing: Any) -> None:
        """Add an object under the name that pickle writes for it. Without such a name, nothing is added."""
        for module, name in _pickled_as(thing):
            self.found[use, module].add(name)

    def lines(self) -> Iterator[str]:
        for (use, module), names in sorted(self.found.items()):
            yield " ".join((use, module, *sorted(names)))


def _pickled_as(thing: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.append((module, name))
            return super().find_class(module, name)

    try:
        same = Reader(io.BytesIO(pickle.dumps(thing, 4))).load() is thing
    except Exception:  # some things cannot be pickled
        return []
    return found if same and len(found) == 1 and "." not in found[0][1] else []


def _modules(top: str) -> Iterator[ModuleType]:
    root = _imported(top)
    if root is None:
        return
    yield root
    for info in pkgutil.walk_packages(root.__path__, f"{top}.", onerror=lambda _name: None):
        if not any(part in f".{info.name}" for part in _SKIPPED):
            module = _imported(info.name)
            if module is not None:
                yield module


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception:  # an optional dependency, or a module of another version
        return None


def _thing(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(_imported(module), name, None)


def _classes(module: ModuleType) -> Iterator[type]:
    names = (module.__name__, module.__name__.rpartition(".")[2])  # Cython writes the second in some versions
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ in names:
            yield found


def _is_plain(found: type) -> bool:
    """Whether an object of a class is made without code of that class, and does nothing when it is removed.

    A state is set by code that was read for this list: that of scikit-learn's estimators, trees and neighbours.
    """
    is_named_tuple = issubclass(found, tuple) and hasattr(found, "_fields")
    return (
        (not hasattr(found, "__getattr__") or found.__name__ in ("Bunch", "FrozenEstimator", "MetadataRequest"))
        and not issubclass(found, ModuleType)
        and (is_named_tuple or not inspect.isfunction(getattr(found, "__new__", None)))
        and not hasattr(found, "__del__")
        and not issubclass(found, BaseException)
    )


def _walked(names: Names) -> None:
    for module in (module for top in _WALKED for module in _modules(top)):
        for found in _classes(module):
            if _is_plain(found):
                names.add("call" if _is_called(found, module) else "class", found)
        _unpicklers(names, module)


def _is_called(found: type, module: ModuleType) -> bool:
    """Whether pickles call a class of Cython: its own `__reduce__` returns it. That of Cython does not."""
    reduce: Any = found.__reduce__
    is_own = reduce is not object.__reduce__ and reduce.__name__ == "__reduce__" and not hasattr(module, "newObj")
    return is_own and module.__name__.startswith("sklearn.") and not found.__flags__ & _HEAP_TYPE


def _unpicklers(names: Names, module: ModuleType) -> None:
    """The functions with which Cython restores objects."""
    for name, found in vars(module).items():
        if name == "newObj" or name.startswith("__pyx_unpickle_"):
            names.add("call", found)


def _boosters(names: Names) -> None:
    for name, base in _BOOSTERS.items():
        module = _imported(name)
        for found in _classes(module) if module else ():
            if issubclass(found, getattr(module, base)):
                names.add("class", found)
    for found in filter(None, map(_thing, _MORE_CLASSES.split())):
        names.add("class", found)


def _numpy(names: Names) -> None:
    import numpy as np

    for found in (np.ndarray, np.matrix, np.ma.MaskedArray, *_below(np.generic), *_below(np.polynomial.Polynomial)):
        names.add("class", found)
    for found in vars(np.random).values():
        if isinstance(found, type):
            names.add("class", found)
    for found in vars(getattr(np, "dtypes", np)).values():
        if isinstance(found, type) and issubclass(found, np.dtype):
            names.add("class", found)


def _ufuncs(names: Names) -> None:
    import numpy as np
    import scipy.special

    for found in (*vars(np).values(), *vars(scipy.special).values()):
        if isinstance(found, np.ufunc):
            names.add("name", found)
    for name in _NUMPY_FUNCTIONS.split():
        names.add("name", getattr(np, name))


def _pandas(names: Names) -> None:
    import pandas as pd
    from pandas.api.extensions import ExtensionArray, ExtensionDtype
    from pandas.core.internals import managers

    for base in (pd.DataFrame, pd.Series, pd.Index, ExtensionArray, ExtensionDtype):
        for found in _below(base):
            if found.__module__.startswith("pandas") and not any(part in found.__module__ for part in _SKIPPED):
                names.add("call" if base is ExtensionDtype else "class", found)
    for found in (managers.BlockManager, managers.SingleBlockManager, *_below(pd.offsets.BaseOffset)):
        names.add("call", found)
    for singleton in (pd.NA, pd.NaT):
        names.add("name", singleton)
    for use, found in (("class", pd.Timestamp), ("class", pd.Timedelta), ("class", pd.Period), ("call", pd.Interval)):
        names.add(use, found)


def _below(base: type) -> set[type]:
    return {base, *(found for each in base.__subclasses__() for found in _below(each))}


def _distributions(names: Names) -> None:
    from scipy.stats import rv_continuous, rv_discrete

    for found in (each for base in (rv_continuous, rv_discrete) for each in _below(base)):
        if found.__module__.startswith("scipy.stats."):
            names.add("distribution", found)


def _functions(names: Names) -> None:
    for module in filter(None, map(_imported, _FUNCTION_MODULES)):
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name, None)
            if inspect.isfunction(found) and found.__module__.partition(".")[0] in ("sklearn", "imblearn"):
                names.add("name", found)


def listed() -> Names:
    """The names of the installed versions."""
    names = Names()
    _walked(names)
    _boosters(names)
    _numpy(names)
    _ufuncs(names)
    _distributions(names)
    _pandas(names)
    _functions(names)
    for use, paths in (("call", _CALLS), ("name", _NAMES)):
        for found in filter(None, map(_thing, paths)):
            names.add(use, found)
    for module in filter(None, map(_imported, _UNPICKLERS)):
        _unpicklers(names, module)
    return names


def merged(parts: Iterable[str]) -> Names:
    """The names of several versions. A name that may be called in one may be called in all."""
    names = Names()
    for line in (line for part in parts for line in part.splitlines()):
        use, module, *found = line.split()
        names.found[use, module].update(found)
    for use, module in list(names.found):
        wider = ("call",) if use == "class" else ("call", "class") if use == "name" else ()
        names.found[use, module] -= {name for other in wider for name in names.found.get((other, module), ())}
    names.found = defaultdict(set, {key: found for key, found in names.found.items() if found})
    return names


def main(command: str, *files: str) -> None:
    warnings.simplefilter("ignore")
    shown, sys.stdout = sys.stdout, sys.stderr  # some modules print when they are imported
    parts = [open(file, encoding="utf-8").read() for file in files]  # noqa: PTH123, SIM115 - a script of a few files
    names = listed() if command == "list" else merged(parts)
    shown.write("".join(f"{line}\n" for line in names.lines()))


if __name__ == "__main__":
    main(*sys.argv[1:])
