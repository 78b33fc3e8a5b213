"""A device with containers: like edgeAgent, its agent applies the desired state to a Docker engine, and reports."""

from __future__ import annotations

import contextlib
import copy
import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field

from offline_azure.state import Record, now

from .content import create_options
from .engine import FAILURES, Engine, State, words
from .reports import Running, malformed, report
from .state import AGENT, NEVER, Device, Hub

PAUSE = 0.25  # seconds between two rounds; 10 on a real device
PATIENCE = 2.0  # seconds that a round waits for a pull; 60 on a real device
RETRY = 2.0  # seconds before a failed action is repeated
COOL_OFF = 0.25  # seconds before the first restart, then doubled each time; 10 on a real device
LONGEST_COOL_OFF = 300.0
MOST_RESTARTS = 20
CANCELED = "The operation was canceled"


@dataclass
class Kept:
    """The agent's record of a module that it has created."""

    spec: Record
    restarts: int = 0
    restarted: str = NEVER
    exited_at: float | None = None  # the time when this exit was noticed, monotonic


@dataclass
class Told:
    """The desired properties that the agent applies."""

    desired: Record = field(default_factory=dict)
    version: int = 0

    @property
    def modules(self) -> dict[str, Record]:
        found: dict[str, Record] = self.desired.get("modules", {})
        return found


