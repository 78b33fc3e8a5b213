"""The structure of the source: its imports have no cycle."""

from __future__ import annotations

import graphlib
from pathlib import Path

import grimp

ROOTS = ("core", "plugins", "targets")
PROJECT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent.name for root in ROOTS for file in (PROJECT / root).glob("*/__init__.py"))


def test_no_modules_import_each_other_in_a_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of the cycle
