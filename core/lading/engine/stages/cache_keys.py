"""Keys: what a stage's output depends on, in one digest. Same key, same output: reused."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, NamedTuple

from ...base import metadata

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json
    from ...plugin.bound import BoundPlugin
    from ..session.session import Session


class Inputs(NamedTuple):
    """What a stage's output depends on: `values` make its key; `record`, for whatever is kept or shown, has in its
    `options` each `${NAME}` as the manifest has it.
    """

    stage: str
    values: dict[str, Json]
    record: dict[str, Json]

    @property
    def key(self) -> str:
        return key(self.stage, **self.values)


class Made(NamedTuple):
    """What a stage was last made from; `record` is None where that is not known."""

    key: str
    record: dict[str, Json] | None


def key(stage: str, **parts: Json) -> str:
    """The sha256 of a stage's name and of all that its output depends on."""
    return hashlib.sha256(json.dumps([stage, parts], sort_keys=True).encode()).hexdigest()


def inputs(stage: str, options: Json, written: Json, **parts: Json) -> Inputs:
    """The inputs of a stage; `written` is its options as the manifest has them."""
    return Inputs(stage, {**parts, "options": options}, {**parts, "options": written})


def section_inputs(session: Session, section: Section, **upstream: Json) -> Inputs:
    """The inputs of a stage that a manifest's block describes: its values, the bytes of its input files, its plugin
    and libraries, and what it gets from the stage before.
    """
    plugin = session.plugin(section)
    return inputs(
        "deploy" if section.role == "target" else section.role,
        section.value,
        section.record,
        inputs={field: session.store.digests.tree(path) for field, path in sorted(section.inputs.items())},
        plugin=_plugin(plugin),
        libraries={name: metadata.version(name) for name in plugin.description.libraries},
        python=".".join(map(str, sys.version_info[:3])),
        **upstream,
    )


def within(made_from: Inputs, name: str, part: Inputs) -> Inputs:
    """The inputs of a stage that depends on those of another part as well."""
    stage, values, record = made_from
    return Inputs(stage, {**values, name: part.values}, {**record, name: part.record})


def _plugin(plugin: BoundPlugin) -> dict[str, Json]:
    installed = plugin.installed
    return {
        "distribution": installed.distribution,
        "name": installed.name,
        "cache_version": plugin.description.cache_version,
    }


def remember(session: Session, made: Inputs) -> None:
    """Keep what a stage was last made from, for plans to say what has changed; nothing where that is kept already."""
    reuse, last, made_key = session.store.reuse, _last(session, made.stage), made.key
    if reuse.get(last) != made_key:
        reuse.put_all([(last, "last", made_key), record_row(made)])


def record_row(made: Inputs) -> tuple[str, str, Json]:
    """What the store keeps of a stage's inputs, under their key."""
    return key("inputs", of=made.key), "inputs", made.record


def last_made(session: Session, stage: str) -> Made | None:
    """What a stage of this manifest was last made from; None before its first time."""
    found = session.store.reuse.get(_last(session, stage))
    return None if found is None else made_from(session, found)


def made_from(session: Session, made_key: str) -> Made:
    """What the key of a stage was made from."""
    return Made(made_key, session.store.reuse.get(key("inputs", of=made_key)))


def _last(session: Session, stage: str) -> str:
    return key("last", service=session.manifest.name, of=stage)
