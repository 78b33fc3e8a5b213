"""The content of a device or a fleet: add our part, or remove it, within the hub's limits."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from lading import BadInput, Json

from . import create_options
from .image import full_name
from .module import Part, registries_of, routes_of, twin_of
from .options import IotEdgeOptions
from .port import AGENT, ROUTER, Twin

_MAX_BYTES = 32 * 1024
_MAX_MODULES = 50
_WHOLE = "properties.desired"
_IMAGES = "azureiotedge-"


def put(agent: Twin, router: Twin, part: Part, *, replaces: Sequence[str] = ()) -> dict[str, Json]:
    """The content of a device, with our part added. `replaces` are our own routes that it replaces.

    Raises BadInput if another module has the port, another route has the name, or the content is too large.
    """
    modules = dict(agent.desired.get("modules") or {})
    now = modules.pop(part.name, {})
    _check_ports(part, {**modules, **(agent.desired.get("systemModules") or {})})
    routes = {name: route for name, route in (router.desired.get("routes") or {}).items() if name not in replaces}
    _check_routes(part, routes)
    desired: dict[str, Json] = json.loads(json.dumps(agent.desired))
    desired["modules"] = {**modules, part.name: part.module}
    _check_credentials(part, now, desired)
    if part.credentials or registries_of(now):
        kept = _kept_credentials(desired, part.name, registries_of(now).keys() - registries_of(part.module).keys())
        settings = desired["runtime"].setdefault("settings", {})
        settings["registryCredentials"] = {**kept, **part.credentials}
    if "startupOrder" in part.module and desired["schemaVersion"] == "1.0":
        desired["schemaVersion"] = "1.1"
    whole = _full(desired, {**router.desired, "routes": {**routes, **part.routes}})
    if part.twin or twin_of(now):
        whole[part.name] = {_WHOLE: dict(part.twin)}
    return _checked(whole, part.options)


def holds(part: Part, agent: Twin, router: Twin, twin: Mapping[str, Json]) -> bool:
    """Whether a device's content has exactly our part. `twin` has the desired properties of our module."""
    modules, routes = agent.desired.get("modules") or {}, router.desired.get("routes") or {}
    return (
        modules.get(part.name) == part.module
        and _contains(routes, part.routes)
        and _contains(registries(agent.desired), part.credentials)
        and _contains(twin, part.twin)
    )


def alone(part: Part, agent: Twin, router: Twin) -> dict[str, Json] | None:
    """The content with only our module and IoT Edge's own; None without other modules."""
    if set(agent.desired["modules"]) == {part.name} and set(router.desired["routes"]) == set(part.routes):
        return None
    return _full({**agent.desired, "modules": {part.name: part.module}}, {**router.desired, "routes": part.routes})


def without(agent: Twin, router: Twin, name: str, names: Iterable[str] = ()) -> dict[str, Json]:
    """The content without our module, and without its routes and credentials that no other module needs. `names` are
    routes of ours that the labels of the module may not name any more.
    """
    desired: dict[str, Json] = json.loads(json.dumps(agent.desired))
    ours = desired["modules"].pop(name)
    if registries_of(ours):
        kept_credentials = _kept_credentials(desired, name, registries_of(ours))
        desired["runtime"]["settings"]["registryCredentials"] = kept_credentials
    used = {route for module in desired["modules"].values() for route in routes_of(module)}
    routes = {*routes_of(ours), *names} - used
    kept = {key: route for key, route in (router.desired.get("routes") or {}).items() if key not in routes}
    return _full(desired, {**router.desired, "routes": kept})


def begun(agent: Twin | None, router: Twin | None, device: str, options: IotEdgeOptions) -> tuple[Twin, Twin]:
    """The two twins, plus IoT Edge's own modules if the device never received any content."""
    blank = base(options.edge_version, options.edge_registry)
    agent = agent or Twin(device, {}, 0, {})
    router = router or Twin(device, {}, 0, {})
    if not agent.desired.get("systemModules"):
        agent = replace(agent, desired={**blank[AGENT], **agent.desired})
    if not router.desired.get("schemaVersion"):
        router = replace(router, desired={**blank[ROUTER], **router.desired})
    return agent, router


def base(version: str, registry: str = "mcr.microsoft.com") -> dict[str, dict[str, Json]]:
    """The modules that IoT Edge itself needs."""
    hub_options = {
        "HostConfig": {
            "PortBindings": {f"{port}/tcp": [{"HostPort": str(port)}] for port in (443, 5671, 8883)},
        }
    }
    return {
        AGENT: {
            "schemaVersion": "1.1",
            "runtime": {"type": "docker", "settings": {"minDockerVersion": "v1.25"}},
            "systemModules": {
                "edgeAgent": {"type": "docker", "settings": {"image": f"{registry}/{_IMAGES}agent:{version}"}},
                "edgeHub": {
                    "type": "docker",
                    "status": "running",
                    "restartPolicy": "always",
                    "settings": {"image": f"{registry}/{_IMAGES}hub:{version}", **create_options.split(hub_options)},
                },
            },
            "modules": {},
        },
        ROUTER: {
            "schemaVersion": "1.1",
            "routes": {},
            "storeAndForwardConfiguration": {"timeToLiveSecs": 7200},
        },
    }


def layer(part: Part) -> dict[str, Json]:
    """Our part alone, as a layer on the content of a fleet."""
    agent = {
        f"properties.desired.modules.{part.name}": part.module,
        **{
            f"properties.desired.runtime.settings.registryCredentials.{name}": credential
            for name, credential in part.credentials.items()
        },
    }
    routes = {f"properties.desired.routes.{name}": route for name, route in part.routes.items()}
    twin = {f"{_WHOLE}.{name}": value for name, value in part.twin.items()}
    return _checked(
        {AGENT: agent, **({ROUTER: routes} if routes else {}), **({part.name: twin} if twin else {})}, part.options
    )


