"""The history of each deployment: numbered releases, of which at most one is up and at most one is a canary."""

from __future__ import annotations

import builtins
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..model import Package, Release
from .codec import from_record, to_json
from .database import Database
from .journal import settle_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model import GoldenRequest, Served


ADOPTED = "brought up from another store"
"""The reason of a release that this store found on its target."""

_WELL = ("up", "canary", "aborted")
"""The states of releases whose open effects are known to have happened."""


class Releases:
    """The releases of all deployments. A deployment is a service on a target."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        service: str,
        target: str,
        package: Package,
        secrets: Mapping[str, str] | None = None,
        *,
        beside: bool = False,
    ) -> Release:
        """Create the next release of a deployment, with the digests of its `secrets`. Its state is `pending`."""
        with self._database.write() as connection:
            number = _newest(connection, service, target) + 1
            release = Release(
                id=os.urandom(8).hex(),
                service=service,
                target=target,
                number=number,
                package_digest=package.digest,
                model=package.model.name,
                model_version=package.model.version,
                model_sha256=package.model.sha256,
                state="pending",
                started=datetime.now(UTC),
                secrets=secrets or {},
                beside=beside,
            )
            self._insert(release)
        return release

    def adopt(
        self, service: str, target: str, found: Served, state: str, *, model: str, version: int, sha256: str
    ) -> Release:
        """Record a release that another store has brought up, in its present state, with the next number.

        The version of its `model` is 0 if this store does not have it. If the state is `up`, the previous release
        becomes superseded.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            release = Release(
                id=found.release_id,
                service=service,
                target=target,
                number=_newest(connection, service, target) + 1,
                package_digest=found.package_digest,
                model=model,
                model_version=version,
                model_sha256=sha256,
                state=state,
                started=now,
                ended=now,
                reason=ADOPTED,
                beside=state == "canary",
            )
            if state == "up":
                self._supersede(connection, release)
            self._insert(release)
        return release

    def finish(self, release: Release, state: str, reason: str = "", *, settles: bool = False) -> Release:
        """End a release in a state.

        If the state is `up`, the previous release becomes superseded in the same transaction. So a canary is promoted.
        A release of another store keeps this reason, unless it is aborted.

        `settles` also settles the open effects of the deployment: as done if the release is up or a canary, or was
        aborted, otherwise as failed. Raises BadInput if the store does not have the release.
        """
        promoted = release.promoted or (release.beside and state == "up")
        if release.reason == ADOPTED and state != "aborted":
            reason = reason or ADOPTED
        ended = replace(release, state=state, reason=reason, ended=datetime.now(UTC), promoted=promoted)
        with self._database.write() as connection:
            if state == "up":
                self._supersede(connection, release)
            self._update(ended)
            if settles:
                settle_open(connection, release.service, release.target, "done" if state in _WELL else "failed")
        return ended

    def note_secret(self, release: Release, name: str, digest: str) -> Release:
        """Record the digest of a variable that a pending release has read. One that is recorded stays."""
        if name in release.secrets:
            return release
        noted = replace(release, secrets={**release.secrets, name: digest})
        with self._database.write():
            self._update(noted)
        return noted

    def accept(self, release: Release, golden_requests: tuple[GoldenRequest, ...]) -> Release:
        """Record other golden requests, which a release that is up has answered."""
        accepted = replace(release, golden_requests=golden_requests, asked=True)
        with self._database.write():
            self._update(accepted)
        return accepted

    def current(self, service: str, target: str) -> Release | None:
        """The release that is up."""
        return next(iter(self._in_state(service, target, "up")), None)

    def canary(self, service: str, target: str) -> Release | None:
        """The release that serves beside the one that is up."""
        return next(iter(self._in_state(service, target, "canary")), None)

    def pending(self, service: str, target: str) -> builtins.list[Release]:
        """The unfinished releases, newest first. There can be more than one if commands were killed."""
        return self._in_state(service, target, "pending")

    def list(self, service: str | None = None, target: str | None = None) -> builtins.list[Release]:
        """The releases of a service, of a target, or all releases, newest first."""
        return self._select("service = coalesce(?, service) AND target = coalesce(?, target)", service, target)

    def _in_state(self, service: str, target: str, state: str) -> builtins.list[Release]:
        return self._select("service = ? AND target = ? AND state = ?", service, target, state)

    def _select(self, where: str, *values: str | None) -> builtins.list[Release]:
        rows = self._database.read(f"SELECT record FROM releases WHERE {where} ORDER BY seq DESC", *values)
        return [from_record(Release, record) for (record,) in rows]

    def _insert(self, release: Release) -> None:
        self._database.keep(
            "releases",
            "INSERT INTO releases (service, target, number, state, record) VALUES (?, ?, ?, ?, ?)",
            (release.service, release.target, release.number, release.state, to_json(release)),
        )

    def _supersede(self, connection: sqlite3.Connection, release: Release) -> None:
        query = "SELECT record FROM releases WHERE service = ? AND target = ? AND state = 'up' AND number != ?"
        for (record,) in connection.execute(query, (release.service, release.target, release.number)).fetchall():
            self._update(replace(from_record(Release, record), state="superseded"))

    def _update(self, release: Release) -> None:
        update = "UPDATE releases SET state = ?, record = ? WHERE service = ? AND target = ? AND number = ?"
        where = (release.service, release.target, release.number)
        if not self._database.keep("releases", update, (release.state, to_json(release), *where)):
            raise BadInput(f"'{release.service}' on '{release.target}' has no release {release.number}")


def _newest(connection: sqlite3.Connection, service: str, target: str) -> int:
    query = "SELECT coalesce(max(number), 0) FROM releases WHERE service = ? AND target = ?"
    newest: int = connection.execute(query, (service, target)).fetchone()[0]
    return newest
