"""A stage is named only in its own module. All other code uses the stage."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from lading.engine.pipeline import DEPLOY, PACKAGE, STAGES

ROOTS = ("core", "plugins", "targets")
PROJECT = Path(__file__).parents[1]
OWN = {stage.name: Path(inspect.getfile(type(stage))).relative_to(PROJECT).as_posix() for stage in STAGES}
SCHEMA = "core/lading/manifest/"
OTHER_MEANINGS = {
    "core/lading/model/description.py": "the roles of plugins; some have the name of the stage that they serve",
    "core/lading/cli/commands.py": "the names of the commands, which the help lists without loading the engine",
    "core/lading/cli/packaging.py": "a field of the JSON document",
    "core/lading/cli/releases.py": "a column of the table",
    "core/lading/cli/provenance.py": "a name in the output",
    "core/lading/cli/platforms.py": "a column of the table",
    "core/lading/cli/deploying.py": "an option of the command",
    "core/lading/cli/services.py": "a column of the table",
    "core/lading/engine/archive/archive.py": "a folder in an exported package",
    "core/lading/engine/stages/expected.py": "a key of a manifest, at which a problem is reported",
    "core/lading/engine/session/order.py": "keys of a manifest, whose variables need not be set",
    "core/lading/python/batch.py": "a key of the file that keeps the answers on their way",
    "core/lading/python/comparing.py": "a group of differences",
    "core/lading/python/provenance.py": "a part of the provenance of a release",
    "core/lading/python/reporting.py": "a column of the page",
    "core/lading/store/reuse.py": "the format of the store",
    "core/lading/store/facts.py": "the format of the store",
    "core/lading/store/places.py": "the format of the store",
    "core/lading/store/salt.py": "the format of the store",
    "core/lading/store/contents.py": "a kind of finding",
    "core/lading/store/garbage.py": "a kind of unused data",
    "core/lading/testing/fresh.py": "a field of the kit's report",
    "core/lading/testing/probe.py": "a field of the kit's report",
    "core/lading/testing/project.py": "the manifest that the kit writes",
    "plugins/lading_approval/__init__.py": "a plugin knows stages by the names that the contract gives them",
    "plugins/lading_bundle/locks.py": "a key of `uv.lock`",
    "plugins/lading_serving/exposition.py": "a label of a metric: the digest of a package",
    "plugins/lading_serving/identity.py": "a fact about a release: the digest of its package",
    "plugins/lading_sklearn/__init__.py": "the roles that the plugin describes",
    "plugins/lading_sklearn/evaluating.py": "a block of the manifest, for a hint",
    "plugins/lading_sklearn/options.py": "a key of the data: the rows to fit",
    "plugins/lading_sklearn/table.py": "a key of the data: the rows to fit",
    "plugins/lading_sklearn/training.py": "a block of the manifest, for a hint",
    "plugins/lading_sklearn/scripts.py": "the function that a training script defines",
}
"""Modules in which the name of a stage means something else."""


def literals(file: Path) -> Iterator[str]:
    """The texts in a module that are the name of a stage."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in OWN:
            yield node.value


def names_by_module() -> dict[str, list[str]]:
    files = (file for root in ROOTS for file in (PROJECT / root).rglob("*.py"))
    found = {file.relative_to(PROJECT).as_posix(): sorted(literals(file)) for file in files}
    return {file: names for file, names in found.items() if names}


def test_a_stage_is_named_only_in_its_own_module() -> None:
    found = names_by_module()
    assert {name: found.pop(file) for name, file in OWN.items()} == {name: [name] for name in OWN}
    others = {file for file in found if not file.startswith(SCHEMA)}
    assert sorted(others - OTHER_MEANINGS.keys()) == []


def test_every_exception_is_still_needed() -> None:
    assert sorted(OTHER_MEANINGS.keys() - names_by_module().keys()) == []


def test_the_package_is_the_last_stage_before_the_deploy() -> None:
    """A deploy runs the stages up to the package, so a stage between the two would not run."""
    assert STAGES[-2:] == (PACKAGE, DEPLOY)
