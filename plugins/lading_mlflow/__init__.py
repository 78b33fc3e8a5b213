"""MLflow: a connection, the tracker of runs and the registry of models that are reached through it.

One module, `server.py`, imports mlflow, and it is loaded where a command uses the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import (
    ConnectRequest,
    Context,
    Description,
    ModelReference,
    PluginError,
    RegisterRequest,
    Run,
    TrackedRun,
    hookimpl,
)

from .options import MlflowOptions

if TYPE_CHECKING:
    from .port import Server


@hookimpl
def lading_describe() -> Description:
    return Description(summary="an MLflow server: logs runs, registers models", options=MlflowOptions)


@hookimpl
def lading_connect(request: ConnectRequest, context: Context) -> Server:
    """Reach the server, and find or make the experiment.

    Raises BadInput for a credential that is not set, Transient for a server that does not answer, and StageFailed for
    one that refuses.
    """
    try:
        from .server import connect
    except ImportError as error:
        missing = f"the plugin 'mlflow' needs {error.name or 'mlflow-skinny'}"
        raise PluginError(missing, hint="pip install 'lading[mlflow]'") from error
    assert isinstance(request.options, MlflowOptions)
    context.progress("connecting", request.options.tracking_uri)
    return connect(request.options, context)


@hookimpl
def lading_track(request: Run, context: Context) -> TrackedRun:
    """Log a run, as a new one or in the one that has our run's id in its tags."""
    from .tracking import track

    return track(context.connection, request)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    """Register a model, or find the version that has its sha256 in its tags."""
    from .registry import register

    return register(context.connection, request, context.work)
