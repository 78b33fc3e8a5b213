"""The names that a harmless model may import, and the ways in which it may use them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from .values import Global

_TYPES = "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple"
_CALLED = {
    "builtins": _TYPES,
    "_codecs": "encode",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
}
_OF_DATA = (
    *("builtins", "catboost", "collections", "copyreg", "datetime", "numpy", "pandas", "pyarrow"),
    "sklearn.metrics._dist_metrics",
)
_READS_STATE = ("Booster", "IsotonicRegression", "KDTree", "RBFInterpolator", "Rotation", "TreePredictor", "coo_matrix")
_MADE = {"joblib.numpy_pickle": "NumpyArrayWrapper"}


def is_known(found: Global, *, called: bool) -> bool:
    """Whether a name is listed, also as one that may be called. Only the full name counts."""
    use = _listed().get(found)
    return use is not None and (use == "call" or not called)


def is_distribution(found: object) -> bool:
    """Whether a name is a distribution of SciPy. It runs code of its state, which must be the code of SciPy."""
    return isinstance(found, Global) and _listed().get(found) == "distribution"


def holds_only_data(found: Global) -> bool:
    """Whether objects of a class may get only data as their state and their items.

    Code that makes such an object, or gives it its state, calls methods of what it gets.
    """
    return found.name != "vectorize" and (
        any(f"{found.module}.".startswith(f"{module}.") for module in _OF_DATA)
        or found.name in _READS_STATE
        or (_listed().get(found) == "call" and found.name not in ("_reconstruct", "newObj"))
    )


def libraries() -> frozenset[str]:
    """The libraries whose names are listed."""
    return frozenset(module.partition(".")[0] for module, _name in _listed() if module not in _CALLED) | {"joblib"}


@cache
def _listed() -> Mapping[Global, str]:
    """Each name with its use: `class`, `distribution`, `call` or `name`. `make known` writes the file."""
    found = {Global(module, name): "call" for module, names in _CALLED.items() for name in names.split()}
    found |= {Global(module, name): "class" for module, names in _MADE.items() for name in names.split()}
    text = resources.files(__package__).joinpath("known.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        use, module, *names = line.split()
        found |= {Global(module, name): use for name in names}
    return found
