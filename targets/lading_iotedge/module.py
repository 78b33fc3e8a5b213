"""Our module in the content of a device or a fleet.

Labels of its container mark it as ours. They contain the tags of the release, the routes that came with it, and the
places of its variables. So the module has all information for a restore, and no value of a variable is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem

from lading import BadInput, Context, Deployment, DeployRequest, Json, StageFailed

from . import comparing, create_options
from .image import reference
from .options import IotEdgeOptions, Registry
from .signing import value_of

PACKAGE, MODEL, RELEASE, RELEASE_ID = "lading.package", "lading.model", "lading.release", "lading.release-id"
_VARIABLES, _ROUTES, _REGISTRY, _TWIN = (
    "lading.variables",
    "lading.routes",
    "lading.registry",
    "lading.twin",
)
_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Part:
    """The part of a device's content that belongs to one release. `credentials` are those of its registry, by name, and
    `twin` has the desired properties of the module.
    """

    options: IotEdgeOptions
    name: str
    module: Mapping[str, Json]
    routes: Mapping[str, Json]
    credentials: Mapping[str, Json]
    twin: Mapping[str, Json] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return str(self.module["settings"]["image"])

    @property
    def parts(self) -> dict[str, Json]:
        """The parts to compare with those on the hub."""
        credential: Mapping[str, Json] = next(iter(self.credentials.values()), {})
        return comparing.parts(self.module, self.routes, credential, self.twin)


def module_name(deployment: Deployment[IotEdgeOptions]) -> str:
    options = deployment.options
    return options.module or deployment.service


def part(request: DeployRequest[IotEdgeOptions], context: Context) -> Part:
    """Our part of the content. Raises BadInput for an image that edgeAgent refuses, or for a variable that
    is not set.
    """
    image = reference(request, request.deployment.options.pull_from)
    return _part(request.deployment, request.tags, image, context)


def draft(deployment: Deployment[IotEdgeOptions], context: Context) -> Part:
    """The part before its image is made, to check the rest."""
    return _part(deployment, {}, "", context)


def _part(deployment: Deployment[IotEdgeOptions], tags: Mapping[str, str], image: str, context: Context) -> Part:
    options = deployment.options
    module: dict[str, Json] = {
        "type": "docker",
        "status": "running",
        "restartPolicy": options.restart_policy,
        "settings": {"image": image, **create_options.split(_create_options(deployment, tags))},
    }
    if options.env:
        module["env"] = {name: {"value": value} for name, value in options.env.items()}
    if options.startup_order is not None:
        module["startupOrder"] = options.startup_order
    credentials = _credentials(options, context)
    return Part(options, module_name(deployment), module, options.routes, credentials, dict(options.twin))


def _create_options(deployment: Deployment[IotEdgeOptions], tags: Mapping[str, str]) -> dict[str, Json]:
    options = deployment.options
    found: dict[str, Json] = json.loads(json.dumps(options.create_options))
    port = f"{options.container_port}/tcp"
    if options.host_port is not None:
        found.setdefault("ExposedPorts", {})[port] = {}
        found.setdefault("HostConfig", {}).setdefault("PortBindings", {})[port] = [{"HostPort": str(options.host_port)}]
    written = deployment.written
    references = [
        [path, text]
        for name in ("env", "create_options", "routes", "twin")
        for path, text in _references(getattr(options, name), written.get(name, {}), (name,))
    ]
    marks = {_VARIABLES: json.dumps(references), _ROUTES: json.dumps(sorted(options.routes))}
    if options.registry is not None:
        marks[_REGISTRY] = json.dumps({options.registry.key: _named(options.registry)})
    if options.twin:
        marks[_TWIN] = json.dumps(sorted(options.twin))
    found["Labels"] = {**found.get("Labels", {}), **tags, **marks}
    return found


def _named(registry: Registry) -> dict[str, str]:
    """The credentials of a registry, with names of variables in place of values."""
    return {"address": registry.address, "username": registry.username, "password": registry.password}


def _credentials(options: IotEdgeOptions, context: Context) -> dict[str, Json]:
    registry = options.registry
    if registry is None:
        return {}
    signing_in = {
        "username": value_of(registry.username, "registry.username", context),
        "password": value_of(registry.password, "registry.password", context),
    }
    return {registry.key: {"address": registry.address, **signing_in}}


def is_ours(module: Mapping[str, Json], deployment: Deployment) -> bool:
    """Whether a module has the labels of this deployment."""
    found = create_options.labels(module)
    return (found.get("lading.service"), found.get("lading.target")) == (deployment.service, deployment.target)


def is_owned(module: Mapping[str, Json], deployment: Deployment[IotEdgeOptions], context: Context) -> bool:
    """Whether a module at the deployment's place is ours, also if somebody removed its labels."""
    place = f"{deployment.options.device}/{module_name(deployment)}"
    return is_ours(module, deployment) or comparing.lost_labels(context, module, place) is not None


