"""The trainer `sklearn`: fits a scikit-learn model in a child process, and describes a finished one unopened."""

from __future__ import annotations

from lading import Context, Description, InspectRequest, TrainedModel, TrainRequest, hookimpl

from .options import SklearnOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="train a scikit-learn model: an estimator, named steps or a script of yours",
        options=SklearnOptions,
        libraries=("scikit-learn", "numpy", "scipy", "pandas", "joblib"),
    )


@hookimpl
def lading_train(request: TrainRequest, context: Context) -> TrainedModel:
    """Fit what the options name. See `training.train`."""
    from .training import train

    return train(request, context)


@hookimpl
def lading_inspect(request: InspectRequest) -> TrainedModel:
    """Describe a finished model file. See `inspection.inspect`."""
    from .inspection import inspect

    return inspect(request.file)
