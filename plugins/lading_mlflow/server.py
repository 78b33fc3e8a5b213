"""The port on an MLflow server. Only this module imports mlflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from lading import Context, LadingError, PluginError, StageFailed, Transient

from .environment import client_settings, credentials, redacted
from .options import MlflowOptions
from .port import Notes

with client_settings("", {}, retries=0):  # mlflow decides about telemetry at import
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag, ViewType
    from mlflow.exceptions import MlflowException
    from requests import RequestException

Item = TypeVar("Item")

_RETRIES = 2
_PAGE = 1000
_MOST_AT_ONCE = 100  # the limit of parameters or tags in one request
_READY_WITHIN = 60  # seconds for a registry to copy a model


def connect(options: MlflowOptions, context: Context) -> MlflowServer:
    """Connect to a server, and find or create the experiment. Raises the same errors as the methods of the port."""
    return MlflowServer(options.tracking_uri.rstrip("/"), options.experiment, credentials(options, context))


class MlflowServer:
    """See `port.Server`."""

    def __init__(self, uri: str, experiment: str, signed_in: Mapping[str, str]) -> None:
        self._uri = uri
        self._signed_in = signed_in
        with self._calling("the experiment"):
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            self._experiment = self._find_experiment(experiment) or self._make_experiment(experiment)

    def _find_experiment(self, name: str) -> str | None:
        found = self._client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage != "active":
            raise StageFailed(
                f"the experiment '{name}' at {self._uri} is deleted",
                hint=f"restore it with `mlflow experiments restore --experiment-id {found.experiment_id}`",
            )
        return None if found is None else str(found.experiment_id)

    def _make_experiment(self, name: str) -> str:
        try:
            return str(self._client.create_experiment(name))
        except MlflowException:
            found = self._find_experiment(name)  # created by another client, or by a call of ours whose reply was lost
            if found is None:
                raise
            return found

    def find_run(self, tag: str, value: str) -> str | None:
        with self._calling("the runs"):
            found = self._client.search_runs(
                [self._experiment],
                f"tags.`{tag}` = '{value}'",
                run_view_type=ViewType.ACTIVE_ONLY,
                max_results=1,
                order_by=["attributes.start_time ASC"],
            )
        return found[0].info.run_id if found else None

    def create_run(self, name: str, started: datetime, tags: Mapping[str, str]) -> str:
        with self._calling("a run", retries=0):
            run = self._client.create_run(
                self._experiment, start_time=_milliseconds(started), tags=dict(tags), run_name=name
            )
        return str(run.info.run_id)

    def note(self, run: str, notes: Notes, at: datetime) -> None:
        metrics = [Metric(name, value, _milliseconds(at), 0) for name, value in notes.metrics.items()]
        metrics += [
            Metric(name, value, _milliseconds(at), step) for name, pairs in notes.steps.items() for step, value in pairs
        ]
        params = [Param(name, value) for name, value in notes.parameters.items()]
        tags = [RunTag(name, value) for name, value in notes.tags.items()]
        with self._calling("a run"):
            for some in _batches(metrics):
                self._client.log_batch(run, metrics=some, synchronous=True)
            for some_params in _batches(params):
                self._client.log_batch(run, params=some_params, synchronous=True)
            for some_tags in _batches(tags):
                self._client.log_batch(run, tags=some_tags, synchronous=True)

    def end_run(self, run: str, status: str, ended: datetime) -> None:
        with self._calling("a run"):
            self._client.set_terminated(run, status, _milliseconds(ended))

    def upload(self, run: str, folder: Path, name: str) -> str:
        with self._calling("the model's files"):
            place = self._artifacts(run)
            self._client.log_artifacts(run, str(folder), artifact_path=name)
        return f"{place}/{name}"

    def attach(self, run: str, files: Sequence[Path], name: str) -> None:
        with self._calling("the run's files"):
            self._artifacts(run)
            for file in files:
                self._client.log_artifact(run, str(file), artifact_path=name)

    def _artifacts(self, run: str) -> str:
        """The address of a run's artifacts. Raises StageFailed if the client would write them into its own folder."""
        place = str(self._client.get_run(run).info.artifact_uri)
        if urlsplit(place).scheme in ("", "file"):
            raise StageFailed(
                f"the MLflow server at {self._uri} keeps artifacts in a local folder of the server",
                hint="start it with `mlflow server --serve-artifacts --artifacts-destination …`",
            )
        return place

    def find_version(self, model: str, tag: str, value: str) -> str | None:
        with self._calling("the model registry"):
            found = [
                int(version.version)
                for version in _every(lambda token: self._versions(model, token))
                if version.tags.get(tag) == value and version.status != "FAILED_REGISTRATION"
            ]
        return str(min(found)) if found else None

    def _versions(self, model: str, token: str | None) -> Any:
        return self._client.search_model_versions(f"name = '{model}'", max_results=_PAGE, page_token=token)

    def create_model(self, model: str) -> None:
        with self._calling("the model registry"):
            try:
                self._client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def create_version(self, model: str, source: str, run: str, tags: Mapping[str, str], description: str) -> str:
        with self._calling("the model registry", retries=0):
            version = self._client.create_model_version(
                model,
                source,
                run_id=run,
                tags=dict(tags),
                description=description,
                await_creation_for=_READY_WITHIN,
            )
        return str(version.version)

    def run_url(self, run: str) -> str:
        return f"{self._uri}/#/experiments/{self._experiment}/runs/{run}"

    def version_url(self, model: str, version: str) -> str:
        return f"{self._uri}/#/models/{quote(model, safe='')}/versions/{version}"

    @contextmanager
    def _calling(self, what: str, *, retries: int = _RETRIES) -> Iterator[None]:
        """Run calls of the client and translate their failures.

        The client never repeats a create: after a lost reply, only a search shows whether it happened.
        """
        try:
            with client_settings(self._uri, self._signed_in, retries=retries):
                yield
        except (MlflowException, RequestException) as error:
            raise self._failure(error, what) from error
        except ImportError as error:
            raise PluginError(
                f"the artifacts of the MLflow server at {self._uri} need {error.name}", hint=f"pip install {error.name}"
            ) from error

    def _failure(self, error: MlflowException | RequestException, what: str) -> LadingError:
        server, status = f"the MLflow server at {self._uri}", _status(error)
        if status == 401:
            hint = "see token_from, username and password_from of the connection"
            return StageFailed(f"{server} does not accept the credentials (401)", hint=hint)
        if status == 403:
            return StageFailed(
                f"{server} does not allow this user {what} (403)", hint="ask its administrator for permission"
            )
        if status == 404 and what == "the model registry":
            hint = "give it a database: `mlflow server --backend-store-uri sqlite:///mlflow.db`"
            return StageFailed(f"{server} has no model registry", hint=hint)
        said = self._shown(error)
        if status == 429 or status >= 500:
            hint = "run the same command again once it answers"
            return Transient(f"{server} does not answer for {what}: {said}", hint=hint)
        return StageFailed(f"{server} refuses {what}: {said}")

    def _shown(self, error: Exception) -> str:
        """One line of the client's text, without control characters and credentials."""
        text = redacted(" ".join(str(error).split()), self._signed_in)
        return "".join(c for c in text if c.isprintable())[:300]


def _status(error: Any) -> int:
    """The HTTP status; a server error if no reply came."""
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    return 503 if error.response is None else int(error.response.status_code)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _MOST_AT_ONCE):
        yield items[start : start + _MOST_AT_ONCE]


def _every(page: Callable[[str | None], Any]) -> Iterator[Any]:
    """Every item of a search, page by page."""
    token = None
    while True:
        found = page(token)
        yield from found
        token = found.token
        if not token:
            return
