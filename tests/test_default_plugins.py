"""The default plugins are in one table. No other literal in the core names a plugin or a framework."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator

from tests.conftest import ROOT

from lading.manifest import DEFAULT_PLUGINS
from lading.plugin.bound import bind

CORE = ROOT / "core" / "lading"
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
NAMES = {name for group in ENTRY_POINTS.values() for name in group} | {"scikit-learn"}
OTHER_MEANINGS = {
    ("cli/commands.py", "store"),  # the command `lading store`
    ("cli/completing.py", "store"),  # the option `--store`
    ("cli/deploying.py", "store"),  # the option `--store`
    ("store/__init__.py", "store"),  # a module
    ("store/locks.py", "store"),  # a lock
    ("store/trust.py", "store"),  # a key of JSON
    ("testing/card.py", "store"),  # a folder
}
"""Files of the core in which a literal is also the name of a plugin."""


def test_the_core_names_plugins_in_one_table_only() -> None:
    found = Counter(_named())
    table = {("manifest/records.py", name): 1 for name in DEFAULT_PLUGINS.values()}
    assert {place: times for place, times in found.items() if place not in OTHER_MEANINGS} == table
    assert set(found) >= OTHER_MEANINGS


def _named() -> Iterator[tuple[str, str]]:
    for file in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES:
                yield str(file.relative_to(CORE)), node.value


def test_each_default_plugin_is_installed_and_supports_its_role() -> None:
    for role, name in DEFAULT_PLUGINS.items():
        assert role in bind(role, name).roles
