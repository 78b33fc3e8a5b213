"""Compare two releases of a service, field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..engine.session.binding import bind_manifest
from ..engine.session.order import Needs
from ..model import Json, Shown
from ..model.records import OnEvent, ignore
from ..store import MANIFEST
from .provenance import Provenance, numbered, trace
from .records import drafted

if TYPE_CHECKING:
    from ..model import Package, Run
    from ..store import StoreToRead

GROUPS = ("data", "code", "parameters", "metrics", "environment", "package", "options")
_CODE = (".py", ".pyx", ".ipynb", ".sql", ".r", ".sh")
_DESCRIBED = {"conda.yml", "requirements.txt", "package.json"}  # by the requirements, and by other fields
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Difference(Shown):
    """A field that differs between two releases. A side that does not have it is None.

    `group` is one of data, code, parameters, metrics, environment, package and options. Files and models have their
    sha256 as value. A variable whose value has changed has the note `another value`, and its value is not known.
    """

    group: str
    name: str
    old: Json
    new: Json
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison(Shown):
    """Two releases and the fields that differ. `notes` name the parts that could not be compared, with the reason."""

    old: Provenance
    new: Provenance
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()


def diff(
    old: int,
    new: int,
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> Comparison:
    """Compare two releases of the manifest's service on one target, by default the manifest's. No target is queried.

    Raises BadInput, with the existing releases, for a release that does not exist.
    """
    with drafted(manifest, store, on_event) as (draft, opened):
        bind_manifest(draft, opened, targets=None, needs=Needs.QUESTION)  # reports the problems of the core sections
        releases = [numbered(draft, opened, target, number) for number in (old, new)]
        one, other = (trace(opened, release, draft.name) for release in releases)
        found = [*_differences(opened, one, other)]
        return Comparison(
            old=one,
            new=other,
            differences=tuple(sorted(found, key=lambda each: GROUPS.index(each.group))),
            notes=tuple(_notes(one, other)),
        )


def _differences(store: StoreToRead, old: Provenance, new: Provenance) -> Iterator[Difference]:
    trained = [*_trained(old, new)]
    yield from trained
    read = [each for each in trained if each.group == "code"]
    yield from (each for each in _packed(store, old, new) if not any(_is_copy(each, source) for source in read))
    if old.options is not None and new.options is not None:
        yield from _deployed(old.options, new.options)
    for name in sorted(old.release.secrets.keys() & new.release.secrets.keys()):
        if old.release.secrets[name] != new.release.secrets[name]:
            yield Difference(group="options", name=f"${{{name}}}", old=None, new=None, note="another value")


def _trained(old: Provenance, new: Provenance) -> Iterator[Difference]:
    """The differences of the models, of their runs and of their metrics."""
    one, other = old.model, new.model
    if one and other:
        yield from _between("data", _columns(old), _columns(new))
    if old.run and new.run:
        yield from _files(old.run, new.run)
        yield from _between("code", {"git commit": _commit(old.run)}, {"git commit": _commit(new.run)})
        parameters = [*_between("parameters", old.run.parameters, new.run.parameters)]
        yield from parameters
        sides = (old.training, new.training)
        written = _between("parameters", *(side.get("options") for side in sides if side)) if all(sides) else ()
        yield from (each for each in written if not any(_repeats(each, shown) for shown in parameters))
    if old.metrics and new.metrics:
        yield from _between("metrics", old.metrics, new.metrics)


def _files(old: Run, new: Run) -> Iterator[Difference]:
    """The files that the trainings read. A file that did not exist is left out."""
    for each in _between("data", *({**run.reads, **run.inputs} for run in (old, new)), flat=False):
        yield _grouped(each)


def _grouped(found: Difference) -> Difference:
    is_code = PurePosixPath(found.name).suffix.lower() in _CODE
    return Difference(group="code" if is_code else found.group, name=found.name, old=found.old, new=found.new)


def _packed(store: StoreToRead, old: Provenance, new: Provenance) -> Iterator[Difference]:
    """The differences of the packages, their models and their environments."""
    yield from _between("package", _facts(old), _facts(new))
    if old.package and new.package:
        yield from _between("environment", *(_environment(side, side.package) for side in (old, new) if side.package))
        for each in _between("package", *(_contents(store, side.package) for side in (old, new)), flat=False):
            yield _grouped(each)


def _facts(side: Provenance) -> dict[str, Json]:
    release, model = side.release, side.model
    return {
        "digest": release.package_digest,
        "model": release.versioned_model,
        "model sha256": release.model_sha256,
        **({"framework": f"{model.framework} {model.framework_version}".strip()} if model else {}),
        **_golden(side),
    }


def _golden(side: Provenance) -> dict[str, Json]:
    """The golden requests of the manifest. Those that were recorded from the data of a training are only counted."""
    asked = side.release.golden_requests or ()
    recorded = [sample.request for sample in side.model.samples] if side.model else []
    written = [each for each in asked if each.request not in recorded] if side.model else []
    found: dict[str, Json] = {f"golden request {number}": vars(each) for number, each in enumerate(written, 1)}
    return {**found, "recorded golden requests": len(asked) - len(written)}


def _environment(side: Provenance, package: Package) -> dict[str, Json]:
    """Python and each requirement by its name, and the libraries of the training that are not required for scoring."""
    required = {_required(line): line for line in package.requirements}
    trained = side.run.libraries if side.run else {}
    return {
        "python": package.python,
        **required,
        **{f"{name} (training)": version for name, version in trained.items() if name not in required},
    }


def _required(line: str) -> str:
    """The name in a line of requirements. A line without a name, such as an address, is its own name."""
    found = _NAME.match(line)
    return found[0].lower().replace("_", "-") if found and "://" not in line.partition(" ")[0] else line


def _contents(store: StoreToRead, package: Package | None) -> dict[str, Json]:
    files = (path for path in sorted(package.folder.rglob("*")) if path.is_file()) if package else ()
    named = {path.relative_to(package.folder).as_posix(): path for path in files} if package else {}
    return {name: store.digests.file(path) for name, path in named.items() if name not in _DESCRIBED}


def _deployed(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Difference]:
    """The differences of the target's options and files, and of those of its image."""
    yield from _between("options", _block(old), _block(new))
    yield from _between("environment", _machine(old), _machine(new))


