"""The types of the keys that the core reads. They serve to check a manifest and to describe it to an editor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from ..model import Json, Options, Range, Text
from ..model.description import Role
from .records import DEFAULT_TARGET, EvaluateKeys, Register
from .rollout import Rollout
from .words import BLOCK_NAME, PLUGIN_NAME, SERVICE_NAME

_Name = Annotated[str, Text(pattern=BLOCK_NAME)]
_Plugin = Annotated[str, Text(pattern=PLUGIN_NAME)]
_Service = Annotated[str, Text(pattern=SERVICE_NAME)]


@dataclass(frozen=True)
class Sample(Options):
    request: Json
    """JSON to send to the scoring URI."""
    response: Json
    """The expected response. Text that holds JSON is decoded before the comparison."""
    tolerance: Annotated[float, Range(ge=0)] = 1e-6
    """Relative tolerance of floats."""


@dataclass(frozen=True)
class Recorded(Options):
    record: Annotated[int, Range(ge=1, le=1000)]
    """The number of rows of the training data to send. The expected responses are computed right after training. With a
    `scoring_script`, or another `method` than `predict`, they are the answers of the first release of the package."""


@dataclass(frozen=True)
class Block(Options):
    plugin: _Plugin = ""
    """The plugin that reads the rest of the block."""


@dataclass(frozen=True)
class Listed(Options):
    plugin: _Plugin
    """The plugin that reads the rest of the block."""


@dataclass(frozen=True)
class EvaluateBlock(EvaluateKeys, Block):
    """How a model is evaluated before it is registered."""


@dataclass(frozen=True)
class PackageBlock(Block):
    samples: tuple[Sample, ...] | Recorded = ()
    """Golden requests: a deployment is up when it has answered all of them correctly. A list, or `{record: N}` for N
    rows spread over the training data. The trained model computes the expected responses at training time. A deployment
    that answers differently does not come up. The rows are sent as `{"data": [[…]]}`. A different N trains again."""


@dataclass(frozen=True)
class ImageBlock(Block):
    connection: _Name = ""
    """The connection to use. By default the only connection of the plugin's family."""


@dataclass(frozen=True)
class TargetBlock(Block):
    connection: _Name = ""
    """The connection to use. By default the only connection of the plugin's family."""
    service_name: _Service = ""
    """Name of the service on the target; by default the manifest's name."""
    keep_old_place: bool = False
    """Whether the service stays at its old place too if the block moves it. By default a deploy removes it there."""
    rollout: Rollout | None = None
    """How a new release takes over the requests. By default it gets all of them once it is up."""


@dataclass(frozen=True)
class Core(Options):
    version: Literal[1]
    """Version of the manifest format."""
    name: _Service
    """Name of the service."""
    train: Block = field(default_factory=Block)
    """How the model is trained. Leave it out if `register` names finished models."""
    evaluate: EvaluateBlock = field(default_factory=EvaluateBlock)
    """The conditions for registering the model. Without this block, nothing is evaluated."""
    register: Register = field(default_factory=Register)
    """How the model is registered."""
    package: PackageBlock = field(default_factory=PackageBlock)
    """Files and golden requests that are deployed with the model."""
    image: ImageBlock = field(default_factory=ImageBlock)
    """How to build a container image of the package, for `lading image` and for targets that need an image."""
    connections: Mapping[_Name, Block] = field(default_factory=dict)
    """Shared accounts, by name."""
    track: tuple[_Name, ...] = ()
    """Connections that log every run."""
    observers: tuple[Listed, ...] = ()
    """Plugins that receive the events of a command that changes something."""
    gates: tuple[Listed, ...] = ()
    """Plugins that can refuse a stage before it starts."""
    target: _Name = DEFAULT_TARGET
    """The target of a command that does not name one. Without this key: `local`, or else the only target."""
    targets: Mapping[_Name, TargetBlock] = field(default_factory=dict)
    """Places to deploy the package to, by name."""


RESERVED: Mapping[str, type[Options]] = {
    Role.TRAIN: Block,
    Role.EVALUATE: EvaluateBlock,
    Role.PACKAGE: PackageBlock,
    Role.IMAGE: ImageBlock,
    Role.CONNECTION: Block,
    Role.TARGET: TargetBlock,
    Role.OBSERVER: Listed,
    Role.GATE: Listed,
}
"""The reserved keys of a block, by its role."""
