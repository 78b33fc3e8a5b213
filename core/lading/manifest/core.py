"""The keys that the core reads, as types to check them by and to describe them to an editor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from ..model import Json, Options, Range, Text
from .records import DEFAULT_TARGET, Register
from .words import BLOCK_NAME, PLUGIN_NAME, SERVICE_NAME

_Name = Annotated[str, Text(pattern=BLOCK_NAME)]
_Plugin = Annotated[str, Text(pattern=PLUGIN_NAME)]
_Service = Annotated[str, Text(pattern=SERVICE_NAME)]


@dataclass(frozen=True)
class Sample(Options):
    request: Json
    """What is sent to the scoring URI."""
    response: Json
    """What must come back; text that holds JSON is decoded before it is compared."""
    tolerance: Annotated[float, Range(ge=0)] = 1e-6
    """Relative tolerance of floats."""


@dataclass(frozen=True)
class Recorded(Options):
    record: Annotated[int, Range(ge=1, le=1000)]
    """How many rows of the training data to ask; the answers are the model's own, right after training."""


@dataclass(frozen=True)
class Block(Options):
    plugin: _Plugin = ""
    """The plugin that reads the rest of the block."""


@dataclass(frozen=True)
class Listed(Options):
    plugin: _Plugin
    """The plugin that reads the rest of the block."""


@dataclass(frozen=True)
class PackageBlock(Block):
    samples: tuple[Sample, ...] | Recorded = ()
    """Golden requests: a deployment is up when it has answered all of them. A list, or `{record: N}`: N rows spread
    over the training data, which the trained model answers when it is trained, so that a deployment which answers
    otherwise does not come up. They are sent as `{"data": [[…]]}`. Another N trains again."""


@dataclass(frozen=True)
class ImageBlock(Block):
    connection: _Name = ""
    """The connection to use, instead of the one of the plugin's family."""


@dataclass(frozen=True)
class TargetBlock(Block):
    connection: _Name = ""
    """The connection to use, instead of the one of the plugin's family."""
    service_name: _Service = ""
    """Name of the service there; the manifest's name where none is given."""


@dataclass(frozen=True)
class Core(Options):
    version: Literal[1]
    """Version of the manifest's own format."""
    name: _Service
    """Name of the service."""
    train: Block = field(default_factory=Block)
    """How the model is trained; leave it out where `register.file` names a finished model."""
    register: Register = field(default_factory=Register)
    """How the model is registered."""
    package: PackageBlock = field(default_factory=PackageBlock)
    """What is deployed with the model."""
    image: ImageBlock = field(default_factory=ImageBlock)
    """How the package is made into a container image, for the targets that need one and for `lading image`."""
    connections: Mapping[_Name, Block] = field(default_factory=dict)
    """Accounts that several parts share, by name."""
    track: tuple[_Name, ...] = ()
    """Connections where every run is logged."""
    observers: tuple[Listed, ...] = ()
    """Plugins that are told what happens."""
    gates: tuple[Listed, ...] = ()
    """Plugins that are asked before a stage."""
    target: _Name = DEFAULT_TARGET
    """The target that is deployed to where a command names none."""
    targets: Mapping[_Name, TargetBlock] = field(default_factory=dict)
    """Places that the package can be deployed to, by name."""


BLOCKS: Mapping[str, type[Options]] = {
    "train": Block,
    "package": PackageBlock,
    "image": ImageBlock,
    "connection": Block,
    "target": TargetBlock,
    "observer": Listed,
    "gate": Listed,
}
"""The reserved keys of a block, by its role."""
