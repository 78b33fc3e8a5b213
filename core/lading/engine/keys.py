"""Keys: what a stage's output depends on, in one digest. Same key, same output: reused."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

from ..plugins import distribution_version

if TYPE_CHECKING:
    from ..hooks import BoundPlugin
    from ..manifest import Section
    from ..model import Json
    from ..store import Store


def key(stage: str, **parts: Json) -> str:
    """The sha256 of a stage's name and of all that its output depends on."""
    return hashlib.sha256(json.dumps([stage, parts], sort_keys=True).encode()).hexdigest()


def section_parts(section: Section, plugin: BoundPlugin, store: Store) -> dict[str, Json]:
    """What a manifest's block adds to a key: its values, the bytes of its input files, its plugin and libraries."""
    return {
        "options": section.value,
        "inputs": {field: store.digests.tree(path) for field, path in sorted(section.inputs.items())},
        "plugin": [plugin.installed.distribution, plugin.installed.name, plugin.description.cache_version],
        "libraries": {name: distribution_version(name) for name in plugin.description.libraries},
        "python": list(sys.version_info[:3]),
    }
