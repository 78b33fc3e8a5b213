"""What a manifest says, once it is known to be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..model import GoldenRequest, InputPath, Json, Options, Text
from .words import BLOCK_NAME, MODEL_NAME

Path_ = tuple[str | int, ...]
"""A path in the document: `("targets", "local", "port")`."""

DEFAULT_TARGET = "local"
"""The one target, with default options, of a manifest that names none."""


@dataclass(frozen=True)
class SectionRef:
    """A block that gives the options of a plugin.

    `role` is train, package, image, connection, target, observer or gate; `name` is the name of a target or connection,
    elsewhere the plugin's; `connection` is what a target or an image asks for by name.
    """

    path: Path_
    role: str
    plugin: str
    name: str
    connection: str | None = None


@dataclass(frozen=True)
class Section:
    """A block whose options were checked.

    `value` is the block without the keys that the core reads, with variables replaced, for keys; `record` is the same
    with `${NAME}` as written, for whatever is kept or shown. `inputs` maps the dotted path of each `InputPath` in the
    options to the absolute path. `service_name` is set for targets.
    """

    path: Path_
    role: str
    plugin: str
    name: str
    options: Options
    value: Json
    record: Json
    inputs: Mapping[str, Path]
    connection: str | None = None
    service_name: str = ""


@dataclass(frozen=True)
class Register(Options):
    """How the model is registered."""

    model: Annotated[str, Text(pattern=MODEL_NAME)] = ""
    """Name of the registered model; the manifest's name where none is given."""
    file: InputPath | None = None
    """A finished model file, instead of `train`."""
    description: str = ""
    """What the model is for."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the model version; values are text."""
    to: tuple[Annotated[str, Text(pattern=BLOCK_NAME)], ...] = ()
    """Connections where the model is always registered as well."""


@dataclass(frozen=True)
class Manifest:
    """A manifest without problems. It holds the sections that were bound: `train`, `package` and `image` are None
    elsewhere.

    `samples_record` is `samples`, and `register_record` the block of `register`, with `${NAME}` as written, for what is
    kept or shown. `recorded` is how many golden requests the training is to record, instead of `samples`.
    """

    file: Path
    name: str
    train: Section | None
    register: Register
    register_record: Mapping[str, Json]
    package: Section | None
    image: Section | None
    samples: tuple[GoldenRequest, ...]
    samples_record: tuple[GoldenRequest, ...]
    recorded: int
    connections: Mapping[str, Section]
    track: tuple[str, ...]
    observers: tuple[Section, ...]
    gates: tuple[Section, ...]
    default_targets: tuple[str, ...]
    targets: Mapping[str, Section]
