"""Package archives: one file with the files of a package, its model, and the records that a store needs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from ...errors import BadInput, Refused
from ...manifest.words import MODEL_NAME
from ...model import (
    Column,
    Distribution,
    GoldenRequest,
    ModelPart,
    Options,
    Package,
    PackedFiles,
    Range,
    RegisterRequest,
    Schema,
    Text,
)
from ...model.parts import MODELS
from ...plugin.layout import model_files
from ...store.durable import naming
from ...store.models import sources
from ..pipeline import PACKAGE, REGISTER, complete
from ..stages.finished import admit_received
from ..stages.register import keep
from .tar import extract, write

if TYPE_CHECKING:
    from ...model import ModelVersion
    from ..session.session import Session

_RECORD = "lading.json"
_Sha256 = Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]
_FileName = Annotated[str, Text(pattern=r"^\.?[^./\\][^/\\]*$", max_length=255)]
_HINT = "ask the author of the archive for another copy"


@dataclass(frozen=True)
class Archive:
    """An exported package. `sha256` is the digest of the file, for `--sha256`."""

    file: Path
    sha256: str
    package: Package


@dataclass(frozen=True)
class _Module(Options):
    name: _FileName
    sha256: _Sha256


@dataclass(frozen=True)
class _Part(Options):
    name: Annotated[str, Text(pattern=MODEL_NAME)]
    version: Annotated[int, Range(ge=1)]
    file_name: _FileName
    sha256: _Sha256
    framework: str
    framework_version: str


@dataclass(frozen=True)
class _Model(Options):
    """A model version without the fields that only one store knows: number, run, date and other registries."""

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
    scoring: _Module | None = None
    schema: Schema | None = None
    parts: tuple[_Part, ...] = ()


@dataclass(frozen=True)
class _Record(Options):
    format: Literal[1]
    digest: _Sha256
    scoring_script: str
    python: str
    requirements: tuple[str, ...]
    model: _Model
    own_script: bool | None = None
    answers_predict: bool = True


def export(session: Session, package: Package, file: Path) -> Archive:
    """Write a package, its model and their records into one file. It is compressed if its name ends in `.gz` or `.tgz`.

    The same package and model version always give the same bytes. Raises BadInput if the file's folder does not exist.
    """
    if not file.absolute().parent.is_dir():
        raise BadInput(f"the folder {file.parent} does not exist", hint="create it first")
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
    yield from ((f"model/{name}", file) for name, file in model_files(model.file, model.file_name).items())
    for source in sorted({*sources(model)}):
        yield f"modules/{source.parent.name}/{source.name}", source


def _record(package: Package) -> _Record:
    facts = (package.digest, package.scoring_script, package.python, package.requirements)
    return _Record(1, *facts, _of(package.model), package.own_script, package.answers_predict)


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
        scoring=_Module(model.scoring.name, model.scoring.parent.name) if model.scoring else None,
        schema=model.schema,
        parts=tuple(_Part(**vars(part)) for part in model.parts),
    )


def import_archive(session: Session, file: Path, *, sha256: str | None = None) -> Package:
    """Import the package of an archive into the store, and register its model.

    Raises BadInput if the file does not exist. Raises Refused if its digest is not `sha256`, if it is not a package,
    or if its content does not match its record. Nothing is stored in these cases.
    """
    with _opened(file) as stream, session.store.scratch() as scratch:
        _check_bytes(file, stream, sha256)
        folder = scratch / "archive"
        folder.mkdir(0o700)
        extract(stream, folder)
        record = _read(folder)
        request = _check(session, folder, record)
        version = REGISTER.make(session, lambda: keep(session, request))
        packed = PackedFiles(
            scoring_script=record.scoring_script,
            python=record.python,
            requirements=record.requirements,
            answers_predict=record.answers_predict,
        )
        package = session.store.packages.put(folder / "package", packed, version, own_script=record.own_script)
    package = complete(session, package)
    made = PACKAGE.describe(package)
    PACKAGE.emitter(session)("stage.finished", **{**made, "detail": f"{made['detail']} from {file.name}"})
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
    """Read the record of an archive, and check its types."""
    from pydantic import TypeAdapter, ValidationError

    file = folder / _RECORD
    if not file.is_file():
        raise Refused(f"the archive has no {_RECORD}: it is not a package of Lading", hint=_HINT)
    try:
        return TypeAdapter(_Record).validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Refused(f"{_RECORD} in the archive: {place}: {first['msg'].lower()}", hint=_HINT) from error


def _check(session: Session, folder: Path, record: _Record) -> RegisterRequest:
    """Check that an archive has exactly the content in its record. Returns the request to register its model."""
    model, found = record.model, {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    place = f"model/{model.file_name}"
    kept = (*model.modules, *((model.scoring,) if model.scoring else ()))
    modules = {_place(module): module.sha256 for module in kept}
    files = {_RECORD, *modules, *({name for name in found if name.startswith(f"{place}/")} or {place})}
    for name in sorted({*files, f"package/azureml-app/{record.scoring_script}"} - found):
        raise Refused(f"{name!r} is missing from the archive", hint=_HINT)
    for name in sorted(found - files):
        if not name.startswith("package/"):
            raise Refused(f"{name!r} in the archive does not belong to a package", hint=_HINT)
    for name, sha256 in {place: model.sha256, **modules}.items():
        _compare(f"{name!r} in the archive", session.store.files.whole_digest(folder / name), sha256)
    request = _request(folder, model)
    _check_parts(session, request)
    _compare("the package in the archive", session.store.packages.digest(folder / "package", request), record.digest)
    admit_received(session, request)
    return request


def _check_parts(session: Session, request: RegisterRequest) -> None:
    """Raise Refused unless the parts of a model are exactly the files of its folder."""
    if request.parts and (request.file_name != MODELS or not request.file.is_dir()):
        raise Refused(f"{request.file_name!r} in the archive does not hold several models", hint=_HINT)
    for part in request.parts:
        name, file = f"{part.place!r} in the archive", request.file / part.place
        if not file.exists():
            raise Refused(f"{part.place!r} is missing from the archive", hint=_HINT)
        _compare(name, session.store.files.whole_digest(file), part.sha256)
    places = {part.place for part in request.parts}
    for file in request.file.rglob("*") if places else ():
        name = file.relative_to(request.file).as_posix()
        if not file.is_dir() and "/".join(name.split("/")[:3]) not in places:
            raise Refused(f"{name!r} in the archive belongs to no model", hint=_HINT)


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
        modules=tuple(folder / _place(module) for module in model.modules),
        samples=model.samples,
        scoring=folder / _place(model.scoring) if model.scoring else None,
        schema=model.schema,
        parts=tuple(ModelPart(**vars(part)) for part in model.parts),
    )


def _place(module: _Module) -> str:
    return f"modules/{module.sha256}/{module.name}"
