"""The parameters of a command, before its manifest is read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Flag, auto
from pathlib import Path

from ...errors import BadInput
from ...store import Store, find_manifest, has_store, open_store, read_store

HOOK_TIMEOUT = "LADING_HOOK_TIMEOUT"
"""The variable with the time limit of each single call of a hook, in seconds; without it, only a stage has a limit."""


class Needs(Flag):
    """The parts of a manifest that a command uses, besides its targets and their connections.

    Other parts are not bound. So their variables and plugins may be missing.
    """

    MAKING = auto()
    """The blocks of the stages that make a package. Without them, a package exists already or is not needed."""
    ACCOUNTS = auto()
    """The connections under `track` and `register.to`."""
    GATES = auto()
    OBSERVERS = auto()
    SAMPLES = auto()
    """Only the golden requests of the manifest. The package comes from elsewhere."""
    IMAGE = auto()
    """The image, if a chosen target needs one or if no target is chosen."""
    CHANGES = auto()
    """Write access to the store. The rotation of keys needs only this. Without it, no file is changed."""

    GUARDS = GATES | OBSERVERS
    QUESTION = 0
    """`status`, `uri`, `logs`, `score` and `keys`."""
    PACKAGE = MAKING | ACCOUNTS | GUARDS | CHANGES
    """`train`, `register` and `package`."""
    DEPLOY = PACKAGE | IMAGE
    """`deploy` and, without a target, `image`."""
    PLAN = MAKING | ACCOUNTS | GUARDS | IMAGE
    DEPLOY_ARCHIVE = ACCOUNTS | GUARDS | SAMPLES | IMAGE | CHANGES
    """`deploy --package`."""
    PREFLIGHT = IMAGE
    SERVICE = OBSERVERS | CHANGES
    """`delete`, `promote`, `abort` and `traffic --weight`. They work without the observers too, so that the variable of
    a webhook does not keep a bad release up."""
    ROLLBACK = GUARDS | IMAGE | CHANGES
    CHECK_TARGET = SAMPLES | IMAGE | CHANGES
    """`plugin check`."""

    @property
    def deploys(self) -> bool:
        """Whether the command needs the parts of a release. Others only need its location."""
        return self not in (Needs.QUESTION, Needs.CHANGES, Needs.SERVICE)

    @property
    def unused(self) -> tuple[str, ...]:
        """The keys of a manifest that a command does not use. Their variables may be unset."""
        makes = Needs.MAKING | Needs.ACCOUNTS | Needs.SAMPLES
        users = {
            **dict.fromkeys(("register", "package", "track"), makes),
            "observers": Needs.OBSERVERS,
            "gates": Needs.GATES,
            "image": Needs.IMAGE,
        }
        return tuple(key for key, needs in users.items() if not self & needs)


@dataclass(frozen=True, kw_only=True)
class Order:
    """The parameters of a command.

    An empty `targets` means the manifest's default targets, and None means no target.
    """

    file: Path
    environ: Mapping[str, str]
    needs: Needs
    command: str
    store: Path | None = None
    targets: tuple[str, ...] | None = None
    timeout: float | None = None
    lock_wait: float = 0.0

    @classmethod
    def of(
        cls,
        command: str,
        manifest: str | Path,
        needs: Needs,
        *,
        store: str | Path | None = None,
        targets: Sequence[str] | None = None,
        timeout: float | None = None,
        lock_wait: float = 0.0,
    ) -> Order:
        """Create the parameters of `lading COMMAND MANIFEST`, with this process's environment variables."""
        return cls(
            file=find_manifest(manifest),
            environ=os.environ,
            needs=needs,
            command=f"lading {command} {manifest}",
            store=None if store is None else Path(store),
            targets=None if targets is None else tuple(targets),
            timeout=timeout,
            lock_wait=lock_wait,
        )

    @property
    def reads(self) -> bool:
        """Whether the command does not create or change any file."""
        return Needs.CHANGES not in self.needs

    @property
    def hook_timeout(self) -> float | None:
        """Seconds for one call of a hook; None without a limit. Raises BadInput if the variable is not usable."""
        text = self.environ.get(HOOK_TIMEOUT)
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise BadInput(f"{HOOK_TIMEOUT} is '{text}', which is not a number of seconds above 0")
        return seconds

    @property
    def reading(self) -> Order:
        """The same command without changes, for a refusal that creates no store."""
        return replace(self, needs=self.needs & ~Needs.CHANGES)

    @property
    def has_store(self) -> bool:
        """Whether there is a store. A command that would change nothing without a store does not create one."""
        return has_store(self.file, self.environ, self.store)

    def store_of(self) -> Store:
        """Open the store of the manifest, for reading or for changes as the command needs."""
        return (read_store if self.reads else open_store)(self.file, self.environ, self.store)
