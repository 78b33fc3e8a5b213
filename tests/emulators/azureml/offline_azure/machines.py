"""What runs beside the emulator for it: storage, and the containers of deployed services."""

from __future__ import annotations

from pathlib import Path

from .blobs import Blobs


class Machines:
    """All processes that the emulator started; none outlives it."""

    def __init__(self, azurite: Path, folder: Path) -> None:
        self.blobs = Blobs(azurite, folder)

    def reset(self) -> None:
        """Stop everything that belongs to a workspace."""

    def close(self) -> None:
        self.reset()
        self.blobs.close()
