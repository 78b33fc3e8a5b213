"""Unit tests: the tests that start no process and open no socket of the network.

No list names them. With `--unit`, a test that starts something is skipped at that point. `make test` runs all tests
completely.
"""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Generator

import pytest
from hypothesis import settings

_PROCESSES = frozenset(
    ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "subprocess.Popen")
)
_NETWORK = (socket.AF_INET, socket.AF_INET6)
_EXAMPLES = 20  # examples of a property; `make test` runs more


class Units:
    """Skips the rest of a test that starts a process or opens a socket."""

    def __init__(self) -> None:
        self._is_watching = False
        self._started = ""
        platform.processor()  # libraries call it during their import: it starts `uname` once and caches the answer
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._is_watching and (event in _PROCESSES or (event == "socket.__new__" and arguments[1] in _NETWORK)):
            self._started = f"not a unit test: {event}"
            pytest.skip(self._started)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None]:
        self._started = ""
        return (yield from self._watch())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        return (yield from self._watch())

    def _watch(self) -> Generator[None]:
        self._is_watching = True
        try:
            yield
        finally:
            self._is_watching = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report the test as skipped even if the code under test caught the exception."""
        report = yield
        if self._started and (report.failed or report.when == "call"):
            report.outcome, report.longrepr = "skipped", (str(report.fspath), 0, self._started)
        return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--unit", action="store_true", help="skip each test that starts a process or opens a socket")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--unit"):
        config.pluginmanager.register(Units())
        settings.register_profile("unit", settings.default, max_examples=_EXAMPLES)
        settings.load_profile("unit")
