"""A manifest that was read: which plugins it asks for, and how it is bound to their options types."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..model import Json
from . import references
from .records import DEFAULT_TARGET, Path_, SectionRef
from .source import decode, read_bytes
from .values import holds, listing, mapping
from .words import SERVICE_NAME

if TYPE_CHECKING:
    from ..errors import Problem
    from .document import Document


class Memory(Protocol):
    """Keeps what documents said, so that one which is known is not parsed again; the store has one."""

    def get(self, key: str) -> Json | None: ...

    def put(self, key: str, stage: str, output: Json) -> None: ...


def read(file: Path, environ: Mapping[str, str]) -> Draft:
    """Read a manifest; `environ` has the variables that `${NAME}` refers to.

    Raises BadInput where the file cannot be read, and ManifestError where its text cannot be parsed at all.
    """
    return parse(file, read_bytes(file), environ)


def parse(file: Path, data: bytes, environ: Mapping[str, str], memory: Memory | None = None) -> Draft:
    """The draft of a manifest whose bytes were read. Raises ManifestError where they cannot be parsed at all."""
    key = hashlib.sha256(b"document\0" + data).hexdigest()
    known = None if memory is None else memory.get(key)
    if known is not None:
        return Draft(file, data, known, environ)
    draft = Draft(file, data, None, environ)
    if memory is not None and not draft.problems:
        memory.put(key, "document", draft.document.value)
    return draft


class Draft:
    """A manifest that was parsed and not yet checked. What it says is a best effort until it is bound.

    `known` is what these bytes are known to say; they are then parsed only to find the place of a problem.
    """

    def __init__(self, file: Path, data: bytes, known: Json | None, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self._data = data
        self._known = known
        value = self.document.value if known is None else known
        # A key without a value is as absent.
        self.value = {key: item for key, item in value.items() if item is not None}

    def packed(self) -> Draft:
        """The draft for a package that is there already: nothing in it is needed to make one."""
        draft = Draft(self.file, self._data, self._known, self.environ)
        register, package = self.block(("register",)), self.block(("package",))
        draft.value |= {
            "train": {},
            "register": {key: value for key, value in register.items() if key != "file"},
            "package": {key: value for key, value in package.items() if key == "samples"},
        }
        return draft

    @cached_property
    def document(self) -> Document:
        """The values with their places, and what is wrong with the YAML itself."""
        from .compose import compose
        from .document import load

        return load(compose(decode(self._data, str(self.file)), str(self.file)), str(self.file))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the YAML itself."""
        return tuple(self.document.problems) if self._known is None else ()

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
        yield self._section(("image",), "image", "docker")
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
        connection = _text(self.expanded(block.get("connection"))) if role in ("target", "image") else ""
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

    @property
    def variables(self) -> dict[str, str]:
        """The values of the variables that are referred to anywhere, as far as they are set."""
        wanted = references.names(self.value) if b"${" in self._data else ()
        return {name: self.environ[name] for name in wanted if name in self.environ}

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
