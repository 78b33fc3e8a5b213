"""Run the printed examples of the conformance page on plugins from `lading plugin new`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

pytestmark = pytest.mark.slow

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
CHECKS = {  # for each example, the checks that use it; the other checks of a target take minutes
    "connections = ": "summary_is_one_line or the_lifecycle_completes",
    "def target_environ": "secrets_are_not_shown",
    "def things_of": "things_of_sees_the_service",
    "def versions_of": "(TestRegistry or TestTracker) and not files_of_a_run",
    "GateConformance": "TestVeto",
}


def test_each_example_has_its_checks() -> None:
    found = [[mark for mark in CHECKS if mark in example] for example in EXAMPLES]
    assert found == [[mark] for mark in CHECKS]


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment with the plugins that the page names."""
    shell = Shell(tmp_path_factory.mktemp("plugins"), dict(os.environ))
    installed = shell.folder / "installed"
    for name, kind in (("acme", "target"), ("ledger", "registry"), ("logbook", "tracker"), ("veto", "gate")):
        shell("plugin", "new", name, "--kind", kind)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        argv: list[str | Path] = [*pip, "--target", installed, shell.folder / f"lading-{name}"]
        subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT)
    return {**os.environ, "PYTHONPATH": str(installed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.mark.parametrize(("mark", "checks"), CHECKS.items())
def test_the_examples_work_as_printed(mark: str, checks: str, plugins: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "test_example.py"
    file.write_text(next(example for example in EXAMPLES if mark in example))
    pytest_here = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-W",
        "error",
        "-c",
        os.devnull,
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*pytest_here, "--rootdir", str(tmp_path), "-rs", "-k", checks, str(file)],
        env=plugins,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
