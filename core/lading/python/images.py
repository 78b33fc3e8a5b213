"""The image of a package, for whoever runs it on a platform of their own."""

from __future__ import annotations

import os
from pathlib import Path

from ..engine import pipeline
from ..engine.release import image as image_stage
from ..engine.session.session import Order, open_session
from ..model import Image
from ..model.records import OnEvent, ignore
from .records import MANIFEST


def make_image(
    manifest: str | Path = MANIFEST,
    *,
    push: bool = False,
    model: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Image:
    """Train, register and package, and make the package into an image; with `push` it ends in the registry.

    `model` (`NAME:VERSION`) serves an earlier version; `timeout` is in seconds.
    """
    order = Order(
        file=Path(manifest),
        environ=os.environ,
        command=f"lading image {'push' if push else 'build'} {manifest}",
        store=None if store is None else Path(store),
        timeout=timeout,
        image=True,
    )
    with open_session(order, on_event) as session:
        return image_stage.make_image(session, pipeline.packaged(session, model=model), push=push)
