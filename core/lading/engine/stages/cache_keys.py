"""Cache keys: one digest of all inputs of a stage. An output with the same key is reused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from ...base import metadata
from ...store import origin

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json
    from ...plugin.bound import BoundPlugin
    from ..session.session import Session

key = origin.key


class Inputs(NamedTuple):
    """The inputs of a stage: `values` give its cache key, and `record` is stored and shown.

    The `options` of the record have each `${NAME}` as written in the manifest.
    """

    stage: str
    values: dict[str, Json]
    record: dict[str, Json]

    @property
    def key(self) -> str:
        return key(self.stage, **self.values)


class Made(NamedTuple):
    """The last output of a stage by its inputs. `record` is None if the inputs are not known."""

    key: str
    record: dict[str, Json] | None


def inputs(stage: str, options: Json, written: Json, **parts: Json) -> Inputs:
    """The inputs of a stage. `written` has its options as written in the manifest."""
    return Inputs(stage, {**parts, "options": options}, {**parts, "options": written})


def section_inputs(session: Session, stage: str, section: Section, **upstream: Json) -> Inputs:
    """The inputs of a stage that has a block in the manifest: values, input files, plugin, libraries, and previous
    output.
    """
    plugin = session.plugin(section)
    return inputs(
        stage,
        section.value,
        section.record,
        inputs={field: session.store.digests.tree(path) for field, path in sorted(section.inputs.items())},
        plugin=_plugin(plugin),
        libraries={name: metadata.version(name) for name in plugin.description.libraries},
        python=".".join(map(str, sys.version_info[:3])),
        **upstream,
    )


def account(session: Session, name: str) -> str:
    """The inputs that identify the account of a connection: its plugin and its block, with `${NAME}` as written."""
    section = session.manifest.connections[name]
    return key("account", plugin=section.plugin, block=section.record)


def within(stage_inputs: Inputs, name: str, part: Inputs) -> Inputs:
    """The inputs of a stage that also depends on the inputs of another part."""
    stage, values, record = stage_inputs
    return Inputs(stage, {**values, name: part.values}, {**record, name: part.record})


def _plugin(plugin: BoundPlugin) -> dict[str, Json]:
    installed = plugin.installed
    return {
        "distribution": installed.distribution,
        "name": installed.name,
        "cache_version": plugin.description.cache_version,
    }


def remember(session: Session, made: Inputs) -> None:
    """Store the inputs of a stage's last output, so that plans can show what has changed. Does nothing if they are
    stored.
    """
    reuse, last, made_key = session.store.reuse, _last(session, made.stage), made.key
    if reuse.get(last) != made_key:
        reuse.put_all([(last, "last", made_key), record_row(made)])


def record_row(made: Inputs) -> tuple[str, str, Json]:
    """The stored record of a stage's inputs, under their cache key."""
    return origin.inputs_key(made.key), "inputs", made.record


def last_made(session: Session, stage: str) -> Made | None:
    """The inputs of this stage's last output for this manifest; None before the first one."""
    found = session.store.reuse.get(_last(session, stage))
    return None if found is None else stage_inputs(session, found)


def stage_inputs(session: Session, made_key: str) -> Made:
    """The inputs that gave a stage's cache key."""
    return Made(made_key, session.store.reuse.get(origin.inputs_key(made_key)))


def _last(session: Session, stage: str) -> str:
    return key("last", service=session.manifest.name, of=stage)
