"""Rules about several blocks whose options could be built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..model.description import Role
from .values import mapping

if TYPE_CHECKING:
    from .draft import Draft
    from .records import Path_, Section

Found = Iterator[tuple["Path_", str]]


def broken_together(draft: Draft, by_role: Mapping[str, Section]) -> Found:
    """The problems of blocks that do not fit together, each with its place."""
    yield from _evaluation(draft, by_role)
    packager = by_role.get(Role.PACKAGE)
    if packager and not packager.options.own_script and draft.block(("register", "models")):
        reason = "several models need a scoring script of your own: name a scoring_script under package"
        yield ("register", "models"), reason


def _evaluation(draft: Draft, by_role: Mapping[str, Section]) -> Found:
    """An evaluation that has no rows, or that requires an unknown metric."""
    evaluator, trainer = by_role.get(Role.EVALUATE), by_role.get(Role.TRAIN)
    if evaluator is None:
        return
    block, training = draft.block(evaluator.path), trainer.options if trainer else None
    if training is not None and training.nothing_held_out and not block.get("data"):
        yield evaluator.path, f"{training.nothing_held_out}: name a file under data"
    for name in mapping(block.get("require")):
        if unknown := evaluator.options.unknown_metric(name, training):
            yield (*evaluator.path, "require", name), unknown
