"""The lists of public names agree: type checkers see the names that are loaded, and the whole model is public."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import assert_type

import pytest
from tests.conftest import ROOT
from tests.targets.target_kit import id_of, package_in

from lading import Deployment, DeployRequest, Options, model

CORE = ROOT / "core"
LAZY = sorted(file for file in CORE.rglob("__init__.py") if "= lazily(" in file.read_text())


@pytest.mark.parametrize("file", LAZY, ids=lambda file: file.parent.name)
def test_type_checkers_see_the_names_that_are_loaded(file: Path) -> None:
    package = importlib.import_module(".".join(file.parent.relative_to(CORE).parts))
    assert _seen(file) == _loaded(file)
    assert dir(package) == sorted(_loaded(file))


def test_every_name_of_the_model_is_public() -> None:
    model = {name: f"model.{module}" for name, module in _loaded(CORE / "lading/model/__init__.py").items()}
    public = _loaded(CORE / "lading/__init__.py").items()
    assert model == {name: module for name, module in public if module.startswith("model.")}


def test_every_record_is_frozen_and_names_its_fields() -> None:
    records = [kind for name in dir(model) if isinstance(kind := getattr(model, name), type) and is_dataclass(kind)]
    assert len(records) > 40
    for kind in set(records) - {model.Options}:
        assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]  # of each dataclass, without a type
        assert all(field.kw_only for field in fields(kind)), kind


def test_no_record_has_options_without_their_type() -> None:
    records = {kind for name in dir(model) if isinstance(kind := getattr(model, name), type) and is_dataclass(kind)}
    assert {kind for kind in records if getattr(kind, "__parameters__", ())} >= {Deployment, model.TrainRequest}
    found = [(kind, field) for kind in records for field in fields(kind) if field.type in ("Options", "Deployment")]
    assert found == []


def test_a_hook_reads_the_named_type_of_its_options(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class AcmeOptions(Options):
        depth: int = 10

    def lading_deploy(request: DeployRequest[AcmeOptions]) -> int:
        return assert_type(request.deployment.options.depth, int)

    def any_hook(request: DeployRequest) -> Options:
        return assert_type(request.deployment.options, Options)

    deployment = Deployment(service="price", target="acme", options=AcmeOptions(depth=12))
    request = DeployRequest(
        deployment=deployment, package=package_in(tmp_path), release=1, release_id=id_of(1), tags={}
    )
    assert lading_deploy(request) == 12
    assert any_hook(request) is deployment.options


def _seen(file: Path) -> dict[str, str]:
    """The names that a package imports only for type checkers, each with its module."""
    (block,) = (
        node
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    assert all(alias.asname == alias.name for node in imports for alias in node.names), "type checkers hide this name"
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def _loaded(file: Path) -> dict[str, str]:
    """The names that a package loads at their first use, each with its module."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazily"
    )
    table: dict[str, str] = ast.literal_eval(call.args[1])
    return {name: module for module, names in table.items() for name in names.split()}
