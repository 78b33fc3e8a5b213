"""One command's view of the world: its manifest, the plugins it needs, the store, and where events go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ... import model
from ...errors import BadInput, OutcomeUnknown, PluginError, Transient
from ...manifest import Manifest, Path_, Section, parse, read_bytes
from ...store import Store, find_project, open_store, read_store
from .binding import bind_manifest, retiring
from .context import HookContext
from .events import Events, Sink
from .worker import call

if TYPE_CHECKING:
    from ...plugin.bound import BoundPlugin
    from ...store.facts import Facts
    from ..resolving import Resolver
    from .observer import Observer

Result = TypeVar("Result")

ACCOUNT_LIMIT = 900.0  # seconds for a connection, a gate or a tracker: a person may have to sign in, or to approve

_TRIES = 5  # calls of one hook that asks to be called again


@dataclass(frozen=True)
class Order:
    """What a command asks for, before the manifest is read.

    `targets` empty means the manifest's own, None none. `stages` binds what the stages need, `guards` the gates and
    observers alone; `packed` says that the command brings a package, so that nothing is bound that makes one;
    `image` binds the image if nothing else asks for it. A command that `reads` creates and changes no file.
    """

    file: Path
    environ: Mapping[str, str]
    command: str = "lading"
    store: Path | None = None
    targets: tuple[str, ...] | None = None
    stages: bool = True
    guards: bool = False
    timeout: float | None = None
    lock_wait: float = 0.0
    packed: bool = False
    image: bool = False
    reads: bool = False

    def store_of(self) -> Store:
        """The store of the manifest, opened as the command needs it."""
        return (read_store if self.reads else open_store)(self.file, self.environ, self.store)


@dataclass
class Session:
    """What the stages work with. `plugins` holds the bound plugin of each block of the manifest that is in use;
    `resolved` the environments that the command has resolved, by the digest of their question.
    """

    order: Order
    manifest: Manifest
    plugins: Mapping[Path_, BoundPlugin]
    store: Store
    events: Events
    cancel: threading.Event = field(default_factory=threading.Event)
    resolved: dict[str, model.Environment] = field(default_factory=dict)
    _connections: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def project(self) -> Path:
        """The folder whose files count as inputs of a training that reads them."""
        return find_project(self.order.file)

    @property
    def targets(self) -> tuple[Section, ...]:
        """The chosen target blocks, in the order they were asked for."""
        return tuple(self.manifest.targets.values())

    def plugin(self, section: Section) -> BoundPlugin:
        return self.plugins[section.path]

    def run_hook(
        self, plugin: BoundPlugin, hook: str, function: Callable[[], Result], *, end: float | None = None
    ) -> Result:
        """Run a hook of a plugin in a worker thread, until it ends or the monotonic clock passes `end`.

        A Transient that says when to come back is waited for, as long as it says and a few times at most.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                return call(function, plugin=plugin.installed, hook=hook, cancel=self.cancel, deadline=end)
            except (OutcomeUnknown, PluginError):
                if self.cancel.is_set():  # this hook was late; what comes next was not told to stop
                    self.cancel = threading.Event()
                raise
            except BadInput as error:
                block = next((path for path, bound in self.plugins.items() if bound is plugin), None)
                if block is None or not error.option:
                    raise
                raise self.at_its_line((*block, *error.option.split(".")), error) from error
            except Transient as error:
                wait = error.retry_after
                if not tries_left or wait is None or (end is not None and time.monotonic() + wait > end):
                    raise
                self.events.emit("progress", phase="waiting", detail=f"{wait:g} s: {error.message}")
                self.cancel.wait(wait)
        raise AssertionError("the last try returns or raises")

    def at_its_line(self, path: Path_, error: BadInput) -> BadInput:
        """The failure, reported at its place in the manifest."""
        draft = parse(self.order.file, read_bytes(self.order.file), self.order.environ)
        return BadInput(str(draft.document.problem(path, error.message)), hint=error.hint)

    @cached_property
    def resolver(self) -> Resolver:
        """Finds out what can be installed together; it leaves no cache for a command that only reads."""
        from ..resolving import Resolver

        return Resolver(caches=not self.order.reads)

    def pause(self, seconds: float, what: str, state: str, end: float | None) -> None:
        """Wait before the next step. Raises OutcomeUnknown, with the last state, where the time is up."""
        if end is not None and time.monotonic() + seconds > end:
            raise OutcomeUnknown(
                f"{what} is not done: {state}",
                hint="run the same command again to go on, or give it a longer --timeout",
            )
        self.cancel.wait(seconds)

    def end(self, default: float | None = None) -> float | None:
        """When a stage that starts now must have ended, on the monotonic clock."""
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
        journal: Callable[[str], None] = lambda _name: None,
        facts: Facts | None = None,
    ) -> HookContext:
        """The context of one hook call. The named connection is opened when it is first needed."""
        return HookContext(
            work=work,
            models=self.store.models,
            events=self.events,
            environ=self.order.environ,
            cancel=self.cancel,
            stage=stage,
            target=target,
            connection=self.connection(connection) if connection else None,
            deadline=None if end is None else datetime.now(UTC) + timedelta(seconds=end - time.monotonic()),
            journal=journal,
            facts=facts,
        )

    def accounts(self, role: str, always: Sequence[str]) -> tuple[str, ...]:
        """The connections that fill a role here: those named for it, and those that a target or the image uses."""
        users = (*self.targets, self.manifest.image)
        used = (user.connection for user in users if user and user.connection)
        names = dict.fromkeys((*always, *used))
        sections = self.manifest.connections
        return tuple(name for name in names if name in always or role in self.plugin(sections[name]).roles)

    def connection(self, name: str) -> Any:
        """The open connection of that name; opened once per command."""
        if name not in self._connections:
            section = self.manifest.connections[name]
            end = self.end(ACCOUNT_LIMIT)
            context = self.context(self.store.work("connections", name), stage="connect", end=end)
            request = model.ConnectRequest(name, section.options)
            plugin = self.plugin(section)
            self._connections[name] = self.run_hook(
                plugin, "lading_connect", lambda: plugin.connect(request, context), end=end
            )
        return self._connections[name]

    def gate(self, stage: str, *, target: str = "", package_digest: str | None = None) -> None:
        """Ask every gate of the manifest; the first that refuses raises."""
        folder = self.manifest.file.parent.resolve()
        for section in self.manifest.gates:
            request = model.GateRequest(self.manifest.name, stage, section.options, target, package_digest, folder)
            self._ask_gate(section, request)

    def _ask_gate(self, section: Section, request: model.GateRequest) -> None:
        plugin, end = self.plugin(section), self.end(ACCOUNT_LIMIT)
        work = self.store.work("gates", section.plugin)
        context = self.context(work, stage=request.stage, target=request.target, end=end)
        self.run_hook(plugin, "lading_gate", lambda: plugin.gate(request, context), end=end)


