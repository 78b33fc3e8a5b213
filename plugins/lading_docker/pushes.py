"""The last push of a service's image, with the digest that its registry gave it.

An engine is no witness of that: Podman, and Docker where containerd keeps its images, list a digest in a repository for
an image that was never pushed there, and not the one that the registry would give it.
"""

from __future__ import annotations

import json
from pathlib import Path

_FILE = "pushed.json"


def pushed(folder: Path, image: str, name: str) -> str | None:
    """The digest under which an image was pushed as `name`; None where that was not the last push."""
    try:
        kept = json.loads((folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return str(kept["digest"]) if (kept["image"], kept["name"]) == (image, name) else None


def keep(folder: Path, image: str, name: str, digest: str) -> None:
    new = folder / f"{_FILE}~"
    new.write_text(json.dumps({"image": image, "name": name, "digest": digest}), encoding="utf-8")
    new.replace(folder / _FILE)
