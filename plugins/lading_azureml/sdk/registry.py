"""The workspace's container registry, and the images that the workspace builds into it.

The SDK's `ModelPackage` is not used. It waits without a limit, prints, and asks the public cloud for the registry's
password even if the workspace is in another cloud.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import requests
from azureml._model_management._constants import WORKSPACE_RP_API_VERSION
from azureml._model_management._util import make_http_request
from azureml.core import Model

from lading import StageFailed

from ..port import BuiltImage, Image, NoAdminUser
from .images import inference_config
from .models import Models

_TIMEOUT = 30  # seconds
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class _Registry(NamedTuple):
    host: str
    sign_in: tuple[str, str]


class Images(Models):
    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        registry = self._call("reading the keys of the container registry", self._registry)
        if registry is None:
            return None
        url = f"https://{registry.host}/v2/{repository}/manifests/{label}"
        headers = {"Accept": _MANIFESTS}
        answer = self._call(
            f"looking for image {repository}:{label}",
            lambda: requests.head(url, auth=registry.sign_in, headers=headers, timeout=_TIMEOUT),
        )
        if answer.status_code == requests.codes.unauthorized:
            raise StageFailed(
                f"container registry {registry.host} does not accept its admin user",
                hint="enable the registry's admin user, which Azure ML needs",
            )
        if answer.status_code == requests.codes.not_found:
            return None
        self._call(f"looking for image {repository}:{label}", answer.raise_for_status)
        return BuiltImage(registry.host, repository, answer.headers["Docker-Content-Digest"])

    def build_image(self, image: Image, repository: str, label: str) -> str:
        def build() -> str:
            models, config = [self._model(model.id) for model in image.models], inference_config(image)
            package = Model.package(self._workspace, models, config, image_name=repository, image_label=label)
            return str(package._operation_id)

        return self._call(f"asking for image {repository}:{label}", build)

    def _require_admin_user(self) -> None:
        """Raise NoAdminUser if the workspace has a registry: then only its admin user is missing."""
        registry = getattr(self._workspace._workspace_autorest_object, "container_registry", None)
        if registry:
            raise NoAdminUser(registry.rpartition("/")[2], self._workspace.name)

    def check_registry(self) -> None:
        self._call("reading the keys of the container registry", self._registry)

    def _registry(self) -> _Registry | None:
        """The registry and its admin user; None if the workspace has not built its first image yet.

        Raises NoAdminUser if the registry has no admin user.
        """
        cloud, scope = self._call.identity.cloud, self._workspace.service_context._get_workspace_scope()
        found: dict[str, Any] = make_http_request(
            "POST",
            f"{cloud.endpoints.resource_manager.rstrip('/')}{scope}/listKeys",
            headers=self._workspace._auth.get_authentication_header(),
            params={"api-version": WORKSPACE_RP_API_VERSION},
        ).json()
        user = found.get("containerRegistryCredentials")
        if not user:
            self._require_admin_user()
            return None
        host = f"{user['username'].lower()}{cloud.suffixes.acr_login_server_endpoint}"
        return _Registry(host, (user["username"], user["passwords"][0]["value"]))
