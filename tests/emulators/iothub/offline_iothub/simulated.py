"""Devices without containers. They report at once, and a script defines their reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from offline_azure.state import Record, now

from .reports import Running, malformed, report
from .state import AGENT, Device, Hub

KINDS = ("crash", "pull", "refuse", "silent")
CANCELED = "The operation was canceled"


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of modules whose name and image match these regular expressions, instead of running.

    `crash`: they run for `seconds`, then print `message` and exit with `exit_code`, repeatedly. `pull`: pulling their
    image takes `seconds`, or for ever if None. `refuse`: their image cannot be pulled, for the reason `message`.
    `silent`: a device with such a module reports nothing any more.
    """

    kind: str
    module: str = ""
    image: str = ""
    seconds: float | None = 0.0
    exit_code: int = 1
    message: str = "Docker API responded with status code=NotFound"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no behaviour named {self.kind!r}; there are {', '.join(KINDS)}")

    def fits(self, name: str, spec: Record) -> bool:
        return bool(re.search(self.module, name) and re.search(self.image, spec["settings"]["image"]))


class Simulated:
    """The agent of a simulated device."""

    def __init__(self, hub: Hub, device: Device) -> None:
        self._hub = hub
        self._device = device
        self._running: dict[str, Running] = {}
        self._pulled: set[str] = set()  # images whose pull is complete
        self.behaviours: list[Behaviour] = []

    @property
    def settled(self) -> bool:
        return True

    def logs(self, module: str, tail: int) -> str:
        """The log of a module, from its script."""
        spec = self._running[module].spec
        crash = self._behaviour(module, spec, "crash")
        return "".join((crash.message if crash else "").splitlines(keepends=True)[-tail:])

    def close(self) -> None:
        """There is nothing to close."""

    def wake(self) -> None:
        desired = self._device.modules[AGENT].desired
        if any(self._behaviour(name, spec, "silent") for name, spec in desired.get("modules", {}).items()):
            return
        error = None if malformed(desired) else self._reconcile(desired.get("modules", {}))
        self._report(error)

    def _reconcile(self, wanted: dict[str, Record]) -> str | None:
        """Run the desired modules. Returns the last reason of a failure."""
        error = None
        self._running = {name: module for name, module in self._running.items() if name in wanted}
        for name, spec in wanted.items():
            if name not in self._running or self._running[name].spec != spec:
                error = self._begin(name, spec) or error
        return error

    def _begin(self, name: str, spec: Record) -> str | None:
        if refusal := self._behaviour(name, spec, "refuse"):
            return refusal.message
        pull = self._behaviour(name, spec, "pull")
        if pull is not None and spec["settings"]["image"] not in self._pulled:
            self._pull(spec["settings"]["image"], pull.seconds)
            return CANCELED
        module = self._running[name] = Running(spec)
        if spec["status"] == "stopped":
            module.status = module.description = "stopped"
        elif crash := self._behaviour(name, spec, "crash"):
            self._crash_later(name, module, crash)
        return None

    def _pull(self, image: str, seconds: float | None) -> None:
        def pulled() -> None:
            self._pulled.add(image)
            self._device.wake()

        if seconds is not None:
            self._hub.later(seconds, pulled)

    def _crash_later(self, name: str, module: Running, crash: Behaviour) -> None:
        def exited() -> None:
            if self._running.get(name) is module:
                module.status, module.exit_code, module.restarts = "backoff", crash.exit_code, module.restarts + 1
                module.description = "exited"
                module.exited = now()
                self._report(None)

        if crash.seconds:
            self._hub.later(crash.seconds, exited)
        else:
            exited()

    def _behaviour(self, name: str, spec: Record, kind: str) -> Behaviour | None:
        fitting = [behaviour for behaviour in self.behaviours if behaviour.kind == kind and behaviour.fits(name, spec)]
        return fitting[0] if fitting else None

    def _report(self, error: str | None) -> None:
        if not self._device.connected:
            return
        agent = self._device.modules[AGENT]
        agent.report(report(self._device.platform, agent.desired_version, agent.desired, self._running, error))


def behaviours(sent: list[dict[str, Any]]) -> list[Behaviour]:
    return [Behaviour(**fields) for fields in sent]
