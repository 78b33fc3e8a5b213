"""A package that travels: one file with its own files, its model, and what a store must know of that."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from ...errors import BadInput, Refused
from ...manifest.words import MODEL_NAME
from ...model import Column, Distribution, GoldenRequest, Options, Package, PackedFiles, RegisterRequest, Text
from ...store.durable import naming
from ..release.deploy import settle
from ..stages import register as register_stage
from ..stages.package import short
from .tar import extract, write

if TYPE_CHECKING:
    from ...model import ModelVersion
    from ..session.session import Session

_RECORD = "lading.json"
_Sha256 = Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]
_FileName = Annotated[str, Text(pattern=r"^\.?[^./\\][^/\\]*$", max_length=255)]
_HINT = "ask whoever made the archive for another copy"


@dataclass(frozen=True)
class Archive:
    """An exported package; `sha256` is of the file's bytes, and what `--sha256` pins."""

    file: Path
    sha256: str
    package: Package


@dataclass(frozen=True)
class _Module(Options):
    name: _FileName
    sha256: _Sha256


@dataclass(frozen=True)
class _Model(Options):
    """A model version without what belongs to one store: its number, its run, its date and its other registries."""

    name: Annotated[str, Text(pattern=MODEL_NAME)]
    sha256: _Sha256
    file_name: _FileName
    framework: str
    framework_version: str
    python: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    modules: tuple[_Module, ...] = ()
    samples: tuple[GoldenRequest, ...] = ()


@dataclass(frozen=True)
class _Record(Options):
    format: Literal[1]
    digest: _Sha256
    scoring_script: str
    python: str
    requirements: tuple[str, ...]
    model: _Model


def export(session: Session, package: Package, file: Path) -> Archive:
    """Write a package, its model and what is known of that into one file, a gzip one where its name ends so.

    The same package of the same model version gives the same bytes. Raises BadInput where the file cannot be there.
    """
    if not file.absolute().parent.is_dir():
        raise BadInput(f"there is no folder {file.parent}", hint="create it first")
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with session.store.scratch() as folder, naming(file):
        record = folder / _RECORD
        record.write_text(json.dumps(asdict(_record(package)), sort_keys=True, indent=1), encoding="utf-8")
        try:
            with part.open("xb") as stream:
                write(stream, _members(package, record), compressed=file.suffix in (".gz", ".tgz"))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        with file.open("rb") as stream:
            return Archive(file, hashlib.file_digest(stream, "sha256").hexdigest(), package)


def _members(package: Package, record: Path) -> Iterator[tuple[str, Path]]:
    model = package.model
    yield _RECORD, record
    files = ((path.relative_to(package.folder).as_posix(), path) for path in package.folder.rglob("*"))
    yield from sorted((f"package/{name}", path) for name, path in files if not path.is_dir())
    yield f"model/{model.file_name}", model.file
    for module in sorted(model.modules):
        yield f"modules/{module.parent.name}/{module.name}", module


def _record(package: Package) -> _Record:
    return _Record(1, package.digest, package.scoring_script, package.python, package.requirements, _of(package.model))


def _of(model: ModelVersion) -> _Model:
    return _Model(
        name=model.name,
        sha256=model.sha256,
        file_name=model.file_name,
        framework=model.framework,
        framework_version=model.framework_version,
        python=model.python,
        description=model.description,
        tags=model.tags,
        columns=model.columns,
        label=model.label,
        distributions=model.distributions,
        modules=tuple(_Module(module.name, module.parent.name) for module in sorted(model.modules)),
        samples=model.samples,
    )


def take_in(session: Session, file: Path, *, sha256: str | None = None) -> Package:
    """Take the package of an archive into the store, and register its model there.

    Raises BadInput where there is no such file, and Refused, before anything is kept, where its bytes do not have the
    digest `sha256`, where it is no archive of a package, and where anything in it is not what its record says.
    """
    with _opened(file) as stream, session.store.scratch() as scratch:
        _check_bytes(file, stream, sha256)
        folder = scratch / "archive"
        folder.mkdir(0o700)
        extract(stream, folder)
        record = _read(folder)
        request = _check(session, folder, record)
        version = register_stage.keep(session, request)
        packed = PackedFiles(record.scoring_script, record.python, record.requirements)
        package = session.store.packages.put(folder / "package", packed, version)
    settle(session, package)
    package = replace(package, model=register_stage.register_elsewhere(session, version))
    detail = f"{short(package.digest)} from {file.name}"
    session.events.emit("stage.finished", stage="package", detail=detail, digest=package.digest)
    return package


@contextmanager
def _opened(file: Path) -> Iterator[BufferedReader]:
    if not file.is_file():
        raise BadInput(f"no such file: {file}")
    with naming(file):
        stream = file.open("rb")
    with stream:
        yield stream


def _check_bytes(file: Path, stream: BufferedReader, sha256: str | None) -> None:
    if sha256 is None:
        return
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256.lower():
        raise Refused(f"{file} has sha256 {found}, not {sha256}", hint=_HINT)
    stream.seek(0)


def _read(folder: Path) -> _Record:
    """The record of an archive, checked by its types."""
    from pydantic import TypeAdapter, ValidationError

    file = folder / _RECORD
    if not file.is_file():
        raise Refused(f"the archive has no {_RECORD}: it is no package of lading's", hint=_HINT)
    try:
        return TypeAdapter(_Record).validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Refused(f"{_RECORD} in the archive: {place}: {first['msg'].lower()}", hint=_HINT) from error


def _check(session: Session, folder: Path, record: _Record) -> RegisterRequest:
    """See that an archive holds what its record says and nothing else; returns how its model is registered."""
    model, found = record.model, {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    digests = {f"model/{model.file_name}": model.sha256}
    digests |= {f"modules/{module.sha256}/{module.name}": module.sha256 for module in model.modules}
    for name in sorted({_RECORD, *digests, f"package/azureml-app/{record.scoring_script}"} - found):
        raise Refused(f"{name!r} is missing from the archive", hint=_HINT)
    for name in sorted(found - {_RECORD, *digests}):
        if not name.startswith("package/"):
            raise Refused(f"{name!r} in the archive is no part of a package", hint=_HINT)
    for name, sha256 in digests.items():
        _compare(f"{name!r} in the archive", session.store.digests.file(folder / name), sha256)
    request = _request(folder, model)
    _compare("the package in the archive", session.store.packages.digest(folder / "package", request), record.digest)
    return request


def _compare(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise Refused(f"{what} was altered: its sha256 is {found}, not {expected}", hint=_HINT)


def _request(folder: Path, model: _Model) -> RegisterRequest:
    return RegisterRequest(
        name=model.name,
        sha256=model.sha256,
        file=folder / "model" / model.file_name,
        file_name=model.file_name,
        framework=model.framework,
        framework_version=model.framework_version,
        python=model.python,
        description=model.description,
        tags=model.tags,
        columns=model.columns,
        label=model.label,
        distributions=model.distributions,
        modules=tuple(folder / "modules" / module.sha256 / module.name for module in model.modules),
        samples=model.samples,
    )
