"""Say what a model file holds if that is certainly not a fitted model, as far as its bytes show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lading import Schema

from .values import UNREADABLE, Global, Items, Object

# The modules of scikit-learn in which no class has predict(), and the classes of other modules that have none.
_MODULES = "decomposition feature_extraction impute kernel_approximation manifold preprocessing random_projection"
_CLASSES = """
    AgglomerativeClustering BernoulliRBM Bunch ColumnTransformer DBSCAN EmpiricalCovariance FeatureAgglomeration
    FeatureUnion GenericUnivariateSelect GraphicalLasso GraphicalLassoCV HDBSCAN KNeighborsTransformer KernelDensity
    LedoitWolf MinCovDet NearestNeighbors NeighborhoodComponentsAnalysis OAS OPTICS PLSSVD RadiusNeighborsTransformer
    RandomTreesEmbedding SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile
    SequentialFeatureSelector ShrunkCovariance SpectralBiclustering SpectralClustering SpectralCoclustering
    VarianceThreshold
"""
_NO_PREDICT_IN, _NO_PREDICT = frozenset(_MODULES.split()), frozenset(_CLASSES.split())
_CONTAINERS = frozenset({"builtins", "collections", "numpy", "pandas", "scipy"})  # none of their objects has predict()
_BOUND_METHOD = "getattr"
_BOOSTING = ("xgboost", "lightgbm", "catboost")
_NEED_NO_FIT = frozenset({"FrozenEstimator", "GaussianProcessRegressor"})
_MOST_KEYS = 5
_MOST_FEATURES = 10_000
_MOST_NESTED = 20  # levels of pipelines and searches; a hostile file can name an object as its own part


def held(found: Any, levels: int = _MOST_NESTED) -> str:
    """What a file holds, in words, for the last value of its pickle. Empty if it may be a fitted model."""
    if isinstance(found, Global):
        return f"{found.name} itself, not an object that was made with it"
    if isinstance(found, dict):
        return f"a dict{_keys(found)}"
    if isinstance(found, tuple):
        return f"a tuple of {len(found)} values"
    if isinstance(found, Items):
        return f"a {found.kind}"
    if found is None or isinstance(found, str | int):
        return "None" if found is None else "a text" if isinstance(found, str) else "a number"
    is_known = isinstance(found, Object) and isinstance(found.made_of, Global) and levels
    return _object(found, levels) if is_known else ""


def schema_of(found: Any) -> Schema | None:
    """The schema of the last value of a file's pickle: the shape of its input, or that it takes a data frame.

    None if that is not known. The names of the columns are in an array, which is not read.
    """
    if _is_framed(found):
        return Schema(is_framed=True)
    columns = _width(found)
    return Schema(shape=(None, columns)) if columns else None


def _is_framed(found: Any, levels: int = _MOST_NESTED) -> bool:
    """Whether a model picks columns by their names, at its first or its last step. So it does not take an array."""
    state = found.state if isinstance(found, Object) else None
    if not isinstance(state, dict) or not isinstance(found.made_of, Global) or not levels:
        return False
    if found.made_of.name == "ColumnTransformer" and found.made_of.module.startswith("sklearn."):
        return "feature_names_in_" in state
    steps = state.get("steps")
    ends = (steps.first, steps.last) if isinstance(steps, Items) else ()
    parts = [end[-1] for end in ends if isinstance(end, tuple) and end]
    return any(_is_framed(part, levels - 1) for part in (*parts, state.get("best_estimator_")))


def _width(found: Any, levels: int = _MOST_NESTED) -> int:
    """How many numbers a row of an estimator has. 0 if that is not known, or if its columns have names."""
    state = found.state if isinstance(found, Object) else None
    if not isinstance(state, dict) or not isinstance(found.made_of, Global) or not levels:
        return 0
    if "feature_names_in_" in state:
        return 0
    steps = state.get("steps")
    if isinstance(steps, Items) and isinstance(steps.first, tuple):
        return _width(steps.first[-1], levels - 1)
    if "best_estimator_" in state:
        return _width(state["best_estimator_"], levels - 1)
    known = state.get("n_features_in_") if found.made_of.module.startswith("sklearn.") else None
    return known if isinstance(known, int) and 0 < known <= _MOST_FEATURES else 0


def _keys(found: Mapping[Any, Any]) -> str:
    if UNREADABLE in found or not found:
        return ""
    names = [str(key) for key in found]
    more = ", …" if len(names) > _MOST_KEYS else ""
    return f" with the keys {', '.join(names[:_MOST_KEYS])}{more}"


def _object(found: Object, levels: int) -> str:
    library, *rest = found.made_of.module.split(".")
    name, state = found.made_of.name, found.state
    if library in _CONTAINERS and name != _BOUND_METHOD:
        if name.startswith("_"):  # a function that makes an object, such as an array
            return f"an object of {library}"
        return _with_article(f"{library}.{name}" if library != "builtins" else name)
    if library != "sklearn":
        return _unboosted(library, name, state) if library in _BOOSTING else ""
    if name in _NO_PREDICT or _NO_PREDICT_IN.intersection(rest[:1]):
        return f"{_with_article(name)}, which has no predict()"
    if name == "Pipeline":
        return _pipeline(state, levels)
    return "" if name in _NEED_NO_FIT else _unfitted(name, state)


def _pipeline(state: Any, levels: int) -> str:
    steps = state.get("steps") if isinstance(state, dict) else None
    last = steps.last if isinstance(steps, Items) else None
    if not isinstance(last, tuple) or len(last) != 2:
        return ""
    what = f"the step {last[1]}" if isinstance(last[1], str) else held(last[1], levels - 1)
    return f"a Pipeline that ends with {what}" if what else ""


def _unfitted(name: str, state: Any) -> str:
    """The words for an estimator of scikit-learn without any attribute that a fit sets. Empty if it may have one."""
    if not isinstance(state, dict) or UNREADABLE in state or "_sklearn_version" not in state:
        return ""
    is_fitted = any(key.endswith("_") and not key.startswith("__") for key in map(str, state))
    return "" if is_fitted else f"{_with_article(name)} that is not fitted"


def _unboosted(library: str, name: str, state: Any) -> str:
    """The words for an estimator of XGBoost, LightGBM or CatBoost without trees. Empty if it may have them."""
    if not isinstance(state, dict) or UNREADABLE in state:
        return ""
    if library == "catboost":
        may_be_fitted = "__model" in state or not name.startswith("CatBoost")
    else:
        may_be_fitted = state.get("_Booster") is not None or "n_estimators" not in state
    return "" if may_be_fitted else f"{_with_article(name)} that is not fitted"


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