def _block(record: Mapping[str, Json]) -> dict[str, Json]:
    image = record.get("image")
    inner = {"image": _block(image)} if isinstance(image, dict) else {}
    files = record.get("inputs")
    written = {name: {"sha256": digest} for name, digest in files.items()} if isinstance(files, dict) else {}
    options = record.get("options")
    return {**(options if isinstance(options, dict) else {}), **inner, "files": written, "plugin": record.get("plugin")}


def _machine(record: Mapping[str, Json]) -> dict[str, Json]:
    libraries = record.get("libraries")
    found = libraries.items() if isinstance(libraries, dict) else ()
    return {"python (deploy)": record.get("python"), **{f"{name} (deploy)": version for name, version in found}}


def _columns(side: Provenance) -> dict[str, Json]:
    columns, label = (side.model.columns, side.model.label) if side.model else ((), None)
    found = {"columns": [f"{column.name}: {column.dtype}" for column in columns]} if columns else {}
    return {**found, **({"label": f"{label.name}: {label.dtype}"} if label else {})}


def _commit(run: Run) -> str | None:
    return f"{run.git_commit} with changes" if run.git_commit and run.git_dirty else run.git_commit


def _between(group: str, old: Json, new: Json, *, flat: bool = True) -> Iterator[Difference]:
    """The values that differ, by their names. Values inside values are compared one by one, unless not `flat`."""
    one, other = (dict(_flat(side) if flat else side.items()) for side in (old or {}, new or {}))
    for name in dict.fromkeys((*one, *other)):
        if not _same(one.get(name), other.get(name)):
            yield Difference(group=group, name=name, old=one.get(name), new=other.get(name))


def _flat(values: Mapping[str, Json], parents: tuple[str, ...] = ()) -> Iterator[tuple[str, Json]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, (*parents, name))
        else:
            yield ".".join((*parents, name)), value


def _same(old: Json, new: Json) -> bool:
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    if numbers and not isinstance(old, bool) and not isinstance(new, bool):
        return bool(old == new)
    return json.dumps(old, sort_keys=True, default=str) == json.dumps(new, sort_keys=True, default=str)


def _repeats(written: Difference, shown: Difference) -> bool:
    """Whether an option of the training differs as a parameter does, which a trainer may record with a default."""
    is_same = all(_same(one, other) for one, other in _pairs(written, shown) if one is not None)
    return is_same and written.name.rpartition(".")[2] == shown.name.rpartition(".")[2]


def _is_copy(packed: Difference, source: Difference) -> bool:
    """Whether a file of the package is a file that the training has read."""
    places = PurePosixPath(packed.name), PurePosixPath(source.name)
    return places[0].name == places[1].name and all(_same(*pair) for pair in _pairs(packed, source))


def _pairs(one: Difference, other: Difference) -> tuple[tuple[Json, Json], ...]:
    return (one.old, other.old), (one.new, other.new)


def _notes(old: Provenance, new: Provenance) -> Iterable[str]:
    """The parts that one of the releases does not have. A part that both share differs in nothing."""
    one, other = old.release, new.release
    is_same_model = (one.model, one.model_version) == (other.model, other.model_version)
    is_same_package = one.package_digest == other.package_digest
    lost = {
        "model": ("its columns and its run", is_same_model),
        "run": ("data, code and parameters", is_same_model),
        "package": ("environment and files", is_same_package),
        "options": ("options", False),
    }
    for side in (old, new):
        for part, (compared, is_same) in lost.items():
            if part in side.missing and not is_same:
                yield f"release {side.release.number}: {side.missing[part]}, so {compared} are not compared"
        if not side.metrics and (old.metrics or new.metrics):
            yield f"release {side.release.number} has no metrics, so they are not compared"