def _checked(content: dict[str, Json], options: IotEdgeOptions) -> dict[str, Json]:
    """Check the content. Raises BadInput if it exceeds one of the hub's limits."""
    whose = "device" if options.device else "target_condition"
    for name, twin in content.items():
        size = len(json.dumps(twin, separators=(",", ":")))
        if size > _MAX_BYTES:
            raise BadInput(
                f"the desired content of {name} would have {size} bytes, and the hub takes {_MAX_BYTES}",
                hint="shorten create_options, env or routes, or move modules to another device",
                option=whose,
            )
    agent = content[AGENT].get("properties.desired", {})
    modules = len(agent.get("modules", {})) + len(agent.get("systemModules", {}))
    if modules > _MAX_MODULES:
        raise BadInput(
            f"the device would have {modules} modules, those of IoT Edge among them, and the hub takes {_MAX_MODULES}",
            hint="remove one first",
            option=whose,
        )
    return content


def registries(desired: Mapping[str, Json]) -> dict[str, Json]:
    """The registry credentials in the content of an agent."""
    settings = (desired.get("runtime") or {}).get("settings") or {}
    return settings.get("registryCredentials") or {}


def picked(found: Mapping[str, Json] | None, names: Iterable[str]) -> dict[str, Json]:
    """The entries of these names, if they exist."""
    return {name: found[name] for name in names if name in found} if found else {}


def in_configuration(content: Mapping[str, Json], name: str) -> tuple[Mapping[str, Json], ...]:
    """A module of an automatic deployment, its routes, and the credentials of registries."""
    agent, router = (_nested(content.get(twin) or {}) for twin in (AGENT, ROUTER))
    twin = _nested(content.get(name) or {})
    return (agent.get("modules") or {}).get(name) or {}, router.get("routes") or {}, registries(agent), twin


def _nested(parts: Mapping[str, Json]) -> dict[str, Json]:
    """The desired properties of a layer, whose keys are paths, or of a whole deployment."""
    found: dict[str, Json] = dict(parts.get(_WHOLE) or {})
    for key, value in parts.items():
        *way, last = key.removeprefix(f"{_WHOLE}.").split(".") if key != _WHOLE else ("",)
        holder = found
        for name in way:
            holder = holder.setdefault(name, {})
        if last:
            holder[last] = value
    return found


def _kept_credentials(desired: Mapping[str, Json], ours: str, names: Collection[str]) -> dict[str, Json]:
    """The credentials without those of `names` that no module but `ours` needs."""
    others = {**desired["modules"], **(desired.get("systemModules") or {})}
    others.pop(ours, None)
    known = registries(desired)
    return {
        name: each for name, each in known.items() if name not in names or _is_needed(name, each["address"], others)
    }


def _is_needed(name: str, address: str, modules: Mapping[str, Json]) -> bool:
    """Whether one of the modules is pulled from a registry, or came with credentials of that name."""
    return any(
        name in registries_of(module) or full_name(_image(module)).startswith(f"{address}/")
        for module in modules.values()
    )


def _image(module: Mapping[str, Json]) -> str:
    return str((module.get("settings") or {}).get("image") or "")


def _check_credentials(part: Part, now: Mapping[str, Json], desired: Mapping[str, Json]) -> None:
    """Refuse to overwrite credentials of others. `now` is our module before this release."""
    others = {**desired["modules"], **(desired.get("systemModules") or {})}
    others.pop(part.name, None)
    for name, ours in part.credentials.items():
        found = registries(desired).get(name) or ours
        named = [each for each in (now, *others.values()) if name in registries_of(each)]
        if found["address"] != ours["address"] and (not named or _is_needed(name, found["address"], others)):
            raise BadInput(
                f"the device has credentials of {found['address']} under the name {name} already",
                hint="give the credentials of this registry another name",
                option="registry.name",
            )
        if found != ours and not named:
            raise BadInput(
                f"the device has another account of {found['address']} under the name {name}, which is not Lading's",
                hint="use the same account, or give these credentials another name",
                option="registry.name",
            )


def _contains(whole: Mapping[str, Json], part: Mapping[str, Json]) -> bool:
    return all(whole.get(name) == value for name, value in part.items())


def _full(agent: Mapping[str, Json], router: Mapping[str, Json]) -> dict[str, Json]:
    return {AGENT: {"properties.desired": agent}, ROUTER: {"properties.desired": router}}


def _check_ports(part: Part, others: Mapping[str, Json]) -> None:
    ours = _bound(part.module)
    for name, module in others.items():
        for binding in ours & _bound(module):
            raise BadInput(
                f"port {binding[0]} of the device is bound by the module {name} already",
                hint="give the module another port of the device",
                option="host_port" if binding[0] == str(part.options.host_port) else "create_options",
            )


def _bound(module: Mapping[str, Json]) -> set[tuple[str, str]]:
    """The ports of the device that a module uses, each with its protocol."""
    found = create_options.bindings(create_options.joined(module))
    return {(host, port.partition("/")[2]) for port, host in found if host}


def _check_routes(part: Part, others: Mapping[str, Json]) -> None:
    for name in part.routes:
        if name in others:
            raise BadInput(
                f"the device has a route {name} already, which is not of this deployment",
                hint="give it another name",
                option=f"routes.{name}",
            )