@contextmanager
def open_session(order: Order, sink: Sink) -> Iterator[Session]:
    """Read and check the manifest, load the plugins that its chosen blocks name, and open the store."""
    data = read_bytes(order.file)
    with closing(order.store_of()) as store, store.in_use():
        draft = parse(order.file, data, order.environ, store.memory)
        with closing(Events(draft.name, sink)) as events, _redacted(events):
            events.hidden.hide_variables(draft.variables)
            if store.remark:
                events.emit("warning", detail=store.remark)
            manifest, plugins = bind_manifest(
                draft,
                store,
                targets=order.targets,
                stages=order.stages,
                guards=order.guards,
                packed=order.packed,
                image=order.image,
            )
            for told in retiring(plugins):
                events.emit("warning", detail=told)
            session = Session(order, manifest, plugins, store, events)
            if manifest.observers and not order.reads:
                events.observe([_observer(session, section) for section in manifest.observers])
            yield session


@contextmanager
def _redacted(events: Events) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        events.mask_failure(error)
        raise


def _observer(session: Session, section: Section) -> Observer:
    from .observer import Observer

    plugin = session.plugin(section)
    context = session.context(session.store.work("observers", section.plugin), stage="observe")
    return Observer(
        section.plugin, str(plugin.installed), lambda event: plugin.observe(event, section.options, context)
    )
