"""A sample of the tests: with `--share 0.5`, half of the cases of each parametrized test, half of the tests of each
class, half of the other tests of each file, and at least one of each.

The names of the tests decide which ones run, so that the same ones run every time. CI takes samples of what is slow and
stable. Without the option, all of them run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from hashlib import sha256

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "how many cases of each parametrized test, and how many tests of each class and file, to run"
    parser.addoption("--share", type=float, default=1.0, help=text)


@pytest.hookimpl(trylast=True)  # only the tests that the marks select are shared out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    share = config.getoption("--share")
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[_group(item)].append(item)
    left_out = {item for group in groups.values() for item in _ordered(group)[math.ceil(share * len(group)) :]}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _group(item: pytest.Item) -> str:
    """The class of a test, else its name if it has cases, else its file."""
    path, _, name = item.nodeid.partition("::")
    first, _, of_class = name.partition("[")[0].partition("::")
    return f"{path}::{first}" if of_class or "[" in name else path


def _ordered(group: list[pytest.Item]) -> list[pytest.Item]:
    """The tests in an order that depends on their names alone."""
    return sorted(group, key=lambda item: sha256(item.nodeid.encode()).hexdigest())