def our_module(
    modules: Mapping[str, Json], deployment: Deployment[IotEdgeOptions], device: str, context: Context
) -> Mapping[str, Json] | None:
    """The deployment's module. Raises StageFailed if the name belongs to another module, which is never changed."""
    name = module_name(deployment)
    found: Mapping[str, Json] | None = modules.get(name)
    if found is not None and not is_owned(found, deployment, context):
        target = create_options.labels(found).get("lading.target")
        owner = f"belongs to the target '{target}' of Lading" if target else "is not Lading's"
        raise StageFailed(
            f"a module {name} is on device {device} already, and it {owner}: it is left alone",
            hint="give the target's block another module name",
        )
    return found


def routes_of(module: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of the routes that came with a module of ours."""
    return tuple(json.loads(create_options.labels(module).get(_ROUTES, "[]")))


def own_routes(
    modules: Mapping[str, Json], now: Mapping[str, Json] | None, deployment: Deployment, context: Context
) -> list[str]:
    """The names of our routes on a device. `now` is our module there. After a change of its name there are two."""
    mine = [each for each in modules.values() if is_ours(each, deployment)]
    lost = [] if now is None or is_ours(now, deployment) else comparing.routes(context)
    return [*lost, *(route for each in mine for route in routes_of(each))]


def twin_of(module: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of the desired properties that came with a module of ours."""
    return tuple(json.loads(create_options.labels(module).get(_TWIN, "[]")))


def registries_of(module: Mapping[str, Json]) -> Mapping[str, Mapping[str, str]]:
    """The registries whose credentials came with a module of ours, with names of variables in place of values."""
    found: Mapping[str, Mapping[str, str]] = json.loads(create_options.labels(module).get(_REGISTRY, "{}"))
    return found


def credentials_again(module: Mapping[str, Json], context: Context, names: Collection[str]) -> dict[str, Json]:
    """The credentials that came with a module, from the variables in `names`. Missing ones are left as they are."""
    found: dict[str, Json] = {}
    for name, registry in registries_of(module).items():
        with suppress(BadInput):
            if {registry["username"], registry["password"]} <= set(names):
                signing_in = {part: context.secret(registry[part]).reveal() for part in ("username", "password")}
                found[name] = {"address": registry["address"], **signing_in}
    return found


def variables(deployment: Deployment[IotEdgeOptions]) -> set[str]:
    """The names of the variables in a manifest's block."""
    registry = deployment.options.registry
    own = {registry.username, registry.password} if registry else set()
    return own.union(filter(None, _REFERENCE.findall(json.dumps(dict(deployment.written)))))


def without_values(
    module: Mapping[str, Json], routes: Mapping[str, Json], twin: Mapping[str, Json]
) -> Mapping[str, Mapping[str, Json]]:
    """The module, its routes and its twin with `${NAME}` in place of each variable's value, to be stored in a file."""
    return dict(zip(("module", "routes", "twin"), _exchanged(module, routes, twin, lambda text: text), strict=True))


def with_values(
    kept: Mapping[str, Mapping[str, Json]], context: Context, names: Collection[str]
) -> tuple[Mapping[str, Json], ...]:
    """The module, its routes and its twin with the values again. Raises BadInput if a variable is not set any more.

    Anyone who can write to the hub can write labels too. So only the variables in `names` are read.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] and match[1] not in names:
            raise StageFailed(
                f"the previous content needs {match[1]}, a variable that no manifest deployed from this store has used",
                hint="deploy the manifest that it came from",
            )
        return context.secret(match[1]).reveal() if match[1] else "${"

    twin = kept.get("twin") or {}
    return _exchanged(kept["module"], kept["routes"], twin, lambda text: _REFERENCE.sub(value, text))


def _exchanged(
    module: Mapping[str, Json], routes: Mapping[str, Json], twin: Mapping[str, Json], text_of: Callable[[str], str]
) -> tuple[Mapping[str, Json], ...]:
    """The module, its routes and its twin, with another text in place of each variable's value."""
    env = {name: dict(item) for name, item in module.get("env", {}).items()}
    tree: dict[str, Json] = {"env": env, "create_options": create_options.joined(module), "routes": dict(routes)}
    tree["twin"] = json.loads(json.dumps(twin))
    for path, text in json.loads(create_options.labels(module).get(_VARIABLES, "[]")):
        *way, last = (*path, "value") if path[0] == "env" else path
        with suppress(KeyError, IndexError, TypeError):  # the value may have been removed on the hub
            holder = reduce(getitem, way, tree)
            getitem(holder, last)
            holder[last] = text_of(text)
    settings = {key: value for key, value in module["settings"].items() if not key.startswith("createOptions")}
    changed = {**module, "settings": {**settings, **create_options.split(tree["create_options"])}}
    return ({**changed, "env": env} if env else changed), tree["routes"], tree["twin"]


def _references(value: Json, written: Json, path: _Path) -> Iterator[tuple[_Path, str]]:
    """The places of variables in `written`, and their values."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _references(item, written.get(name), (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _references(item, written[index], (*path, index))
    elif value != written and isinstance(written, str):
        yield path, written
