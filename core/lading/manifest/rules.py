"""What must hold between the sections of a manifest."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from .records import Path_, SectionRef
from .values import listing, mapping
from .words import did_you_mean, dotted, quoted

if TYPE_CHECKING:
    from .draft import Draft

_Broken = Iterator[tuple[Path_, str]]


def broken_rules(draft: Draft, bound: Container[Path_]) -> _Broken:
    """Where a rule is broken, and how. `bound` are the sections that must be right."""
    yield from _one_model(draft)
    yield from _connections_exist(draft, bound)
    yield from _target_exists(draft)
    yield from _services_differ(draft)


def _one_model(draft: Draft) -> _Broken:
    trained, finished = "train" in draft.value, "file" in draft.block(("register",))
    if trained and finished:
        yield ("register", "file"), "a manifest with train has no finished model: remove one of the two"
    if finished and draft.block(("package", "samples")):
        yield ("package", "samples"), "nothing is trained here that could record them: write a list of samples"
    if not trained and not finished:
        yield ("train",), "no model: give train, or register.file for a finished one"


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
    names = [ref.name for ref in draft.sections() if ref.role == "target"]
    for target in draft.default_targets():
        if target not in names:
            yield ("target",), f"no target {quoted(target)} in this manifest{did_you_mean(target, names)}"


def _services_differ(draft: Draft) -> _Broken:
    first: dict[tuple[str, str | None, str], SectionRef] = {}
    for ref in draft.sections():
        if ref.role == "target":
            service = draft.service_name(draft.block(ref.path))
            other = first.setdefault((ref.plugin, ref.connection, service), ref)
            if other is not ref:
                yield ref.path, f"the same service as {dotted(other.path)}: give it a service_name of its own"
