"""The inputs of a release, taken from the outputs of the stages."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model import Json, Release
    from .releases import Releases
    from .reuse import Recall, Reuse


def key(stage: str, **parts: Json) -> str:
    """The cache key of a stage: the SHA-256 of its name and of everything that its output depends on."""
    return hashlib.sha256(json.dumps([stage, parts], sort_keys=True).encode()).hexdigest()


def mark(release: Release) -> str:
    """The key under which the store remembers the cache key of a release."""
    return key("release", service=release.service, target=release.target, number=release.number)


def run_mark(run: str) -> str:
    """The key under which the store remembers the cache key of a run."""
    return key("run", id=run)


def inputs_key(made_key: str) -> str:
    """The key under which the store keeps the inputs of a cache key."""
    return key("inputs", of=made_key)


def last_live(releases: Releases, service: str, target: str) -> Release | None:
    """The release that is up. Otherwise the newest pending release."""
    return releases.current(service, target) or next(iter(releases.pending(service, target)), None)


def record_of(memory: Reuse | Recall, mark_: str) -> dict[str, Json]:
    """The stored inputs of a release or run, by its mark. Empty if they are not known or the store is not trusted."""
    made_key = memory.get(mark_)
    record = memory.get(inputs_key(made_key)) if isinstance(made_key, str) else None
    return record if isinstance(record, dict) else {}


def distribution_of(memory: Reuse | Recall, release: Release) -> str:
    """The distribution of the target plugin that made a release. Empty if it is unknown or the store is not trusted."""
    plugin = record_of(memory, mark(release)).get("plugin")
    return str(plugin.get("distribution", "")) if isinstance(plugin, dict) else ""
