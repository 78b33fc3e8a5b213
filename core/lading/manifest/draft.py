"""A manifest that was read: which plugins it asks for, and how it is bound to their options types."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from ..errors import BadInput
from ..model import Json, Options
from . import references
from .compose import compose
from .document import Document, holds, listing, load, mapping
from .records import DEFAULT_TARGET, Manifest, Path_, SectionRef
from .source import decode, read_bytes
from .words import SERVICE_NAME

FILE_NAME = "lading.yaml"


def read(file: Path, environ: Mapping[str, str]) -> Draft:
    """Read a manifest; `environ` has the variables that `${NAME}` refers to.

    Raises BadInput where the file cannot be read, and ManifestError where its text cannot be parsed at all.
    """
    data = read_bytes(file)
    document = load(compose(decode(data, str(file)), str(file)), str(file))
    return Draft(file, data, document, environ)


def find_manifest(folder: Path) -> Path:
    """The manifest of a folder. Raises BadInput where there is none."""
    file = folder / FILE_NAME
    if not file.is_file():
        raise BadInput(f"no {FILE_NAME} in {folder}", hint="name a manifest, or write one with `lading init`")
    return file


class Draft:
    """A manifest that was parsed and not yet checked. What it says is a best effort until it is bound."""

    def __init__(self, file: Path, data: bytes, document: Document, environ: Mapping[str, str]) -> None:
        self.file = file
        self.document = document
        self.environ = environ
        self._data = data
        # A key without a value is as absent.
        self.value = {key: value for key, value in document.value.items() if value is not None}

    @cached_property
    def name(self) -> str:
        """The name of the service; empty where it is wrong."""
        name = self.expanded(self.value.get("name"))
        return name if isinstance(name, str) and re.fullmatch(SERVICE_NAME, name) else ""

    def expanded(self, value: Json) -> Json:
        """The value with variables replaced, as far as they are set."""
        return references.expand_all(value, self.environ, lambda _path, _message: None)

    def block(self, path: Path_) -> Mapping[str, Json]:
        """The mapping at `path`; an empty one where there is none."""
        value: Json = self.value
        for part in path:
            value = value[part] if holds(value, part) else None
        return mapping(value)

    def sections(self) -> tuple[SectionRef, ...]:
        """Every block that gives the options of a plugin, whatever else is wrong."""
        return self._sections

    @cached_property
    def _sections(self) -> tuple[SectionRef, ...]:
        return tuple(ref for ref in self._refs() if ref.plugin)

    def _refs(self) -> Iterator[SectionRef]:
        if "train" in self.value:
            yield self._section(("train",), "train", "sklearn")
        yield self._section(("package",), "package", "bundle")
        for name in mapping(self.value.get("connections")):
            yield self._section(("connections", name), "connection", name)
        for name in self._target_names():
            yield self._section(("targets", name), "target", name)
        for role in ("observer", "gate"):
            for index in range(len(listing(self.value.get(f"{role}s")))):
                yield self._section((f"{role}s", index), role, "")

    def _section(self, path: Path_, role: str, default: str) -> SectionRef:
        block = self.block(path)
        plugin = _text(self.expanded(block.get("plugin"))) or default
        name = str(path[-1]) if role in ("connection", "target") else plugin
        connection = _text(self.expanded(block.get("connection"))) if role == "target" else ""
        return SectionRef(path, role, plugin, name, connection or None)

    def _target_names(self) -> tuple[str, ...]:
        names = tuple(mapping(self.value.get("targets")))
        implied = DEFAULT_TARGET not in names and (not names or self._target() == DEFAULT_TARGET)
        return (*names, DEFAULT_TARGET) if implied else names

    def _target(self) -> str:
        return _text(self.expanded(self.value.get("target")))

    def service_name(self, block: Mapping[str, Json]) -> str:
        """The remote name of the service of a target's block."""
        return _text(self.expanded(block.get("service_name"))) or self.name

    def default_targets(self) -> tuple[str, ...]:
        """The targets of a command that names none: `target:`, or `local`, or the only one; else none."""
        names = self._target_names()
        if self._target():
            return (self._target(),)
        if DEFAULT_TARGET in names:
            return (DEFAULT_TARGET,)
        return names if len(names) == 1 else ()

    def accounts(self) -> tuple[str, ...]:
        """The connections that are used whatever the target: those of `track` and `register.to`."""
        names = [self.value.get("track"), self.block(("register",)).get("to")]
        return tuple(name for some in self.expanded(names) for name in listing(some) if isinstance(name, str))

    def fingerprint(self, paths: Iterable[Path_]) -> str:
        """What a check of the core sections and `paths` depends on, as a sha256: the bytes and the variables used.

        The versions of the plugins are the caller's to add.
        """
        chosen = sorted(set(paths), key=str)
        others = {ref.path for ref in self.sections()}.difference(chosen)
        names = sorted(set(references.names(_without(self.value, others))))
        variables = {name: self.environ.get(name) for name in names}
        content = json.dumps([hashlib.sha256(self._data).hexdigest(), chosen, variables])
        return hashlib.sha256(content.encode()).hexdigest()

    def bind(self, types: Mapping[Path_, type[Options] | str], *, known_valid: bool = False) -> Manifest:
        """Check the core sections and the blocks in `types`, and build their options.

        `types` gives the options type of each section that is wanted, or the reason why its plugin cannot be used;
        other sections are neither checked nor in the result. `known_valid` skips the check by type: the caller has seen
        this fingerprint, with the same versions of the plugins, bound before. Raises ManifestError with every problem.
        """
        from .bind import bind

        return bind(self, types, known_valid=known_valid)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _without(value: Json, paths: set[Path_], path: Path_ = ()) -> Json:
    if path in paths:
        return None
    if isinstance(value, dict):
        return {key: _without(item, paths, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, paths, (*path, index)) for index, item in enumerate(value)]
    return value
