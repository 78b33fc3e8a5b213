"""Rules between the sections of a manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from ..model.description import Role
from .records import Path_, SectionRef
from .values import listing, mapping
from .words import SCHEMA_KEY, did_you_mean, dotted, quoted

if TYPE_CHECKING:
    from ..model import Json
    from .draft import Draft

Identity = Callable[[str, str], str]
"""Returns the full name of a plugin for its role and its name in a manifest. Aliases of a plugin give the same name."""


def _as_named(_role: str, plugin: str) -> str:
    return plugin


_Broken = Iterator[tuple[Path_, str]]


def broken_rules(draft: Draft, bound: Container[Path_]) -> _Broken:
    """Yield the path and message of each broken rule. Rules for `connection` only apply to the sections in `bound`."""
    yield from _schema_named(draft)
    yield from _one_model(draft)
    yield from _connections_exist(draft, bound)
    yield from _target_exists(draft)
    yield from _evaluation(draft)


def _schema_named(draft: Draft) -> _Broken:
    if not isinstance(draft.value.get(SCHEMA_KEY, ""), str):
        yield (SCHEMA_KEY,), "expected text: the path or the address of a JSON Schema"


def _one_model(draft: Draft) -> _Broken:
    register, trained = draft.block(("register",)), "train" in draft.value
    finished = [key for key in ("file", "models") if register.get(key) is not None]
    for key in finished if trained else ():
        yield ("register", key), "a manifest with train has no finished model: remove one of the two"
    if len(finished) > 1:
        yield ("register", "models"), "give either file, for one model, or models, for several"
    if finished and draft.block(("package", "samples")):
        yield ("package", "samples"), "only a training can record them: write a list of samples"
    if not trained and not finished:
        yield ("train",), "no model: give train, or register.file for a finished one"
    yield from _models_differ(draft, register.get("models"))


def _models_differ(draft: Draft, models: Json) -> _Broken:
    """Yield each of several models that a folder, or the author, cannot keep apart from an earlier one."""
    names: dict[str, str] = {}
    files: dict[str, str] = {}
    if models == {}:
        yield ("register", "models"), "empty: name each model, such as `price: {file: price.joblib}`"
    for name, block in mapping(models).items():
        if (other := names.setdefault(name.casefold(), name)) != name:
            yield ("register", "models", name), f"differs from {other} in case only: give it another name"
        file = draft.expanded(mapping(block).get("file"))
        if isinstance(file, str) and (other := files.setdefault(os.path.normpath(file), name)) != name:
            reason = (
                f"the same file as {dotted(('register', 'models', other))}: name another file, or remove one of the two"
            )
            yield ("register", "models", name, "file"), reason


def _connections_exist(draft: Draft, bound: Container[Path_]) -> _Broken:
    known = mapping(draft.value.get("connections"))
    for path, name in _connection_names(draft, bound):
        if isinstance(name, str) and name not in known:
            yield path, f"no connection {quoted(name)} in this manifest{did_you_mean(name, known)}"


def _connection_names(draft: Draft, bound: Container[Path_]) -> Iterator[tuple[Path_, object]]:
    register = draft.block(("register",))
    for path, names in ((("track",), draft.value.get("track")), (("register", "to"), register.get("to"))):
        for index, name in enumerate(listing(draft.expanded(names))):
            yield (*path, index), name
    for ref in draft.sections():
        if ref.connection and ref.path in bound:
            yield (*ref.path, "connection"), ref.connection


def _target_exists(draft: Draft) -> _Broken:
    names = [ref.name for ref in draft.sections() if ref.role == Role.TARGET]
    for target in draft.default_targets():
        if target not in names:
            known = did_you_mean(target, names) or f": its targets are {', '.join(names)}"
            yield ("target",), f"no target {quoted(target)} in this manifest{known}"


def _evaluation(draft: Draft) -> _Broken:
    block = draft.block(("evaluate",))
    if "evaluate" in draft.value and "train" not in draft.value and not block.get("data"):
        yield ("evaluate",), "a finished model has no held-out rows: name a file under data"
    other = mapping(draft.expanded(block.get("no_worse_than")))
    target, names = other.get("target"), tuple(draft.services())
    if target and target not in names:
        yield (
            ("evaluate", "no_worse_than", "target"),
            f"no target {quoted(str(target))} in this manifest{did_you_mean(str(target), names)}",
        )
    if target and other.get("model") != "serving":
        yield ("evaluate", "no_worse_than", "target"), "only for model: serving"


def twins(
    draft: Draft,
    places: Mapping[str, Iterable[str]],
    families: Mapping[str, str | None],
    identity: Identity = _as_named,
) -> Iterator[tuple[SectionRef, SectionRef]]:
    """Yield each target that is the same service as an earlier one, with the earlier one.

    Targets are the same service if plugin, connection, service name and place are equal. `places` maps plugins to the
    names of the options that say where a service is; targets of other plugins are left out. A target without a
    connection uses the only connection of its plugin's family. `families` maps plugins to their families. `identity`
    gives the same result for two names of one plugin.
    """
    refs, first = draft.sections(), dict[tuple[str, str | None, str, str], SectionRef]()
    identity = cache(identity)
    connections = [ref for ref in refs if ref.role == Role.CONNECTION]
    for ref in (ref for ref in refs if ref.role == Role.TARGET and ref.plugin in places):
        found = members(connections, families.get(ref.plugin), identity)
        connection = ref.connection or (found[0] if len(found) == 1 else None)
        block = draft.block(ref.path)
        place = repr([block.get(name) for name in places[ref.plugin]])
        key = (identity(ref.role, ref.plugin), connection, draft.service_name(block), place)
        other = first.setdefault(key, ref)
        if other is not ref:
            yield ref, other


def twin_of(other: SectionRef) -> str:
    """The message for a target that is the same service as `other`."""
    return f"the same service as {dotted(other.path)}: give it another service_name"


def members(refs: Iterable[SectionRef], family: str | None, identity: Identity = _as_named) -> list[str]:
    """The names of all connections of a family. A family is the identity of the connection's plugin."""
    return [ref.name for ref in refs if ref.role == Role.CONNECTION and identity(ref.role, ref.plugin) == family]
