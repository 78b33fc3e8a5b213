"""A manifest after reading: the plugins that it names, before it is bound to their options types."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..model import Json
from ..model.description import Role
from . import references
from .blocks import BLOCKS, BlockKind, Shape
from .records import DEFAULT_TARGET, Path_, SectionRef
from .source import decode, read_bytes
from .values import holds, listing, mapping, path_to
from .words import SERVICE_NAME

if TYPE_CHECKING:
    from ..errors import Problem
    from .document import Document


class Memory(Protocol):
    """A cache of read documents, so that a known document is not parsed again. The store has one."""

    def get(self, key: str) -> Json | None: ...

    def put(self, key: str, stage: str, output: Json) -> None: ...


def read(file: Path, environ: Mapping[str, str]) -> Draft:
    """Read a manifest. `environ` has the variables for `${NAME}`.

    Raises BadInput if the file cannot be read, and ManifestError if its text cannot be parsed.
    """
    return parse(file, read_bytes(file), environ)


def parse(file: Path, data: bytes, environ: Mapping[str, str], memory: Memory | None = None) -> Draft:
    """The draft of a manifest from its bytes. Raises ManifestError if they cannot be parsed."""
    key = hashlib.sha256(b"document\0" + data).hexdigest()
    known = None if memory is None else memory.get(key)
    if known is not None:
        return Draft(file, data, known, environ)
    draft = Draft(file, data, None, environ)
    if memory is not None and not draft.problems:
        memory.put(key, "document", draft.document.value)
    return draft


class Draft:
    """A manifest that was parsed but not checked. Until it is bound, its values may be wrong.

    `known` is the cached value of these bytes. They are then only parsed to find the position of a problem.
    """

    def __init__(self, file: Path, data: bytes, known: Json | None, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self._data = data
        self._known = known
        value = self.document.value if known is None else known
        # A key without a value counts as absent.
        self.value = {key: item for key, item in value.items() if item is not None}

    def packed(self) -> Draft:
        """The draft for an existing package. The blocks that are only needed to make a package are emptied."""
        draft = Draft(self.file, self._data, self._known, self.environ)
        register, package = self.block(("register",)), self.block(("package",))
        draft.value |= {kind.key: {} for kind in BLOCKS if kind.stage}
        draft.value |= {
            "register": {key: value for key, value in register.items() if key not in ("file", "models")},
            "package": {key: value for key, value in package.items() if key == "samples"},
        }
        return draft

    def without_unset(self, unused: Iterable[str]) -> Draft:
        """The draft without those `unused` keys that have unset variables. The command does not use these keys."""
        needless = {key for key in unused if not self.is_set(self.value.get(key))}
        if not needless:
            return self
        draft = Draft(self.file, self._data, self._known, self.environ)
        draft.value = {key: value for key, value in self.value.items() if key not in needless}
        return draft

    def is_set(self, value: Json) -> bool:
        """Whether every variable that a value refers to is set."""
        return all(name in self.environ for name in references.names(value))

    @cached_property
    def document(self) -> Document:
        """The values with their positions, and the problems of the YAML."""
        from .compose import compose
        from .document import load

        return load(compose(decode(self._data, str(self.file)), str(self.file)), str(self.file))

    def problem(self, block: Path_, option: str, message: str) -> Problem:
        """A problem of an option, which is a path in its block with dots between its parts."""
        return self.document.problem((*block, *path_to(self.block(block), option)), message)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the YAML."""
        return tuple(self.document.problems) if self._known is None else ()

    @cached_property
    def name(self) -> str:
        """The name of the service. Empty if it is not valid."""
        name = self.expanded(self.value.get("name"))
        return name if isinstance(name, str) and re.fullmatch(SERVICE_NAME, name) else ""

    @property
    def model_name(self) -> str:
        """The name of the registered model, which is by default that of the service."""
        return str(self.expanded(self.block(("register",)).get("model")) or self.name)

    def expanded(self, value: Json) -> Json:
        """A value with its variables replaced. Unset variables stay as written."""
        return references.expand_all(value, self.environ, lambda _path, _message: None)

    def block(self, path: Path_) -> Mapping[str, Json]:
        """The mapping at `path`. Empty if there is none."""
        value: Json = self.value
        for part in path:
            value = value[part] if holds(value, part) else None
        return mapping(value)

    def sections(self) -> tuple[SectionRef, ...]:
        """All blocks that hold the options of a plugin, even if the manifest has problems."""
        return self._sections

    @cached_property
    def _sections(self) -> tuple[SectionRef, ...]:
        return tuple(ref for ref in self._refs() if ref.plugin)

    def _refs(self) -> Iterator[SectionRef]:
        for kind in BLOCKS:
            for path in self._paths(kind):
                yield self._section(path, kind)

    def _paths(self, kind: BlockKind) -> Iterator[Path_]:
        """The paths of all blocks of a kind, including implied ones."""
        value = self.value.get(kind.key)
        if kind.shape is Shape.LISTED:
            yield from ((kind.key, index) for index in range(len(listing(value))))
        elif kind.shape is Shape.NAMED:
            names = self._target_names() if kind.role is Role.TARGET else mapping(value)
            yield from ((kind.key, name) for name in names)
        elif kind.implied or kind.key in self.value:
            yield (kind.key,)

    def _section(self, path: Path_, kind: BlockKind) -> SectionRef:
        block, named = self.block(path), kind.shape is Shape.NAMED
        default = str(path[-1]) if named else kind.default
        plugin = _text(self.expanded(block.get("plugin"))) or default
        name = str(path[-1]) if named else plugin
        connection = _text(self.expanded(block.get("connection"))) if "connection" in kind.keys else ""
        return SectionRef(path, kind.role, plugin, name, connection or None)

    def _target_names(self) -> tuple[str, ...]:
        names = tuple(mapping(self.value.get("targets")))
        implied = DEFAULT_TARGET not in names and (not names or self._target() == DEFAULT_TARGET)
        return (*names, DEFAULT_TARGET) if implied else names

    def _target(self) -> str:
        return _text(self.expanded(self.value.get("target")))

    def service_name(self, block: Mapping[str, Json]) -> str:
        """The remote name of the service, from the block of a target."""
        return _text(self.expanded(block.get("service_name"))) or self.name

    def services(self) -> dict[str, str]:
        """The remote name of the service of each target."""
        return {name: self.service_name(self.block(("targets", name))) for name in self._target_names()}

    def default_targets(self) -> tuple[str, ...]:
        """The targets of a command that does not name one: `target:`, else `local`, else the only target, else none."""
        names = self._target_names()
        if self._target():
            return (self._target(),)
        if DEFAULT_TARGET in names:
            return (DEFAULT_TARGET,)
        return names if len(names) == 1 else ()

    def accounts(self) -> tuple[str, ...]:
        """The connections that every target uses: those of `track` and `register.to`."""
        names = [self.value.get("track"), self.block(("register",)).get("to")]
        return tuple(name for some in self.expanded(names) for name in listing(some) if isinstance(name, str))

    @property
    def variables(self) -> dict[str, str]:
        """The values of all variables in the manifest that are set."""
        wanted = references.names(self.value) if b"${" in self._data else ()
        return {name: self.environ[name] for name in wanted if name in self.environ}

    def fingerprint(self, paths: Iterable[Path_]) -> str:
        """The SHA-256 of all inputs to a check of the core sections and `paths`: the bytes and the variables used.

        The caller has to add the versions of the plugins.
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
