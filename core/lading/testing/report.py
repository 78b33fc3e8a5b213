"""A pytest plugin that reports the result of each check on one line: `-p lading.testing.report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator

import pytest

from .card import MARK


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report the result of a check, or of its setup or teardown if that failed."""
    report = yield
    if report.when == "call" or not report.passed:
        _report(item, report)
    return report


def _report(item: pytest.Item, report: pytest.TestReport) -> None:
    rule = (getattr(item, "function", None) and item.function.__doc__) or ""  # type: ignore[attr-defined]
    result = {
        "group": item.parent.name if item.parent else "",
        "check": "leaves_nothing_behind" if report.when == "teardown" else item.name.removeprefix("test_"),
        "rule": "Everything that the kit made is removed." if report.when == "teardown" else " ".join(rule.split()),
        "outcome": report.outcome,
        "reason": _reason(report),
        "seen": dict(item.user_properties),
    }
    sys.stdout.write(f"{MARK}{json.dumps(result)}\n")
    sys.stdout.flush()


def _reason(report: pytest.TestReport) -> str:
    """The message of a failed or skipped check, without the code around it."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr or "")
    return text.removeprefix("AssertionError: ").removeprefix("Failed: ").partition("\nassert ")[0].strip()
