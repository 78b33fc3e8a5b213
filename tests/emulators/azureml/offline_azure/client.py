"""The emulator from the side of a test: start, environment, faults and records."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .calls import Call
from .sign_in import IDENTITY_HEADER

# The proxy leads to no package index. So commands compare the installed distributions without trying.
NO_INDEX = {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
PACKAGES = sorted(Path(__file__).parents[2].glob("*/"))  # the folders of all emulators


@dataclass(frozen=True)
class Coordinates:
    """The location of the test's own workspace."""

    subscription_id: str
    resource_group: str
    workspace: str
    location: str


class Emulator:
    """The process of an emulator. It ends with its standard input, and so also when this process dies."""

    def __init__(self, *arguments: str | Path, program: str = "offline_azure") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PACKAGES))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the emulator has no pipes")
        self._input, self._output = self._process.stdin, self._process.stdout
        line = self._output.readline()
        if not line:
            raise OSError(f"the emulator ended with {self._process.wait()}")
        ready = json.loads(line)
        self.proxy: str = ready["proxy"]
        self.bundle: str = ready["bundle"]
        self._control = urlsplit(ready["control"]).netloc

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control API. Raises ValueError if the call is refused."""
        connection = http.client.HTTPConnection(self._control, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(answer["error"])
        return answer

    def close(self) -> None:
        self._input.close()
        self._process.wait(120)  # services end in order
        self._output.close()


class Calls:
    """The current call log, oldest first."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __iter__(self) -> Iterator[Call]:
        return iter([Call(**fields) for fields in self._kept()])

    def __len__(self) -> int:
        return len(self._kept())

    def like(self, method: str = ".*", path: str = "") -> list[Call]:
        """The calls whose method matches `method`, with `path` in host and path. Both are regular expressions."""
        return [call for call in self if re.fullmatch(method, call.method) and re.search(path, call.host + call.path)]

    @property
    def failures(self) -> list[str]:
        """Unknown routes and malformed requests."""
        failures: list[str] = self._emulator.ask("GET", "/calls")["failures"]
        return failures

    def _kept(self) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = self._emulator.ask("GET", "/calls")["calls"]
        return kept

    def accept_failures(self) -> list[str]:
        """Return and clear the failures so far. The test expected them, so the fixture does not fail."""
        failures: list[str] = self._emulator.ask("POST", "/failures/accept")
        return failures


class Faults:
    """Adds rules. All methods take the same arguments to select calls.

    `method` and `path` are regular expressions; `path` is searched in host and path. The first `skip` matching calls
    pass, and the next `times` calls meet the fault; None means all."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None, **where: Any) -> None:
        """The call has no effect and gets this response. `body` is JSON, or text that is sent unchanged."""
        self._add("answer", status=status, body=body, headers=headers or {}, **where)

    def drop_before(self, **where: Any) -> None:
        """The connection closes; the call has no effect."""
        self._add("drop_before", **where)

    def drop_after(self, **where: Any) -> None:
        """The call has its effect, but the connection closes without a response."""
        self._add("drop_after", **where)

    def black_hole(self, **where: Any) -> None:
        """The call has no effect and no response."""
        self._add("black_hole", **where)

    def delay(self, seconds: float, **where: Any) -> None:
        """The call has its effect and its response after a delay."""
        self._add("delay", seconds=seconds, **where)

    def drip(self, seconds: float, **where: Any) -> None:
        """The call has its effect, and its response comes in small pieces that take so many seconds together."""
        self._add("drip", seconds=seconds, **where)

    def cut_upload(self, **where: Any) -> None:
        """The connection closes after half of the body."""
        self._add("cut_upload", **where)

    def expire_tokens(self, **where: Any) -> None:
        """All tokens issued so far expire just before the call."""
        self._add("expire_tokens", **where)

    def fail_operation(self, error: dict[str, Any], phase: str = "", log: str = "", **where: Any) -> None:
        """The operation that the call starts ends as Failed.

        `error` is `{code, statusCode, message, details}`, `phase` the subOperationType (BuildImage, DeployService), and
        `log` the text of its log."""
        self._add("operation", operation={"error": error, "phase": phase, "log": log}, **where)

    def stick(self, **where: Any) -> None:
        """The operation that the call starts never ends."""
        self._add("operation", operation={"stuck": True}, **where)

    def time_out(self, **where: Any) -> None:
        """The operation that the call starts ends as TimedOut. Its work continues after `release`."""
        self._add("operation", operation={"stuck": True, "timedOut": True}, **where)

    @property
    def met(self) -> list[int]:
        """The number of matching calls of each rule, in the order of the rules."""
        return [rule["met"] for rule in self._emulator.ask("GET", "/faults")]

    def _add(self, effect: str, **fields: Any) -> None:
        self._emulator.ask("POST", "/faults", {"effect": effect, **fields})


class Cloud:
    """One test's view of an emulator: a new world, and the variables to reach it and to sign in."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        self._emulator = emulator
        self._home = home
        self._world: dict[str, str] = emulator.ask("POST", "/reset")
        self.tenant_id = self._world.pop("tenant_id")
        self.client_id = self._world.pop("client_id")
        self.client_secret = self._world.pop("client_secret")
        self.calls = Calls(emulator)
        self.faults = Faults(emulator)

    @property
    def network(self) -> dict[str, str]:
        """The variables that point a process at the emulator, without a sign-in."""
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), self._emulator.proxy)
        direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), self._emulator.bundle)
        return {**proxies, **direct, **trusted, **NO_INDEX, "HOME": str(self._home)}

    @property
    def environ(self) -> dict[str, str]:
        """`network` and a service principal whose secret is a canary."""
        return {
            **self.network,
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
        }

    @property
    def managed_identity(self) -> dict[str, str]:
        """`network` and the managed identity of an App Service instead of a secret."""
        address = f"{self._emulator.proxy}/msi/token"
        return {**self.network, "IDENTITY_ENDPOINT": address, "IDENTITY_HEADER": IDENTITY_HEADER}

    @property
    def secrets(self) -> list[str]:
        """All credentials that were ever issued. None may appear in output, files or errors."""
        issued: list[str] = self._emulator.ask("GET", "/secrets")
        return issued

    def settings(self, **fields: Any) -> None:
        """Change the behaviour of the emulator: see `state.Settings`."""
        self._emulator.ask("POST", "/settings", fields)

    def expire_tokens(self) -> None:
        """Let all tokens issued so far expire now."""
        self._emulator.ask("POST", "/tokens/expire")


class Azure(Cloud):
    """The offline Azure, with an empty workspace."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        super().__init__(emulator, home)
        self.workspace = Coordinates(**self._world)

    @property
    def world(self) -> dict[str, Any]:
        """The whole state as JSON: see `state.World`."""
        world: dict[str, Any] = self._emulator.ask("GET", "/state")
        return world

    @property
    def state(self) -> dict[str, Any]:
        """The test's own workspace as JSON: see `state.Workspace`."""
        workspaces: dict[str, dict[str, Any]] = self.world["workspaces"]
        return next(item for item in workspaces.values() if item["name"] == self.workspace.workspace)

    def release(self) -> int:
        """Let stuck operations continue. Returns their number."""
        released: int = self._emulator.ask("POST", "/operations/release")
        return released

    def token(self) -> str:
        """A token as another program on this machine stores it, such as `az`."""
        token: str = self._emulator.ask("POST", "/tokens")
        return token
