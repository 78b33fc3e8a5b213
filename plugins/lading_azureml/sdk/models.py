"""Models of a workspace.

`Model.register` is not used: it wants the file under the working directory, prints, and repeats a POST that nobody
answered, which would register the same bytes twice. The same calls are made here one by one, the last one once.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azureml._restclient.assets_client import AssetsClient
from azureml._restclient.models_client import ModelsClient
from azureml.core import Model

from ..port import SHA256, NewModel, RegisteredModel
from .runs import Runs

_OUTPUTS = "outputs"
_CHUNK = 1 << 20  # bytes


class Models(Runs):
    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        found = self._call(
            f"looking for model {name}",
            lambda: list(self._client(ModelsClient).query(name=name, properties=f"{SHA256}={sha256}")),
        )
        same = [_registered(model) for model in found if model.name == name and _sha256(model) == sha256]
        return min(same, key=lambda model: model.version, default=None)

    def register_model(self, model: NewModel) -> RegisteredModel:
        prefix = self._call(f"uploading {model.file_name}", lambda: self._upload(model))
        return self._call(f"registering model {model.name}", lambda: self._register(model, prefix))

    def _model(self, model_id: str) -> Any:
        """The SDK's object for a model version, without its run and data sets."""
        found = self._client(ModelsClient).get_by_id(model_id)
        return Model(self._workspace, _model_dto=found, expand=False)

    def _upload(self, model: NewModel) -> str:
        """Upload the file to the outputs of its run, where it has one, and return the prefix of the artifact."""
        if model.run is None or model.experiment is None:
            with _named(model) as path:
                return str(Model._create_artifacts(self._workspace.service_context, str(path), model.name))
        run = self._run(model.experiment, model.run)
        return f"ExperimentRun/{run._container}/{_upload_once(run, model)}"

    def _register(self, model: NewModel, prefix: str) -> RegisteredModel:
        made = self._client(ModelsClient).register_model(
            name=model.name,
            tags=dict(model.tags),
            properties=dict(model.properties),
            description=model.description or None,
            url=f"aml://asset/{self._asset(model, prefix)}",
            framework=model.framework,
            framework_version=model.framework_version or None,
            experiment_name=model.experiment,
            run_id=model.run,
            datasets=[],
        )
        return RegisteredModel(made.name, int(made.version), model.properties[SHA256])

    def _asset(self, model: NewModel, prefix: str) -> str:
        """The id of the asset that holds the file; one whose answer was lost is found by its run."""
        client = self._client(AssetsClient)
        known = client.list_assets_with_query(run_id=model.run, name=model.name) if model.run else ()
        same = (asset.id for asset in known if any(artifact.prefix == prefix for artifact in asset.artifacts))
        found = next(same, None)
        return str(found or client.create_asset(model.name, [{"prefix": prefix}], None, run_id=model.run).id)


def _upload_once(run: Any, model: NewModel) -> str:
    """The name under which the outputs of a run hold the file. A name may be there without all of its content, where an
    upload was cut off, and cannot be written again: the file is then uploaded beside it.
    """
    known = run.get_file_names()
    folders = (_OUTPUTS, *(f"{_OUTPUTS}/{number}" for number in range(2, len(known) + 3)))
    for name in (f"{folder}/{model.file_name}" for folder in folders):
        if name not in known:
            run.upload_file(name, str(model.file))
            return name
        if _sha256_of(run, name) == model.properties[SHA256]:
            return name
    raise AssertionError("there are more names than a run has files")


def _sha256_of(run: Any, name: str) -> str | None:
    """The digest of what a run holds under a name; None where it holds nothing. The SDK's own download asks for what is
    missing again and again, for minutes.
    """
    import requests

    address = run._client.artifacts.get_file_uri("ExperimentRun", run._container, name)
    digest = hashlib.sha256()
    with requests.get(address, stream=True, timeout=60) as answer:
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _named(model: NewModel) -> Iterator[Path]:
    """The file under its own name, which the artifact bears; the store's files are named by their digests."""
    with tempfile.TemporaryDirectory(prefix="lading-") as folder:
        path = Path(folder) / model.file_name
        try:
            path.hardlink_to(model.file)
        except OSError:
            shutil.copyfile(model.file, path)
        yield path


def _registered(model: Any) -> RegisteredModel:
    return RegisteredModel(model.name, int(model.version), _sha256(model))


def _sha256(model: Any) -> str | None:
    return (model.properties or {}).get(SHA256)
