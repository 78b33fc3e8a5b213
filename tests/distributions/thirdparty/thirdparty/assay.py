"""An evaluator for models that are a number. Its block has one option that no other block has."""

from dataclasses import dataclass

from lading import Context, Description, EvaluateRequest, Measured, Options, hookimpl

from . import Wrong, note


@dataclass(frozen=True)
class AssayOptions(Options):
    unit: float = 1.0
    """The factor of the weight."""
    plots: tuple[str, ...] = ()
    """The names of the files that it draws."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="weighs a number", api=1, options=AssayOptions)


@hookimpl
def lading_evaluate(request: EvaluateRequest[AssayOptions], context: Context) -> Measured | Wrong:
    misbehaviour = note("lading_evaluate", model=request.file.read_text(), wanted=list(request.metrics))
    if misbehaviour is not None:
        return misbehaviour
    weight = float(request.file.read_text()) * request.options.unit
    wanted = float(request.data.read_text()) if request.data else 0.0
    plots = tuple(request.folder / name for name in request.options.plots if request.plots)
    for plot in plots:
        plot.write_text(f"<svg><!-- {weight} --></svg>")
    return Measured(
        metrics={"weight": weight, "error": abs(weight - wanted)},
        greater_is_better={"weight": True, "error": False},
        plots=plots,
    )
