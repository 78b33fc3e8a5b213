"""The environment of a release: a finished image, or one that Azure builds from the package's conda file.

A built environment has no package in it. So Azure also gets the scoring script as a code asset, and the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Json
from lading_azureml.servers import server

from . import bodies
from .owning import connection

if TYPE_CHECKING:
    from lading import Context, DeployRequest
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions

_APP = "azureml-app"  # the folder of a package with its scoring script


def environment(request: DeployRequest[OnlineOptions]) -> Json:
    """The environment of a release, as a request writes it."""
    base = request.deployment.options.environment
    if base:
        return bodies.built_environment(base.image, _conda(request))
    assert request.image is not None, "the engine gives an image to a target that asks for one"
    return bodies.environment(request.image.reference)


def uploaded(kind: Kind, request: DeployRequest[OnlineOptions], workspace: Workspace, context: Context) -> Json:
    """The deployment of a release, as a request writes it, after the workspace has all that it names."""
    made = environment(request)
    version = bodies.version_of(made)
    workspace.put_environment(version, made)
    for asset in bodies.data_assets(request).values():
        if not workspace.has_data(asset.name, asset.version):
            context.intend(f"data/{asset.name}/{asset.version}")
            workspace.put_data(asset.name, asset.version, asset.body)
    more = _contents(request, workspace, context)
    return bodies.deployment(kind, request, workspace, workspace.environment_id(version), more)


def _contents(request: DeployRequest[OnlineOptions], workspace: Workspace, context: Context) -> Json:
    """The part of a deployment with its script and its model; empty for a finished image, which has both.

    They are registered in the workspace if it lacks them.
    """
    if not request.deployment.options.environment:
        return {}
    from lading_azureml_v2.registering import ensure
    from lading_azureml_v2.sources import ensure_code

    package, model = request.package, request.package.model
    version = ensure(model, context, number=str(model.version))
    code = ensure_code(workspace, package.folder / _APP, package.digest, context)
    return {
        "codeConfiguration": {"codeId": code, "scoringScript": package.scoring_script},
        "model": connection(context).models.model_id(model.name, version),
    }


def _conda(request: DeployRequest[OnlineOptions]) -> str:
    """The conda file of the package, with the server that Azure's images start."""
    import yaml  # a finished image does not need it

    conda = yaml.safe_load((request.package.folder / "conda.yml").read_text(encoding="utf-8"))
    added = server(request.environment)
    pip = next((each for each in conda["dependencies"] if isinstance(each, dict)), None)
    if pip is None:
        pip = {"pip": []}
        conda["dependencies"] += ["pip", pip]
    pip["pip"] += [added] if added else []
    return str(yaml.safe_dump(conda, sort_keys=False))
