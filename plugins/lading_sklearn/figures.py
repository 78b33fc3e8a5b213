"""The figures of a model on given rows. The cost of each is bounded for any number of rows, classes and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .drawing import NothingToDraw, new_figure, shown
from .fitting import is_classification
from .importance import importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .measuring import Rows

Array = np.ndarray[Any, Any]

_MOST_POINTS = 2000
_MOST_CLASSES = 30
_MOST_COUNTED_CLASSES = 15  # with more classes, the numbers do not fit into their cells
_MOST_CURVES = 10
_MOST_CURVE_POINTS = 500


@dataclass(frozen=True)
class Prediction:
    """A model, the rows and its predictions for them."""

    model: Any
    rows: Rows
    predicted: Array


def figures(model: Any, rows: Rows) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The names of a model's plots, each with its drawing function. The slowest one comes last."""
    if rows.answers.ndim > 1:  # the other plots show one output
        yield "importance", lambda: importance(model, rows)
        return
    prediction = Prediction(model, rows, np.asarray(model.predict(rows.inputs)).reshape(len(rows.answers)))
    if is_classification(model, rows.answers):
        yield "confusion", lambda: confusion(prediction)
        if _scoring(model) is not None:
            yield "curves", lambda: curves(prediction)
    else:
        yield "residuals", lambda: residuals(prediction)
    yield "importance", lambda: importance(model, rows)


def residuals(prediction: Prediction) -> Figure:
    """Plot the residual of each row over its prediction."""
    predicted = prediction.predicted.astype(float)
    left = prediction.rows.answers.astype(float) - predicted
    finite = np.flatnonzero(np.isfinite(predicted) & np.isfinite(left))
    if not len(finite):
        raise NothingToDraw("no prediction is a finite number")
    chosen = finite[_spread(len(finite), _MOST_POINTS)]
    figure = new_figure()
    axes = figure.add_subplot()
    axes.axhline(0, color="gray", linewidth=1)
    axes.scatter(predicted[chosen], left[chosen], s=12, alpha=0.6)
    label = shown(prediction.rows.label)
    axes.set(xlabel=f"predicted {label}", ylabel=f"residual: {label} less its prediction")
    axes.set_title(f"Residuals of {_share(len(chosen), len(predicted))} rows")
    return figure


def confusion(prediction: Prediction) -> Figure:
    """Plot how often each class is predicted as which class. If there are many, the rarest are counted together."""
    classes, codes = np.unique(np.concatenate((prediction.rows.answers, prediction.predicted)), return_inverse=True)
    true, found = np.split(codes.reshape(-1), 2)
    kept = _most_frequent(true, len(classes), _MOST_CLASSES)
    names = [shown(each) for each in classes[kept]]
    if len(kept) < len(classes):
        names.append(f"{len(classes) - len(kept)} others")
    places = np.full(len(classes), len(names) - 1)
    places[kept] = np.arange(len(kept))
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (places[true], places[found]), 1)
    return _matrix(counts, names, f"Confusion matrix of {len(true):,} rows")


def _matrix(counts: Array, names: Sequence[str], title: str) -> Figure:
    size = 4.0 + 0.25 * len(names)
    figure = new_figure(size + 1, size)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mesh = axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(mesh, label="share of the class")
    middles = np.arange(len(names)) + 0.5
    axes.set_xticks(middles, names, rotation=90)
    axes.set_yticks(middles, names)
    axes.invert_yaxis()
    axes.set(xlabel="predicted class", ylabel="class", title=title)
    if len(names) <= _MOST_COUNTED_CLASSES:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column + 0.5, row + 0.5, f"{count}", ha="center", va="center", color=color)
    return figure


def curves(prediction: Prediction) -> Figure:
    """Plot the ROC curve and the precision-recall curve. With more than two classes, each is compared with
    all others.
    """
    from sklearn import metrics

    figure = new_figure(11, 5)
    roc, precision = figure.subplots(1, 2)
    drawn = 0
    for name, is_class, score in _scores(prediction):
        false, true, _ = metrics.roc_curve(is_class, score)
        exact, recall, _ = metrics.precision_recall_curve(is_class, score)
        _line(roc, false, true, f"{metrics.auc(false, true):.3f} {name}")
        _line(precision, recall, exact, f"{metrics.average_precision_score(is_class, score):.3f} {name}")
        drawn += 1
    if not drawn:
        raise NothingToDraw("the rows have only one class, so no curve can be drawn")
    roc.plot([0, 1], [0, 1], color="gray", linestyle=":", linewidth=1)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC curve")
    precision.set(xlabel="recall", ylabel="precision", title="Precision-recall curve")
    roc.legend(title="area under the curve", fontsize="small")
    precision.legend(title="average precision", fontsize="small")
    return figure


def _line(axes: Any, xs: Array, ys: Array, label: str) -> None:
    chosen = _spread(len(xs), _MOST_CURVE_POINTS)
    axes.plot(xs[chosen], ys[chosen], label=label, linewidth=1.5)


def _scores(prediction: Prediction) -> Iterator[tuple[str, Array, Array]]:
    """The most frequent classes by name, each with the rows of that class and the score of each row."""
    rows, method = prediction.rows, _scoring(prediction.model)
    assert method is not None, "the curves need scores of the model"
    scores, classes = np.asarray(method(rows.inputs)), np.asarray(prediction.model.classes_)
    if len(classes) == 2:
        scores = scores.reshape(len(scores), -1)[:, -1:]
        classes = classes[1:]
    if scores.shape != (len(rows.answers), len(classes)):
        raise NothingToDraw(f"the model has scores of the shape {scores.shape} for {len(classes)} classes")
    members = np.array([rows.answers == each for each in classes])
    counts = members.sum(axis=1)
    for place in np.argsort(-counts, kind="stable")[:_MOST_CURVES]:
        if 0 < counts[place] < len(rows.answers):
            yield shown(classes[place]), members[place], scores[:, place]


def _scoring(model: Any) -> Callable[[Any], Any] | None:
    """The function for the scores of the classes, if the model has it."""
    if not hasattr(model, "classes_"):
        return None
    return getattr(model, "predict_proba", None) or getattr(model, "decision_function", None)


def _most_frequent(codes: Array, classes: int, most: int) -> Array:
    """The codes of the most frequent classes, in order; all classes if there are at most `most`."""
    if classes <= most:
        return np.arange(classes)
    return np.sort(np.argsort(-np.bincount(codes, minlength=classes), kind="stable")[: most - 1])


def _spread(number: int, most: int) -> Array:
    """At most `most` positions of `number`, evenly spread, including the first and the last."""
    return np.arange(number) if number <= most else np.linspace(0, number - 1, most).round().astype(int)


def _share(some: int, every: int) -> str:
    return f"{some:,}" if some == every else f"{some:,} of {every:,}"
