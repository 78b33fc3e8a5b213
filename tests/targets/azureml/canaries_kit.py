"""Credentials of the offline Azure (canaries), and all places where they could leak."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_azure.client import Emulator

SIGNATURE = re.compile(r"[?&]sig=[^*&\s]")  # the part that lets anybody read the blob at an address
KEPT = ("experiments", "runs", "metrics", "artifacts", "assets", "models", "images", "services", "computes")


@dataclass
class Canaries:
    """The output and the command lines of a test whose files are in `folder`. A test adds its output to `shown`."""

    emulator: Emulator
    folder: Path
    command_lines: set[str]
    seen: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)

    def leaks(self, *more: str) -> list[str]:
        """All places with a readable credential, or with one of `more`."""
        secrets = {secret for secret in (*self.emulator.ask("GET", "/secrets"), *more) if secret}
        return [place for place, text in self._places() if any(self._is_told(place, text, each) for each in secrets)]

    def _places(self) -> Iterator[tuple[str, str]]:
        yield "output", "".join(self.seen)
        yield "a command line", "\n".join(self.command_lines)
        yield "what Azure was told", json.dumps([_told(item) for item in self._world()["workspaces"].values()])
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes().decode("latin-1")

    def _world(self) -> dict[str, Any]:
        world: dict[str, Any] = self.emulator.ask("GET", "/state")
        return world

    def _is_told(self, place: str, text: str, secret: str) -> bool:
        on_purpose = place == "output" and secret in self.shown
        return (secret in text and not on_purpose) or (place == "output" and bool(SIGNATURE.search(text)))


def _told(workspace: dict[str, Any]) -> dict[str, Any]:
    return {kind: workspace[kind] for kind in KEPT}
