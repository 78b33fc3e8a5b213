"""One service on one target: queries, deploys, and its deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ... import model
from ...errors import BadInput, LadingError, NotSignedIn, OutcomeUnknown, PluginError, StageFailed
from ...model import Capability, Deployment, NoScoringUri, ScoringUri, State, Status
from ...store.facts import Facts
from ...store.names import service_lock
from ..session.context import Note, ignore
from ..stages.stage import DEPLOY

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import DeleteStep, Failed, Json, Keys, PlanFinding, PlanFindings, TargetFinding, TargetFindings
    from ..session.context import HookContext
    from ..session.session import Session
    from .endpoint import Endpoint
    from .scoring import Answer

Result = TypeVar("Result")
Finding = TypeVar("Finding", bound="PlanFinding | TargetFinding")

READ_LIMIT = 120.0  # seconds for one query to a target
DELETE_LIMIT = 900.0  # seconds until a service must be deleted

_POLL_INTERVAL = 1.0  # seconds between two looks at a status that is still pending


class Unverified(PluginError):
    """A target's answer does not agree with the verdict, its own status or the service: nothing it said counts."""


@contextmanager
def continued_after_sign_in() -> Iterator[None]:
    """End a deploy or a rollout whose credentials are not accepted with OutcomeUnknown: nothing is wrong with it."""
    try:
        yield
    except NotSignedIn as error:
        hint = f"{error.hint or 'sign in again'}; then run the same command again"
        raise OutcomeUnknown(error.message, hint=hint) from error


_DELETE = "delete"  # the events of a delete name it in place of a stage


