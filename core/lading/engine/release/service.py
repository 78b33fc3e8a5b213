"""One service on one target: what can be asked of it, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ... import model
from ...errors import BadInput, StageFailed
from ...model import (
    Capability,
    Deployment,
    Json,
    Keys,
    Logs,
    NoScoringUri,
    ScoringUri,
    Secret,
    State,
    Status,
)
from ...store.facts import Facts
from ...store.names import service_lock
from . import scoring

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.context import HookContext
    from ..session.session import Session

Result = TypeVar("Result")

READ_LIMIT = 120.0  # seconds for a question to a target
DELETE_LIMIT = 900.0  # seconds for a service to be gone

_POLL = 0.2  # seconds between the first two steps of a delete; each wait is half as long again, up to the last
_SLOWEST = 5.0


class Service:
    """The deployment of a target block, through the hooks of its plugin."""

    def __init__(self, session: Session, target: Section) -> None:
        self.session = session
        self.target = target
        self.plugin = session.plugin(target)

    @property
    def deployment(self) -> Deployment:
        """The deployment as the store knows it."""
        target, releases = self.target, self.session.store.releases
        release = releases.current(target.service_name, target.name)
        bare = Deployment(target.service_name, target.name, target.options, written=target.record)
        if release is None:
            return bare
        return replace(
            bare,
            release=release.number,
            package_digest=release.package_digest,
            model_sha256=release.model_sha256,
        )

    @property
    def image(self) -> Section | None:
        """The block of the image, for a target that needs one."""
        return self.session.manifest.image if self.plugin.description.image else None

    def context(self, end: float | None, journal: Callable[[str], None] = lambda _name: None) -> HookContext:
        """The context of this target's hooks; its folder lasts until it is deleted."""
        target = self.target
        work = self.session.store.work("deployments", target.name, target.service_name)
        facts = Facts(self.session.store.reuse, target.service_name, target.name)
        return self.session.context(
            work,
            stage="deploy",
            target=target.name,
            connection=target.connection,
            end=end,
            journal=journal,
            facts=facts,
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the service's lock. Raises Locked where another command has it."""
        session, name = self.session, service_lock(self.target.service_name, self.target.name)
        with session.store.lock(name, command=session.order.command, wait=session.order.lock_wait) as died:
            if died:
                session.events.emit(
                    "progress", stage="deploy", target=self.target.name, phase="taking over", detail=died
                )
            yield

    def scoring_uri(self) -> ScoringUri | NoScoringUri:
        return self._ask("lading_scoring_uri", lambda context: self.plugin.scoring_uri(self.deployment, context))

    def status(self) -> Status:
        """What the target says; unknown where it cannot say anything."""
        if not self.plugin.can(Capability.STATUS):
            return Status(State.UNKNOWN, detail=f"the target '{self.target.name}' cannot tell")
        return self._ask("lading_status", lambda context: self.plugin.status(self.deployment, context))

    def logs(self, *, tail: int, cursor: str | None = None) -> Logs:
        """The last `tail` lines, or those after `cursor`. Raises BadInput where the target keeps no log."""
        self._require(Capability.LOGS, "has no logs to show")
        request = model.LogsRequest(self.deployment, tail, cursor)
        return self._ask("lading_logs", lambda context: self.plugin.logs(request, context))

    def key(self) -> Secret | None:
        """The key that requests must carry; None where there is none."""
        return self._keys(None).primary if self.plugin.can(Capability.KEYS) else None

    def keys(self, *, rotate: str | None = None) -> Keys:
        """The keys, with the one that `rotate` names made anew first. Raises BadInput where the target has none."""
        self._require(Capability.KEYS, "has no keys")
        if rotate is None:
            return self._keys(None)
        self._require(Capability.ROTATE_KEYS, "cannot make its keys anew")
        with self.locked():
            return self._keys(rotate)

    def _keys(self, rotate: str | None) -> Keys:
        keys = self._ask("lading_keys", lambda context: self.plugin.keys(self.deployment, context, rotate=rotate))
        for secret in (keys.primary, keys.secondary):
            if secret is not None:
                self.session.events.hide(secret.reveal())
        return keys

    def score(self, body: Json, *, device: str | None = None, timeout: float = 60.0) -> scoring.Answer:
        """Send one request. Raises StageFailed where the deployment has no scoring URI."""
        found = self.scoring_uri()
        if isinstance(found, NoScoringUri):
            raise no_address(self.target.service_name, self.target.name, found)
        uri = found.uri if device is None else _device(found, device)
        return scoring.ask(uri, scoring.encode(body), key=self.key(), timeout=timeout)

    def delete(self) -> bool:
        """Remove the service; False where there was none. The target's steps are repeated until it is gone."""
        self._require(Capability.DELETE, "cannot delete")
        session = self.session
        with self.locked():
            existed = self.status().state is not State.ABSENT
            self._delete_until_absent(session.end(DELETE_LIMIT))
            existed = self._record_deletion() or existed
        if existed:
            session.events.emit(
                "release.deleted", stage="deploy", target=self.target.name, detail=self.target.service_name
            )
        return existed

    def _delete_until_absent(self, end: float | None) -> None:
        context, wait = self.context(end), _POLL
        while True:
            step = self._run("lading_delete", lambda: self.plugin.delete(self.deployment, context), end)
            if step.state is State.ABSENT:
                return
            if step.state is State.FAILED:
                raise StageFailed(f"{self.target.service_name} could not be deleted: {step.detail}")
            self.session.pause(wait, "deleting", step.detail, end)
            wait = min(1.5 * wait, _SLOWEST)

    def _record_deletion(self) -> bool:
        releases = self.session.store.releases
        found = [
            release
            for release in releases.list(self.target.service_name, self.target.name)
            if release.state in ("up", "pending")
        ]
        for release in found:
            releases.finish(release, "deleted", settles=True)
        return bool(found)

    def _ask(self, hook: str, question: Callable[[HookContext], Result]) -> Result:
        end = self.session.end(READ_LIMIT)
        context = self.context(end)
        return self._run(hook, lambda: question(context), end)

    def _run(self, hook: str, function: Callable[[], Result], end: float | None) -> Result:
        return self.session.run_hook(self.plugin, hook, function, end=end)

    def _require(self, capability: Capability, what: str) -> None:
        if not self.plugin.can(capability):
            raise BadInput(f"the target '{self.target.name}' {what}")


def no_address(service: str, target: str, found: NoScoringUri) -> StageFailed:
    """The failure of whoever needs the scoring URI of a deployment that has none."""
    return StageFailed(
        f"{service} on '{target}' has no scoring URI: {found.reason}",
        hint="`lading status` says what the target knows; what is not up, `lading deploy` brings up",
    )


def _device(found: ScoringUri, device: str) -> str:
    if device not in found.devices:
        known = ", ".join(sorted(found.devices)) or "none"
        raise BadInput(f"no device '{device}' in this deployment", hint=f"its devices are: {known}")
    return found.devices[device]
