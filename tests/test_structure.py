"""The structure of the source: import contracts for every module, no cycles, and pages whose names exist."""

from __future__ import annotations

import graphlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOTS = ("core", "plugins", "targets")
PROJECT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent.name for root in ROOTS for file in (PROJECT / root).glob("*/__init__.py"))
PAGES = (
    "docs/design.md",
    "docs/architecture.md",
    "docs/onboarding.md",
    *sorted(str(page.relative_to(PROJECT)) for page in (PROJECT / "docs/decisions").glob("*.md")),
)
IN_A_STORE = {".lading/", "backups/", "damaged/"}
OTHERS = {"tests", "docs", "examples"}
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
BREACHES = {
    "plugins/lading_webhook/posting.py": ("azureml", "docker", "mlflow", "pluggy"),
    "plugins/lading_approval/asking.py": ("lading.python.records", "lading.python.images"),
    "core/lading/store/runs.py": ("pluggy",),
}
"""Imports that the contracts must refuse, by the module that gets them."""


def test_no_modules_import_each_other_in_a_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of the cycle


def test_the_contracts_name_every_package() -> None:
    assert sorted(CONTRACTS["root_packages"]) == PACKAGES
    for contract in CONTRACTS["contracts"]:
        others = set(PACKAGES) - {"lading", "lading_serving"}
        if contract["type"] == "forbidden":
            forbidden = set(contract["forbidden_modules"])
            named = forbidden if others <= forbidden else set(contract["source_modules"])
            assert others <= named, contract["name"]


def test_the_contracts_refuse_planted_imports(tmp_path: Path) -> None:
    for name in (*ROOTS, "pyproject.toml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, tmp_path / name)
    for name, modules in BREACHES.items():
        with (tmp_path / name).open("a") as file:
            file.writelines(f"import {module}\n" for module in modules)
    path = ":".join(str(tmp_path / root) for root in ROOTS)
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for name, modules in BREACHES.items():
        breaker = ".".join(Path(name).with_suffix("").parts[1:])
        for module in modules:
            assert re.search(rf"{re.escape(breaker)} -> {re.escape(module)} \(l\.\d+\)", done.stdout), (name, module)


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    text = (PROJECT / page).read_text()
    named = set(re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+\.(?:py|md|toml))?)`", text))
    tops = [PROJECT, PROJECT / "core", PROJECT / "core/lading", PROJECT / "docs"]
    assert [path for path in sorted(named - IN_A_STORE) if not any((top / path).exists() for top in tops)] == []


def test_the_architecture_names_every_package() -> None:
    text = (PROJECT / "docs/architecture.md").read_text().partition("```text")[2].partition("```")[0]
    named = re.findall(r"^ *([\w/]+)/  ", text, re.MULTILINE)
    folders = [file.parent for root in ROOTS for file in (PROJECT / root).rglob("__init__.py")]
    assert sorted(name.rpartition("/")[2] for name in named if name not in OTHERS) == sorted(
        each.name for each in folders
    )