class Service:
    """The deployment of a target block, through the hooks of its plugin."""

    def __init__(self, session: Session, target: Section, stage: str = DEPLOY.name) -> None:
        self.session = session
        self.target = target
        self.plugin = session.plugin(target)
        self.emit = session.events.of(stage, target.name)

    @property
    def deployment(self) -> Deployment:
        """The deployment as the store knows it."""
        target, service = self.target, self.target.service_name
        release = self.session.store.releases.current(service, target.name)
        bare = Deployment(service=service, target=target.name, options=target.options, written=target.record)
        if release is None:
            return bare
        return replace(
            bare,
            release=release.number,
            release_id=release.id,
            package_digest=release.package_digest,
            model_sha256=release.model_sha256,
        )

    @property
    def releases(self) -> list[model.Release]:
        """Its releases in the store, newest first."""
        return self.session.store.releases.list(self.target.service_name, self.target.name)

    @property
    def name(self) -> str:
        """The deployment's name in messages."""
        return f"{self.target.service_name} on '{self.target.name}'"

    @property
    def needs_image(self) -> bool:
        """Whether the target needs an image of the package with its options."""
        target = self.target
        return self.plugin.description.image is not None and target.options.needs_image(target.record)

    @property
    def image(self) -> Section | None:
        """The block of the image if the target needs one."""
        return self.session.manifest.image if self.needs_image else None

    def context(
        self, end: float | None, journal: Note = ignore, note_secret: Note = ignore, *, connected: bool = True
    ) -> HookContext:
        """The context of this target's hooks. Its folder is kept until the service is deleted."""
        target = self.target
        work = self.session.store.work("deployments", target.name, target.service_name)
        facts = Facts(self.session.store.reuse, target.service_name, target.name)
        return self.session.context(
            work,
            stage=self.emit.stage,
            target=target.name,
            connection=target.connection if connected else None,
            end=end,
            journal=journal,
            note_secret=note_secret,
            facts=facts,
        )

    @contextmanager
    def locked(self, wait: float | None = None) -> Iterator[None]:
        """Hold the service's lock. Raises Locked if another command holds it after `wait` seconds.

        By default the user's --lock-wait decides.
        """
        session, name = self.session, service_lock(self.target.service_name, self.target.name)
        wait = session.order.lock_wait if wait is None else wait
        with session.store.lock(name, command=session.order.command, wait=wait) as died:
            if died:
                self.emit("progress", phase="taking over", detail=died)
            yield

    def scoring_uri(self) -> ScoringUri | NoScoringUri:
        return self._ask("lading_scoring_uri", lambda context: self.plugin.scoring_uri(self.deployment, context))

    def status(self) -> Status:
        """The status that the target reports; unknown if the target cannot report one."""
        if not self.plugin.can(Capability.STATUS):
            return Status(state=State.UNKNOWN, detail=f"the target '{self.target.name}' does not report a status")
        return self._ask("lading_status", lambda context: self.plugin.status(self.deployment, context))

    def settled_status(self, context: HookContext, what: str, end: float | None) -> Status:
        """The status once it is not pending. Raises OutcomeUnknown, naming `what`, if it still is at the time limit."""
        while (status := self.status()).state is State.PENDING:
            context.progress("waiting for the status", status.detail)
            self.session.pause(_POLL_INTERVAL, what, "its status is pending", end)
        return status

    def unverified(self, subject: str, what: str, mend: str = "") -> Unverified:
        """The failure of a target whose answer nothing confirms. `mend` is the change that its authors have to make."""
        plugin = self.plugin.installed
        hint = f"report this to the authors of {plugin.distribution}{mend and f': {mend}'}"
        return Unverified(f"{subject}: {plugin} {what}", hint=hint)

    def listing(self) -> model.Listing:
        """List all our objects on the target's platform. Raises BadInput if the target cannot list them."""
        self._require(Capability.LIST, "cannot list what is on its platform")
        request = model.ListRequest(deployment=self.deployment)
        return self._ask("lading_list", lambda context: self.plugin.list(request, context))

    def preflight(self) -> TargetFindings:
        """The target's findings before a deploy, if it declares `preflight`."""
        image = self.image.options if self.image else None
        request = model.PreflightRequest(deployment=self.deployment, image=image)
        return self._ask("lading_preflight", lambda context: self.plugin.preflight(request, context))

    def plan(self, request: model.PlanRequest) -> PlanFindings:
        """The target's findings about a change, without a connection, if it declares `plan`."""
        end = self.session.end(READ_LIMIT)
        context = self.context(end, connected=False)
        return self._run("lading_plan", lambda: self.plugin.plan(request, context), end)

    def placed(self, finding: Finding) -> Finding:
        """A finding of the target without secrets. A finding about an option has its line of the manifest."""
        message, option, redacted = finding.message, finding.option, self.session.events.redacted
        if option:
            message = self.session.at_option(self.target.path, option, message)
        return replace(finding, message=redacted(message), hint=redacted(finding.hint))

    def key(self) -> model.Secret | None:
        """The key that requests must carry; None if no key is required."""
        return self._keys(None).primary if self.plugin.can(Capability.KEYS) else None

    def keys(self, *, rotate: str | None = None) -> Keys:
        """The keys. `rotate` names a key to rotate first. Raises BadInput if the target has no keys."""
        self._require(Capability.KEYS, "has no keys")
        if rotate is None:
            return self._keys(None)
        self._require(Capability.ROTATE_KEYS, "cannot rotate its keys")
        with self.locked():
            with suppress(LadingError):  # the old keys are only read to redact them
                self._keys(None)
            return self._keys(rotate)

    def _keys(self, rotate: str | None) -> Keys:
        keys = self._ask("lading_keys", lambda context: self.plugin.keys(self.deployment, context, rotate=rotate))
        for secret in (keys.primary, keys.secondary):
            if secret is not None:
                self.session.events.hide(secret.reveal())
        return keys

    def score(self, body: Json, *, device: str | None = None, timeout: float = 60.0) -> Answer:
        """Send one request. Raises StageFailed if the deployment has no scoring URI."""
        from .scoring import encode

        return self.endpoint(self.address(device)).ask(encode(body), timeout=timeout)

    def endpoint(self, uri: str, headers: Mapping[str, str] | None = None) -> Endpoint:
        """An address of the service, with its key. `headers` choose one release of several."""
        return replace(self.open_endpoint(uri), key=self.key(), headers=headers or {})

    def open_endpoint(self, uri: str) -> Endpoint:
        """An address of the service, without its key."""
        from .endpoint import Endpoint  # a command that sends no request does not need it

        deployment, invoke = self.deployment, None
        if self.plugin.can(Capability.INVOKE):
            context = self.context(None)
            invoke = lambda request: self.plugin.invoke(request, context)  # noqa: E731
        return Endpoint(deployment=deployment, uri=uri, invoke=invoke)

    def address(self, device: str | None = None) -> str:
        """The scoring URI, or that of one device. Raises StageFailed if the deployment has none."""
        from .addresses import no_address, of_device

        found = self.scoring_uri()
        if isinstance(found, NoScoringUri):
            raise no_address(self.target.service_name, self.target.name, found)
        return found.uri if device is None else of_device(found, device)

    def delete(self) -> bool:
        """Remove the service; False if there was none. The target's steps are repeated until it is gone.

        Raises Unverified if the target says that it is gone and its status says otherwise.
        """
        self._require(Capability.DELETE, "cannot delete")
        return Service(self.session, self.target, _DELETE)._delete()

    def clear(self) -> bool:
        """Remove the service from its place; False if it was empty. The caller holds the lock."""
        existed = self.status().state is not State.ABSENT
        self._delete_until_done(self.session.end(DELETE_LIMIT))
        return existed

    def _delete(self) -> bool:
        with self.locked():
            existed = self.clear()
            existed = self._record_deletion() or existed
        if existed:
            self.emit("release.deleted", detail=self.target.service_name)
        return existed

    def _delete_until_done(self, end: float | None) -> None:
        context, deployment = self.context(end), self.deployment

        def step() -> DeleteStep:
            return self._run("lading_delete", lambda: self.plugin.delete(deployment, context), end)

        while not isinstance(taken := step(), model.Done):
            if isinstance(taken, model.Failed):
                raise self._not_deleted(taken)
            context.progress(taken.phase, taken.detail)
            self.session.pause(taken.retry_after, f"the delete of {self.name}", taken.phase, end)
        if self.plugin.can(Capability.STATUS):
            self._check_absence(context, end)

    def _check_absence(self, context: HookContext, end: float | None) -> None:
        """Believe `Done` only if the target's own status is absent."""
        status = self.settled_status(context, f"the delete of {self.name}", end)
        if status.state is not State.ABSENT:
            what = f"returned Done, and its status is {status.state}: {status.detail}".rstrip(": ")
            raise self.unverified(f"{self.name} is not deleted", what)

    def _not_deleted(self, step: Failed) -> StageFailed:
        log = f"\n{step.log}" if step.log else ""
        return StageFailed(
            f"{self.name} could not be deleted: {step.reason}{log}",
            hint="`lading status` shows what is left; `lading delete` tries again",
        )

    def _record_deletion(self) -> bool:
        found = [release for release in self.releases if release.state in ("up", "canary", "pending")]
        for release in found:
            self.session.store.releases.finish(release, "deleted", settles=True)
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
