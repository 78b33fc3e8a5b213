"""Options types and helpers for the tests of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from lading import InputPath, ManifestError, Options, Range, Text
from lading.manifest import Draft, Manifest, Path_, read
from lading.manifest.bind import bind_draft

HEAD = "version: 1\nname: salary-svc\nregister: {file: model.joblib}\n"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True)
class Train(Options):
    data: InputPath | Mapping[str, InputPath]
    """A file, or files by name."""
    label: str = ""
    features: tuple[str, ...] = ()
    test_size: Annotated[float, Range(gt=0, lt=1)] = 0.25
    steps: tuple[str | Mapping[str, Any], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment(Options):
    conda: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle(Options):
    scoring_script: InputPath | None = None
    include: tuple[InputPath, ...] = ()
    environment: Environment = field(default_factory=Environment)


@dataclass(frozen=True)
class Local(Options):
    port: Annotated[int, Range(ge=0, le=65535)] = 0
    """Port to listen on; 0 picks a free one."""
    python: Literal["current", "isolated"] = "current"
    size: Size = Size.SMALL
    token: Annotated[str, Text(pattern="^[a-z]*$", max_length=8)] = ""
    open: bool = False
    workers: int | None = None
    limits: tuple[int, float] = (1, 2.0)

    def __post_init__(self) -> None:
        if self.workers == 13:
            raise ValueError("workers: thirteen is unlucky")
        if self.open and not self.port:
            raise ValueError("an open server needs a port")


@dataclass(frozen=True)
class Workspace(Options):
    subscription_id: str
    workspace: str = "default"


TYPES: Mapping[str, type[Options]] = {
    "train": Train,
    "package": Bundle,
    "image": Options,
    "connection": Workspace,
    "target": Local,
    "observer": Workspace,
    "gate": Workspace,
}


def draft(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> Draft:
    (folder / "model.joblib").touch()
    file = folder / "lading.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(file, environ or {})


def types_of(found: Draft, *, without: tuple[Path_, ...] = ()) -> dict[Path_, type[Options] | str]:
    return {ref.path: TYPES[ref.role] for ref in found.sections() if ref.path not in without}


def bound(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Manifest:
    found = draft(folder, text, environ)
    return bind_draft(found, types_of(found))


def problems(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """The problems, each as `line:column: path: message`; empty if the manifest is valid."""
    try:
        found = draft(folder, text, environ)
        bind_draft(found, types_of(found))
    except ManifestError as error:
        return [str(problem).removeprefix(f"{folder / 'lading.yaml'}:").strip() for problem in error.problems]
    return []
