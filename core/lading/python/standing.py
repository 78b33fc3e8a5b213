"""How a service does on its targets, as these say it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import LadingError
from ..manifest import parse, read_bytes
from ..model import State, Status
from ..model.records import OnEvent, ignore
from ..plugin.discovery import TARGETS, installed, permitted
from ..store.guard import Foreign
from .deploying import deployment
from .records import MANIFEST, reading


@dataclass(frozen=True)
class Standing:
    """A service on one target: its release in the store, and what the target says."""

    target: str
    service: str
    release: int | None
    status: Status


def statuses(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Standing, ...]:
    """What each target says of the service; by default every target whose plugin is installed.

    A target that cannot be asked is then shown as unknown, with the reason; one that is named in `targets` raises it.
    """
    file = Path(manifest)
    data = read_bytes(file)
    with reading(manifest, store, on_event) as opened:
        draft = parse(file, data, os.environ, opened.memory)
    refs = {ref.name: ref for ref in draft.sections() if ref.role == "target"}
    known = {plugin.name for plugin in installed(TARGETS) if permitted(plugin)}
    chosen = targets or [name for name, ref in refs.items() if ref.plugin in known]
    found = []
    for name in chosen:
        try:
            one = deployment(manifest, target=name, store=store)
            found.append(Standing(one.target, one.service, one.release, one.status()))
        except Foreign:
            raise
        except LadingError as error:
            if name in targets:
                raise
            service = draft.service_name(draft.block(refs[name].path))
            found.append(Standing(name, service, None, Status(State.UNKNOWN, detail=error.message)))
    return tuple(found)
