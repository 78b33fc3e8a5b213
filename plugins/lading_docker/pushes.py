"""The last push of a service's image, with the digest from the registry. The registry is asked if it still has it.

The engine cannot report this reliably. Podman, and Docker with containerd's image store, list a digest for images that
were never pushed. It differs from the registry's digest.
"""

from __future__ import annotations

import json
from pathlib import Path

_FILE = "pushed.json"


def pushed(folder: Path, image: str, name: str) -> str | None:
    """The digest of an image that was pushed as `name`. None if that was not the last push."""
    try:
        kept = json.loads((folder / _FILE).read_text("utf-8"))
        return str(kept["digest"]) if (kept["image"], kept["name"]) == (image, name) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep(folder: Path, image: str, name: str, digest: str) -> None:
    new = folder / f"{_FILE}~"
    new.write_text(json.dumps({"image": image, "name": name, "digest": digest}), encoding="utf-8")
    new.replace(folder / _FILE)
