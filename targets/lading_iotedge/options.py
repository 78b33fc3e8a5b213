"""The options of the target `iot-edge`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from lading import Duration, Json, Options, Range, Text

from .create_options import MAX_CHUNKS, bindings, host_port, split

HOST_NAME = r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

Variable = Annotated[str, Text(pattern=VARIABLE)]
Port = Annotated[int, Range(ge=1, le=65535)]
Key = Annotated[str, Text(pattern=r"^[^.$#\s\x00-\x1f\x7f]{1,128}$")]
PullHost = Annotated[str, Text(pattern=r"^(\$upstream|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?(/[a-z0-9._/-]+)?$")]
Seconds = Annotated[float, Range(gt=0, le=86400), Duration()]


@dataclass(frozen=True)
class Registry(Options):
    """The registry that the devices pull the image from, and its credentials.

    IoT Edge keeps the credentials in the hub and on the device. Everybody who can read the twin of its agent can read
    them, so use an account that can only pull.
    """

    address: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:/_-]*$")]
    """Host name of the registry, without a scheme."""

    username: Variable
    """Name of the environment variable that has the user."""

    password: Variable
    """Name of the environment variable that has the password."""

    name: Key | None = None
    """Name under which the device keeps the credentials; by default made from the address."""

    @property
    def key(self) -> str:
        """The name under which the device keeps the credentials."""
        return self.name or re.sub("[^A-Za-z0-9_-]", "-", self.address)[:128]

    def __post_init__(self) -> None:
        if "://" in self.address:
            raise ValueError(f"address: drop the scheme of {self.address}")


@dataclass(frozen=True)
class Wait(Options):
    """The time limits of a rollout, and the conditions of its success."""

    timeout: Seconds = 1200
    """Seconds to wait for the devices to report; then the outcome is unknown, and the same command continues. It is
    also the limit for a running module until it answers the golden requests.
    """

    grace: Seconds = 90
    """Seconds that a module must run without a restart before it is up, and may be down before it has failed. The
    default is more than a small ARM board needs to import scikit-learn.
    """

    min_success: Annotated[float, Range(gt=0, le=1)] = 1.0
    """Share of a fleet's devices that must run the module."""

    max_failed: Annotated[int, Range(ge=0)] = 0
    """Devices of a fleet that may fail before the release is reverted."""


