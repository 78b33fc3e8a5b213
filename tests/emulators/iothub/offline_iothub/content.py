"""The required form of a deployment's content, and its limits."""

from __future__ import annotations

import json
import re
from typing import Any

from offline_azure.messages import Refusal, WrongShape
from offline_azure.state import Record

from .state import AGENT, EDGE_HUB
from .visits import fields

LARGEST_PROPERTIES = 32 << 10  # bytes of JSON, for the desired properties of each module
LARGEST_VALUE = 4 << 10  # bytes
MOST_MODULES = 50
DEEPEST = 10
CHUNK = re.compile(r"createOptions(0[1-9]|[1-9]\d)")
WHOLE = "properties.desired"
MODULE_NAME = re.compile("[a-zA-Z0-9_-]+")
FORBIDDEN = {  # characters that a key must not contain, besides spaces
    "registry": ".$#",
    "variable": "+#$.",
    "route": ".$#",
}
COMMON = {"env", "version", "imagePullPolicy", "startupOrder"}


def is_layer(content: Record) -> bool:
    """Whether the content is a layer for a full deployment."""
    return any(key != WHOLE for properties in content["modulesContent"].values() for key in properties)


def check_layer(content: Record) -> None:
    """Like `check_content`, for content whose keys name parts: `properties.desired.modules.salary`."""
    for name, properties in content["modulesContent"].items():
        _check_size(name, properties)
        for key, value in properties.items():
            _check_part(name, key.removeprefix(f"{WHOLE}.").split("."), value)


def check_content(content: Record) -> None:
    """Raise Refusal if the hub would refuse the content, and WrongShape for an unknown field."""
    modules = content["modulesContent"]
    if not {AGENT, EDGE_HUB} <= modules.keys():
        raise _invalid(f"{AGENT} and {EDGE_HUB} are required")
    for name, properties in modules.items():
        fields(f"content of {name}", properties, {WHOLE}, set())
        _check_size(name, properties[WHOLE])
    _check_agent(modules[AGENT][WHOLE])
    _check_edge_hub(modules[EDGE_HUB][WHOLE])


def create_options(settings: Record) -> str:
    """The create options of a module, joined from their chunks."""
    chunks = sorted(name for name in settings if CHUNK.fullmatch(name))
    return "".join([settings.get("createOptions", ""), *(settings[name] for name in chunks)])


def _check_part(name: str, path: list[str], value: Any) -> None:
    if name == AGENT and path[:-1] == ["modules"]:
        fields(path[-1], value, {"type", "status", "restartPolicy", "settings"}, COMMON)
        _check_module(path[-1], value)
    elif name == AGENT and path[:-1] == ["runtime", "settings", "registryCredentials"]:
        _check_registry(path[-1], value)
    elif name == EDGE_HUB and path[:-1] == ["routes"]:
        _check_key("route", path[-1])
    elif name in {AGENT, EDGE_HUB}:
        raise WrongShape(f"no layer can set {'.'.join(path)} of {name}")


def _check_agent(desired: Record) -> None:
    fields(AGENT, desired, {"schemaVersion", "runtime", "systemModules", "modules"}, set())
    if len(desired["modules"]) + len(desired["systemModules"]) > MOST_MODULES:
        raise _invalid(f"there are more than {MOST_MODULES} modules")
    _check_runtime(desired["runtime"])
    fields("system modules", desired["systemModules"], {"edgeAgent", "edgeHub"}, set())
    for name, module in desired["systemModules"].items():
        fields(name, module, {"type", "settings"}, COMMON | {"status", "restartPolicy"})
        _check_module(name, module)
    for name, module in desired["modules"].items():
        fields(name, module, {"type", "status", "restartPolicy", "settings"}, COMMON)
        _check_module(name, module)


def _check_runtime(runtime: Record) -> None:
    fields("runtime", runtime, {"type", "settings"}, set())
    known = {"minDockerVersion", "loggingOptions", "registryCredentials"}
    fields("runtime's settings", runtime["settings"], set(), known)
    for name, registry in runtime["settings"].get("registryCredentials", {}).items():
        _check_registry(name, registry)


def _check_registry(name: str, registry: Record) -> None:
    _check_key("registry", name)
    fields(f"registry {name}", registry, {"address", "username", "password"}, set())


def _check_module(name: str, module: Record) -> None:
    if not MODULE_NAME.fullmatch(name):
        raise _invalid(f"no module can be called {name!r}")
    _check_choice(name, module, "type", {"docker"})
    _check_choice(name, module, "status", {"running", "stopped"})
    _check_choice(name, module, "restartPolicy", {"never", "on-failure", "on-unhealthy", "always"})
    _check_choice(name, module, "imagePullPolicy", {"on-create", "never"})
    if not 0 <= module.get("startupOrder", 0) <= 4294967295:
        raise _invalid(f"{name} has a wrong startupOrder")
    _check_settings(name, module["settings"])
    for variable, value in module.get("env", {}).items():
        _check_key("variable", variable)
        fields(f"variable {variable}", value, {"value"}, set())
        if not isinstance(value["value"], str | int | float | bool):
            raise _invalid(f"the variable {variable} of {name} is no plain value")


def _check_settings(name: str, settings: Record) -> None:
    chunks = sorted(key for key in settings if CHUNK.fullmatch(key))
    fields(f"settings of {name}", settings, {"image"}, {"createOptions", *chunks})
    if chunks != [f"createOptions{number:02}" for number in range(1, len(chunks) + 1)]:
        raise WrongShape(f"the create options of {name} have gaps: {chunks}")
    for key, value in settings.items():
        if not isinstance(value, str):
            raise _invalid(f"{key} of {name} is no string")


def _check_edge_hub(desired: Record) -> None:
    fields(EDGE_HUB, desired, {"schemaVersion", "routes", "storeAndForwardConfiguration"}, {"mqttBroker"})
    for name in desired["routes"]:
        _check_key("route", name)


def _check_choice(name: str, module: Record, field: str, choices: set[str]) -> None:
    if module.get(field, min(choices)) not in choices:
        raise _invalid(f"{field} of {name} is none of {sorted(choices)}")


def _check_key(kind: str, key: str) -> None:
    if not key or any(character in FORBIDDEN[kind] or character.isspace() for character in key):
        raise _invalid(f"no {kind} can be called {key!r}")


def _check_size(name: str, desired: Record) -> None:
    size = len(json.dumps(desired, separators=(",", ":"), ensure_ascii=False).encode())
    if size > LARGEST_PROPERTIES:
        raise _invalid(f"the desired properties of {name} have {size} bytes, of {LARGEST_PROPERTIES}")
    _check_values(name, desired, 1)


def _check_values(name: str, value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise _invalid(f"the desired properties of {name} are deeper than {DEEPEST} levels")
    if isinstance(value, str) and len(value.encode()) > LARGEST_VALUE:
        raise _invalid(f"a value of {name} has {len(value.encode())} bytes, of {LARGEST_VALUE}")
    if isinstance(value, dict):
        for item in value.values():
            _check_values(name, item, depth + 1)


def _invalid(reason: str) -> Refusal:
    return Refusal(400, "InvalidConfigurationContent", f"The configuration content is invalid: {reason}")