class ContainerAgent:
    """The agent of a device with containers, in its own thread."""

    def __init__(self, hub: Hub, device: Device, engine: Engine) -> None:
        self._hub, self._device, self._engine = hub, device, engine
        self._told = Told()
        self._kept: dict[str, Kept] = {}
        self._pulls: dict[str, Future[None]] = {}
        self._failed: dict[str, tuple[float, str]] = {}  # time and reason by module
        self._done = 0
        self._pool = ThreadPoolExecutor(thread_name_prefix=device.id)
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=device.id, daemon=True)
        self._thread.start()

    @property
    def settled(self) -> bool:
        return self._done == self._device.modules[AGENT].desired_version

    def wake(self) -> None:
        self._news.set()

    def close(self) -> None:
        self._closing.set()
        self._news.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(*FAILURES):  # a missing engine has no containers
            for name in self._kept:
                self._engine.remove(self._container(name))
        self._engine.close()

    def logs(self, module: str, tail: int) -> str:
        return self._engine.logs(self._container(module), tail)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.clear()
            with contextlib.suppress(*FAILURES):  # an agent without its engine does not report
                self._round()
            self._news.wait(PAUSE)

    def _round(self) -> None:
        self._listen()
        told = self._told
        pending = None if malformed(told.desired) else self._reconcile(told)
        self._report(told, pending)
        if pending != CANCELED:
            self._done = told.version

    def _listen(self) -> None:
        with self._hub.lock:
            twin = self._device.modules[AGENT]
            if self._device.connected and twin.desired_version != self._told.version:
                self._told = Told(copy.deepcopy(twin.desired), twin.desired_version)
                self._failed.clear()

    def _reconcile(self, told: Told) -> str | None:
        """One step towards the desired state, module by module. Returns the last reason of a failure."""
        for name in self._kept.keys() - told.modules.keys():
            self._engine.remove(self._container(name))
            del self._kept[name]
        reasons = [self._attempt(name, spec) for name, spec in self._in_order(told)]
        return next((reason for reason in reversed(reasons) if reason is not None), None)

    def _attempt(self, name: str, spec: Record) -> str | None:
        when, reason = self._failed.get(name, (0.0, ""))
        if when and time.monotonic() < when + RETRY:
            return reason
        try:
            self._bring(name, spec)
        except Late:
            return CANCELED
        except FAILURES as error:
            self._failed[name] = (time.monotonic(), words(error))
            return words(error)
        self._failed.pop(name, None)
        return None

    def _bring(self, name: str, spec: Record) -> None:
        """Bring a module to its desired state. A running module is kept if only its status should change."""
        kept = self._kept.get(name)
        if kept is None or {**kept.spec, "status": ""} != {**spec, "status": ""}:
            self._replace(name, spec)
            return
        kept.spec = spec
        state = self._engine.state(self._container(name))
        if state is None:
            self._replace(name, spec)
        elif spec["status"] == "stopped":
            if state.running:
                self._engine.stop(self._container(name))
        elif not state.running:
            self._restart(name, kept, state)

    def _replace(self, name: str, spec: Record) -> None:
        """Replace a module. The old container runs until the new image is available."""
        image, container = spec["settings"]["image"], self._container(name)
        if spec.get("imagePullPolicy") != "never":
            self._pull(image)
        if name in self._kept and self._engine.state(container) is not None:
            self._engine.stop(container)
        self._engine.remove(container)
        options = json.loads(create_options(spec["settings"]) or "{}")
        self._engine.create(container, name, image, options, self._variables(name, spec))
        self._kept[name] = Kept(spec)
        if spec["status"] == "running":
            self._engine.start(container)

    def _pull(self, image: str) -> None:
        if image not in self._pulls:
            self._pulls[image] = self._pool.submit(self._engine.pull, image, self._credentials(image))
        try:
            self._pulls[image].result(PATIENCE)
        finally:
            if self._pulls[image].done():
                del self._pulls[image]

    def _restart(self, name: str, kept: Kept, state: State) -> None:
        """Restart by the module's policy, after a delay that doubles each time."""
        if _status(kept, state) != "backoff":
            return
        if kept.exited_at is None:
            kept.exited_at = time.monotonic()
        if time.monotonic() - kept.exited_at > min(COOL_OFF * 2**kept.restarts, LONGEST_COOL_OFF):
            kept.restarts, kept.restarted, kept.exited_at = kept.restarts + 1, now(), None
            self._engine.start(self._container(name))

    def _report(self, told: Told, error: str | None) -> None:
        running = {name: module for name in self._kept if (module := self._running(name)) is not None}
        with self._hub.lock:
            twin = self._device.modules[AGENT]
            reported = report(self._device.platform, told.version, told.desired, running, error)
            if self._device.connected and reported != twin.reported:
                twin.report(reported)

    def _running(self, name: str) -> Running | None:
        kept, state = self._kept[name], self._engine.state(self._container(name))
        if state is None:
            return None
        spec = {**kept.spec, "settings": {**kept.spec["settings"], "image": state.image}}
        return Running(
            spec,
            _status(kept, state),
            state.status,
            state.exit_code,
            kept.restarts,
            state.started,
            state.exited,
            kept.restarted,
            state.image_hash,
        )

    def _in_order(self, told: Told) -> list[tuple[str, Record]]:
        return sorted(told.modules.items(), key=lambda item: item[1].get("startupOrder", 2**32))

    def _variables(self, name: str, spec: Record) -> dict[str, str]:
        own = {variable: str(value["value"]) for variable, value in spec.get("env", {}).items()}
        return {
            "IOTEDGE_DEVICEID": self._device.id,
            "IOTEDGE_MODULEID": name,
            "IOTEDGE_IOTHUBHOSTNAME": self._hub.host,
            **own,
        }

    def _credentials(self, image: str) -> Record | None:
        registries = self._told.desired["runtime"]["settings"].get("registryCredentials", {}).values()
        for registry in registries:
            if image.startswith(registry["address"] + "/"):
                return {"username": registry["username"], "password": registry["password"]}
        return None

    def _container(self, module: str) -> str:
        """The name of a container. It contains the device, because several devices share an engine."""
        return f"{self._hub.name}-{self._device.id}-{module}"


def _status(kept: Kept, state: State) -> str:
    """The status, which edgeAgent computes from the module's restart policy."""
    if state.running:
        return "running"
    status = "stopped" if state.exit_code == 0 else "failed"
    policy = kept.spec["restartPolicy"]
    wanted = kept.spec["status"] == "running" and policy != "never"
    if wanted and (policy == "always" or status == "failed"):
        return "backoff" if kept.restarts < MOST_RESTARTS else "failed"
    return status