@dataclass(frozen=True)
class IotEdgeOptions(Options):
    """A module on a device of Azure IoT Edge, or on a fleet of them."""

    deploy_only = ("env", "create_options", "labels", "routes", "twin")
    placed_by = ("hub", "device", "module", "target_condition")

    hub: Annotated[str, Text(pattern=f"{HOST_NAME}|{VARIABLE}")]
    """Host name of the IoT hub, signed in to with azure-identity; or the name of the environment variable that holds a
    connection string of it.
    """

    device: Annotated[str, Text(pattern=r"^[A-Za-z0-9\-.%_*?!(),:=@$']{1,128}$")] | None = None
    """Id of the device. For a fleet, set target_condition instead."""

    target_condition: Annotated[str, Text(min_length=1, max_length=2048)] | None = None
    """The devices of a fleet, in the hub's query language, such as `tags.site = 'oslo'`."""

    module: Annotated[str, Text(pattern=r"^[a-zA-Z0-9_-]{1,128}$")] | None = None
    """Name of the module; by default the service's."""

    host_port: Port | None = None
    """Port of the device that leads to the module; without it only other modules reach it."""

    container_port: Port = 5001
    """Port that the scoring server listens on in its container."""

    create_options: Mapping[str, Any] = field(default_factory=dict)
    """Docker's options for the container, as an object. Environment variables go under env."""

    env: Mapping[Variable, Annotated[str, Text(max_length=4096)]] = field(default_factory=dict)
    """Environment variables of the module. The hub and the device store them as plain text."""

    restart_policy: Literal["always", "on-failure", "on-unhealthy", "never"] = "always"
    """When the device starts the module again."""

    startup_order: Annotated[int, Range(ge=0, le=4294967295)] | None = None
    """When the device starts the module, among its others; the lowest first."""

    routes: Mapping[Key, Annotated[str, Text(min_length=1, max_length=4096)]] = field(default_factory=dict)
    """Routes of messages by their name, such as `FROM /messages/modules/camera/* INTO …`."""

    registry: Registry | None = None
    """Credentials of the registry that the image is pulled from."""

    pull_from: PullHost | None = None
    """Host that the devices pull the image from, in place of the registry that it was pushed to; for a nested device
    `$upstream:443`, its parent.
    """

    platform: Annotated[str, Text(pattern=r"^(linux|windows)/[a-z0-9]+(/v[0-9]+)?$")] | None = None
    """Platform of the devices, such as `linux/arm64`; a single device reports its own."""

    mode: Literal["merge", "replace"] = "merge"
    """`merge` leaves other modules as they are (on a fleet by a layered deployment); `replace` removes all other
    modules.
    """

    twin: Mapping[Key, Any] = field(default_factory=dict)
    """Desired properties of the module's twin. On a fleet with `mode: merge` they are set beside those of others."""

    edge_registry: PullHost = "mcr.microsoft.com"
    """Registry of IoT Edge's own modules, if the content includes them."""

    edge_version: Annotated[str, Text(pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$")] = "1.6"
    """Version of IoT Edge's own modules, if the content includes them: for a device that has none yet, or a fleet with
    `mode: replace`.
    """

    priority: Annotated[int, Range(ge=0, le=2**31 - 1)] = 10
    """Priority of a fleet's first deployment; each release gets a higher one."""

    labels: Mapping[Key, str] = field(default_factory=dict)
    """Labels of a fleet's deployments, beside those that mark them as Lading's."""

    scoring_host: (
        Annotated[str, Text(pattern=r"^((tag|reported):[^.\s]+(\.[^.\s]+)*|[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:]+\]?)$")]
        | None
    ) = None
    """Address of a device: its host name or IP address, or `tag:PATH` or `reported:PATH` of its twin."""

    wait: Wait = field(default_factory=Wait)
    """Limits of the wait for the devices."""

    def __post_init__(self) -> None:
        for broken, message in _RULES:
            if broken(self):
                raise ValueError(message)
        for block, texts in (("env", self.env), ("routes", self.routes)):
            for name, text in texts.items():
                size = len(text.encode("utf-8", "surrogateescape"))
                if size > _LONGEST:
                    raise ValueError(f"{block}: {name} has {size} bytes, and a hub takes at most {_LONGEST}")
        for port, host in bindings(self.create_options):
            if host and not (host.isdecimal() and 1 <= int(host) <= 65535):
                raise ValueError(f"create_options: the host port {host} of {port} is not within 1 to 65535")

    @classmethod
    def place_of(cls, service: str, values: Mapping[str, Json]) -> Json:
        """A device and a module, or all fleets of a hub: an automatic deployment replaces those before it."""
        device = values.get("device")
        return [values.get("hub"), device, (values.get("module") or service) if device else None]

    @property
    def twin_path(self) -> tuple[str, tuple[str, ...]] | None:
        """The place of the address in a device's twin: `tag` or `reported`, and the path; None for a fixed one."""
        part, colon, path = (self.scoring_host or "").partition(":")
        return (part, tuple(path.split("."))) if colon and part in ("tag", "reported") else None


_LONGEST = 4096  # bytes of a text in a twin


def _is_mapping_or_absent(value: Json, *path: str) -> bool:
    for name in path:
        value = value.get(name, {})
        if not isinstance(value, dict):
            return False
    return True


def _binds_twice(options: IotEdgeOptions) -> bool:
    return options.host_port is not None and host_port(options.create_options, options.container_port) is not None


def _is_unreachable(options: IotEdgeOptions) -> bool:
    bound = options.host_port or host_port(options.create_options, options.container_port)
    return options.scoring_host is not None and not bound


_RULES: tuple[tuple[Callable[[IotEdgeOptions], object], str], ...] = (
    (lambda o: (o.device is None) == (o.target_condition is None), "set exactly one of device and target_condition"),
    (
        lambda o: not _is_mapping_or_absent(o.create_options, "HostConfig", "PortBindings"),
        "create_options: HostConfig and its PortBindings are objects",
    ),
    (lambda o: not _is_mapping_or_absent(o.create_options, "Labels"), "create_options: Labels is an object"),
    (lambda o: "Env" in o.create_options, "create_options: Env is not for here: name the variables under env"),
    (
        lambda o: any(str(name).startswith("lading.") for name in o.create_options.get("Labels", {})),
        "create_options: labels that begin with `lading.` are Lading's own",
    ),
    (
        lambda o: len(split(o.create_options)) > MAX_CHUNKS,
        f"create_options: more than {MAX_CHUNKS} pieces of 512 characters, which is all that edgeAgent reads",
    ),
    (_binds_twice, "host_port: create_options bind a port of the device to the same one; keep one of the two"),
    (_is_unreachable, "scoring_host: no port of the device leads to the module; set host_port"),
    (
        lambda o: o.target_condition and o.scoring_host and not o.twin_path,
        "scoring_host: the devices of a fleet have one each: use tag:PATH or reported:PATH",
    ),
    (
        lambda o: any(name.startswith("lading_") for name in o.labels),
        "labels: names that begin with `lading_` are Lading's own",
    ),
)
