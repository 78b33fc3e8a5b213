"""The models of a workspace.

`Model.register` is not used. It requires the file under the working directory, prints, and repeats a POST without an
answer, which would register the same bytes twice. Its calls are made here one by one, the last one only once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azureml._restclient.assets_client import AssetsClient
from azureml._restclient.models_client import ModelsClient
from azureml.core import Model

from lading import copy_model, model_files

from ..port import SHA256, NewModel, RegisteredModel
from .artifacts import sha256_of, sha256_of_file
from .runs import Runs

_OUTPUTS = "outputs"


class Models(Runs):
    def model(self, name: str, version: int) -> RegisteredModel | None:
        path = f"/models/{quote(f'{name}:{version}', safe='')}"
        answer = self._call(f"reading model {name}:{version}", lambda: self._mms_or_none("GET", path))
        if answer is None:
            return None
        return RegisteredModel(name, version, (answer.json().get("properties") or {}).get(SHA256))

    def find_unlisted_model(self, name: str, sha256: str) -> RegisteredModel | None:
        listed = self._call(f"looking for model {name}", lambda: list(self._client(ModelsClient).query(name=name)))
        number = max((int(model.version) for model in listed if model.name == name), default=0) + 1
        while (found := self.model(name, number)) is not None and found.sha256 != sha256:
            number += 1
        return found

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
        """Upload the model to the outputs of its run, if it has one, and return the prefix of the artifact."""
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
        """The id of the asset that contains the file. If an earlier answer was lost, the asset is found by its run."""
        client = self._client(AssetsClient)
        known = client.list_assets_with_query(run_id=model.run, name=model.name) if model.run else ()
        same = (asset.id for asset in known if any(artifact.prefix == prefix for artifact in asset.artifacts))
        found = next(same, None)
        return str(found or client.create_asset(model.name, [{"prefix": prefix}], None, run_id=model.run).id)


def _upload_once(run: Any, model: NewModel) -> str:
    """Upload the file or folder to the outputs of a run, and return its name there.

    An interrupted upload can leave a name without its whole content, and the name cannot be written again. Then the
    model is uploaded under another name.
    """
    known = run.get_file_names()
    for number in range(1, len(known) + 3):
        folder = _OUTPUTS if number == 1 else f"{_OUTPUTS}/{number}"
        name = f"{folder}/{model.file_name}"
        present = {path for path in known if path == name or path.startswith(f"{name}/")}
        files = {f"{folder}/{path}": file for path, file in model_files(model.file, model.file_name).items()}
        if not present:
            upload = run.upload_folder if model.file.is_dir() else run.upload_file
            upload(name, str(model.file))
            return name
        if present == set(files) and all(sha256_of(run, path) == sha256_of_file(files[path]) for path in files):
            return name
    raise AssertionError("there are more names than a run has files")


@contextmanager
def _named(model: NewModel) -> Iterator[Path]:
    """A link to the model under its own name, for the artifact. In the store, the digest is its name."""
    with tempfile.TemporaryDirectory(prefix="lading-") as folder:
        copy_model(model.file, model.file_name, Path(folder))
        yield Path(folder) / model.file_name


def _registered(model: Any) -> RegisteredModel:
    return RegisteredModel(model.name, int(model.version), _sha256(model))


def _sha256(model: Any) -> str | None:
    return (model.properties or {}).get(SHA256)
