"""The blocks that hold the options of plugins. All code that reads, checks or describes blocks uses this table."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from ..model.description import Role
from .records import DEFAULT_PLUGINS


class Shape(Enum):
    """The number and form of the blocks under a key."""

    ONE = auto()
    NAMED = auto()
    LISTED = auto()


class BlockKind(NamedTuple):
    """A kind of block.

    `keys` are the keys that the core reads. `default` is the plugin of a block that does not name one. `stage` marks
    the block of a stage that makes a package. `implied` means that the block exists even if the manifest does not have
    it.
    """

    role: Role
    key: str
    keys: tuple[str, ...] = ("plugin",)
    shape: Shape = Shape.ONE
    default: str = ""
    stage: bool = False
    implied: bool = True


BLOCKS = (
    BlockKind(Role.TRAIN, "train", default=DEFAULT_PLUGINS[Role.TRAIN], stage=True, implied=False),
    BlockKind(
        Role.EVALUATE,
        "evaluate",
        ("plugin", "data", "require", "no_worse_than"),
        default=DEFAULT_PLUGINS[Role.EVALUATE],
        stage=True,
        implied=False,
    ),
    BlockKind(Role.PACKAGE, "package", ("plugin", "samples"), default=DEFAULT_PLUGINS[Role.PACKAGE], stage=True),
    BlockKind(Role.IMAGE, "image", ("plugin", "connection"), default=DEFAULT_PLUGINS[Role.IMAGE]),
    BlockKind(Role.CONNECTION, "connections", shape=Shape.NAMED),
    BlockKind(
        Role.TARGET,
        "targets",
        ("plugin", "connection", "service_name", "keep_old_place", "rollout"),
        shape=Shape.NAMED,
    ),
    BlockKind(Role.OBSERVER, "observers", shape=Shape.LISTED),
    BlockKind(Role.GATE, "gates", shape=Shape.LISTED),
)
BY_KEY = {block.key: block for block in BLOCKS}
BY_ROLE: dict[str, BlockKind] = {block.role: block for block in BLOCKS}
