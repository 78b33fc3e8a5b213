"""The possible metrics of a model by name, and whether greater is better."""

from __future__ import annotations

from difflib import get_close_matches

RECORDED = {"r2": True, "mse": False, "mae": False, "accuracy": True, "f1": True}
"""The metrics that a run records, and whether greater is better. They come before a scorer with the same name."""


def unknown_metric(name: str, *, scripted: bool) -> str:
    """Why a model cannot have this metric, with the known names; empty if it can. A training script can log
    any name.
    """
    recorded = (*RECORDED, *(f"train_{known}" for known in RECORDED))
    if scripted or name in recorded or name == "intercept" or name.startswith("coef"):
        return ""
    scorers = scorer_names()
    if not scorers or name in scorers:
        return ""
    close = get_close_matches(name.lower(), dict.fromkeys((*recorded, *scorers)), n=3)
    guess = f" (did you mean {' or '.join(close)}?)" if close else ""
    return f"no metric of this name{guess}; known are {', '.join(RECORDED)} and the scorers of scikit-learn"


def scorer_names() -> list[str]:
    """The names of scikit-learn's scorers; empty if it is not installed."""
    try:
        from sklearn.metrics import get_scorer_names
    except ImportError:
        return []
    names: list[str] = get_scorer_names()
    return names


def greater_is_better(name: str) -> bool | None:
    """Whether a greater value is better; None for a name from a script. For every scorer, greater is better."""
    if name.removeprefix("train_") in RECORDED:
        return RECORDED[name.removeprefix("train_")]
    return True if name in scorer_names() else None
