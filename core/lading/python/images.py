"""Build a package as an image for a platform without a target plugin."""

from __future__ import annotations

from pathlib import Path

from ..engine import pipeline
from ..engine.release import image as image_stage
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..model import Image
from ..model.records import OnEvent, ignore
from ..store import MANIFEST


def make_image(
    manifest: str | Path = MANIFEST,
    *,
    push: bool = False,
    model: str | None = None,
    force: bool = False,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> Image:
    """Train, register and package, and build the package as an image. With `push`, the image is pushed to the registry.

    `model` (`NAME:VERSION`) serves an earlier version. `force` builds and pushes even if nothing has
    changed. `timeout` is in seconds.
    """
    command = f"image {'push' if push else 'build'}"
    order = Order.of(command, manifest, Needs.DEPLOY, store=store, timeout=timeout)
    with open_session(order, on_event) as session:
        return image_stage.make_image(session, pipeline.packaged(session, model=model), push=push, force=force)
