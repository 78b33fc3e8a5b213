"""The plugin `sklearn`: fits and measures a scikit-learn model in a child process, and describes a finished one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Description, hookimpl

from .options import SklearnEvaluation, SklearnOptions

if TYPE_CHECKING:  # a deploy with nothing to do needs only the description
    from lading import Context, EvaluateRequest, InspectRequest, Measured, TrainedModel, TrainRequest


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="train a scikit-learn model (an estimator, named steps or a script of yours), and measure one",
        api=1,
        options=SklearnOptions,
        role_options={"evaluate": SklearnEvaluation},
        libraries=("scikit-learn", "numpy", "scipy", "pandas", "joblib"),
        inspects_with=("skops",),
    )


@hookimpl
def lading_train(request: TrainRequest[SklearnOptions], context: Context) -> TrainedModel:
    """Fit the model that the options name. See `training.train`."""
    from .training import train

    return train(request, context)


@hookimpl
def lading_evaluate(request: EvaluateRequest[SklearnEvaluation], context: Context) -> Measured:
    """Measure a model in a child process. See `evaluating.evaluate`."""
    from .evaluating import evaluate

    return evaluate(request, context)


@hookimpl
def lading_inspect(request: InspectRequest) -> TrainedModel:
    """Describe a finished model. See `inspection.inspect` and `folders.inspect_folder`."""
    from .requiring import with_requirements

    if request.file.is_dir():
        from .folders import inspect_folder

        return with_requirements(inspect_folder(request.file))
    from .inspection import inspect

    return with_requirements(inspect(request.file))
