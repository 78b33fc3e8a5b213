"""The session of a command: its manifest, its plugins, the store, and the receivers of its events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ... import model
from ...errors import BadInput, ManifestError, OutcomeUnknown, PluginError, Transient
from ...manifest import Draft, Manifest, Path_, Section, parse, read_bytes
from ...store import Store, find_project
from .binding import Plugins, bind_manifest, retiring
from .context import HookContext, Note, ignore
from .events import Events, Sink
from .order import Needs, Order
from .worker import Limit, call

if TYPE_CHECKING:
    from ...plugin.bound import BoundPlugin
    from ...store.facts import Facts
    from ..resolving import Resolver
    from .observer import Observer

Result = TypeVar("Result")

ACCOUNT_LIMIT = 900.0  # seconds for a connection, a gate or a tracker, because a person may have to sign in or approve

_SHORTEST_PAUSE = 0.1  # seconds between two steps: without it, a plugin could keep a core and the output busy
_TRIES = 5  # limit of calls of a hook that asks for a retry


@dataclass
class Session:
    """The data that the stages work with.

    `plugins` holds the bound plugin of each block in use. `resolved` holds the environments that the command has
    resolved, by the digest of their question. `look_ahead` is called before each stage, with the target of a deploy. It
    raises if the deploy cannot succeed, so that no work is wasted. `planner` makes the plan of a deploy for the gates,
    from the package and the target. Without gates it is not called.
    """

    order: Order
    manifest: Manifest
    plugins: Mapping[Path_, BoundPlugin]
    store: Store
    events: Events
    cancel: threading.Event = field(default_factory=threading.Event)
    resolved: dict[str, model.Environment] = field(default_factory=dict)
    look_ahead: Callable[[str], None] = lambda _target: None
    planner: Callable[[model.Package | None, str], model.Plan | None] = lambda _package, _target: None
    _connections: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def project(self) -> Path:
        """The folder whose files count as inputs of a training that reads them."""
        return find_project(self.order.file)

    @property
    def targets(self) -> tuple[Section, ...]:
        """The blocks of the chosen targets, in the order of the command."""
        return tuple(self.manifest.targets.values())

    def plugin(self, section: Section) -> BoundPlugin:
        return self.plugins[section.path]

    def run_hook(
        self, plugin: BoundPlugin, hook: str, function: Callable[[], Result], *, end: float | None = None
    ) -> Result:
        """Run a hook in a worker thread, until it ends or the monotonic clock passes `end`.

        The variable LADING_HOOK_TIMEOUT can give each call an earlier limit. If the hook raises Transient with a
        waiting time, it is called again after that time, at most a few times.
        """
        for tries_left in reversed(range(_TRIES)):
            limit = Limit.of(end, self.order.hook_timeout)
            try:
                return call(function, plugin=plugin.installed, hook=hook, cancel=self.cancel, limit=limit)
            except (OutcomeUnknown, PluginError):
                if self.cancel.is_set():  # only this hook was cancelled, not the next ones
                    self.cancel = threading.Event()
                raise
            except BadInput as error:
                if placed := self.at_its_option(plugin, error):
                    raise placed from error
                raise
            except Transient as error:
                wait = None if error.retry_after is None else bounded(error.retry_after)
                if not tries_left or wait is None or _is_late(error, wait, end):
                    raise
                self.events.emit("progress", phase="waiting", detail=f"{wait:g} s: {error.message}")
                self.cancel.wait(wait)
        raise AssertionError("the last try returns or raises")

    def at_its_line(self, path: Path_, error: BadInput) -> BadInput:
        """The failure with its position in the manifest."""
        return BadInput(self.at_line(path, error.message), hint=error.hint)

    def at_its_option(self, plugin: BoundPlugin, error: BadInput) -> BadInput | None:
        """The failure of a hook with the position of the option that it names; None if it names none."""
        block = next((path for path, bound in self.plugins.items() if bound is plugin), None)
        if block is None or not error.option:
            return None
        return BadInput(self.at_option(block, error.option, error.message), hint=error.hint)

    def at_line(self, path: Path_, message: str) -> str:
        """The message with its position in the manifest."""
        return str(self.draft().document.problem(path, message))

    def at_option(self, block: Path_, option: str, message: str) -> str:
        """The message with its position in the manifest. `option` is a path in the block, with dots."""
        return str(self.draft().problem(block, option, message))

    def draft(self) -> Draft:
        """The manifest with the positions of its values."""
        return parse(self.order.file, read_bytes(self.order.file), self.order.environ)

    @cached_property
    def resolver(self) -> Resolver:
        """The resolver of this command. It leaves no cache if the command only reads."""
        from ..resolving import Resolver

        return Resolver(caches=not self.order.reads)

    def pause(self, seconds: float, what: str, state: str, end: float | None) -> None:
        """Wait before the next step. Raises OutcomeUnknown, with the last state, if the time limit has passed."""
        seconds = max(_SHORTEST_PAUSE, bounded(seconds))
        if end is not None and time.monotonic() + seconds > end:
            raise OutcomeUnknown(
                f"{what} is not done: {state}",
                hint="run the same command again to go on, or give it a longer --timeout",
            )
        self.cancel.wait(seconds)

    def end(self, default: float | None = None) -> float | None:
        """The time limit of a stage that starts now, on the monotonic clock. None without a limit."""
        limit = self.order.timeout if self.order.timeout is not None else default
        return None if limit is None else time.monotonic() + limit

    def context(
        self,
        work: Path,
        *,
        stage: str,
        target: str = "",
        connection: str | None = None,
        end: float | None = None,
        journal: Note = ignore,
        note_secret: Note = ignore,
        facts: Facts | None = None,
    ) -> HookContext:
        """The context of a hook call. The named connection is opened when it is first used. `note_secret` is called
        with the name of each variable that a hook reads as a secret.
        """
        return HookContext(
            work=work,
            models=self.store.models,
            events=self.events,
            environ=self.order.environ,
            cancel=self.cancel,
            stage=stage,
            target=target,
            connection=self.connection(connection) if connection else None,
            end=end,
            journal=journal,
            note_secret=note_secret,
            facts=facts,
        )

    def accounts(self, role: str, always: Sequence[str]) -> tuple[str, ...]:
        """The connections with a role: those that the manifest names for it, and those of a target or the image."""
        users = (*self.targets, self.manifest.image)
        used = (user.connection for user in users if user and user.connection)
        names = dict.fromkeys((*always, *used))
        sections = self.manifest.connections
        return tuple(name for name in names if name in always or role in self.plugin(sections[name]).roles)

    def connection(self, name: str) -> Any:
        """The open connection of this name. It is opened once per command."""
        if name not in self._connections:
            section = self.manifest.connections[name]
            end = self.end(ACCOUNT_LIMIT)
            context = self.context(self.store.work("connections", name), stage="connect", end=end)
            request = model.ConnectRequest(name=name, options=section.options)
            plugin = self.plugin(section)
            self._connections[name] = self.run_hook(
                plugin, "lading_connect", lambda: plugin.connect(request, context), end=end
            )
        return self._connections[name]

    def with_connection(self, section: Section) -> Session:
        """The session with another block of a connection, which is opened when it is first used."""
        connections = {**self.manifest.connections, section.name: section}
        opened = {name: kept for name, kept in self._connections.items() if name != section.name}
        return replace(self, manifest=replace(self.manifest, connections=connections), _connections=opened)


def _is_late(error: Transient, wait: float, end: float | None) -> bool:
    """Whether the next try is after `end` on the monotonic clock. Then the hint says when to try again."""
    if end is None or time.monotonic() + wait <= end:
        return False
    error.hint = error.hint or f"try again in {wait:g} s: that is after the time limit of this command"
    return True


def bounded(seconds: float) -> float:
    """Limit a waiting time from a plugin to what a timer supports: not negative, not NaN, and not infinite."""
    return float(min(max(0.0, seconds), threading.TIMEOUT_MAX))


@contextmanager
def open_session(order: Order, sink: Sink) -> Iterator[Session]:
    """Read and check the manifest, load the plugins of the chosen blocks, and open the store."""
    data = read_bytes(order.file)
    with closing(order.store_of()) as store, store.in_use():
        draft = parse(order.file, data, order.environ, store.memory)
        with closing(Events(draft.name, sink)) as events, _redacted(events):
            events.hidden.hide_variables(draft.variables)
            if store.remark:
                events.emit("warning", detail=store.remark)
            manifest, plugins = _bound(order, draft, store, events)
            for warning in retiring(plugins):
                events.emit("warning", detail=warning)
            session = Session(order, manifest, plugins, store, events)
            if manifest.observers and not order.reads:
                events.observe([_observer(session, section) for section in manifest.observers])
            yield session


def _bound(order: Order, draft: Draft, store: Store, events: Events) -> tuple[Manifest, Plugins]:
    """Bind the blocks that a command needs. A service is changed without observers that cannot be bound."""
    try:
        return bind_manifest(draft, store, targets=order.targets, needs=order.needs)
    except (ManifestError, PluginError) as error:
        if order.needs != Needs.SERVICE:
            raise
        found = bind_manifest(draft, store, targets=order.targets, needs=order.needs & ~Needs.OBSERVERS)
        events.emit("warning", detail=f"the observers are left out: {error.message}")
        return found


@contextmanager
def _redacted(events: Events) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        events.redact_failure(error)
        raise


def _observer(session: Session, section: Section) -> Observer:
    from .observer import Observer

    plugin = session.plugin(section)
    context = session.context(session.store.work("observers", section.plugin), stage="observe")

    def deliver(event: model.Event) -> None:
        try:
            plugin.observe(event, section.options, context)
        except BadInput as error:
            if placed := session.at_its_option(plugin, error):
                raise placed from error
            raise

    return Observer(section.plugin, str(plugin.installed), deliver)
