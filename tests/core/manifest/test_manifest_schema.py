"""The JSON Schema and the check accept and refuse the same manifests, and the schema describes every field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.core.manifest.manifest_kit import HEAD, TYPES, Local, problems

from lading import Options
from lading.manifest.json_schema import options_schema, schema


@dataclass(frozen=True)
class Derived(Local):
    depth: float = 1.0
    """Levels of folders."""


SALARY = Path(__file__).parents[3] / "manifests" / "salary.yaml"
PLUGINS: dict[str, dict[str, type[Options]]] = {
    "train": {"sklearn": TYPES["train"]},
    "package": {"bundle": TYPES["package"]},
    "connection": {"azureml": TYPES["connection"]},
    "target": {"local": Local},
    "observer": {"bell": TYPES["observer"]},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    document = schema(PLUGINS)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def places(validator: Draft202012Validator, text: str) -> set[str]:
    errors = validator.iter_errors(yaml.safe_load(text))
    return {".".join(["$", *map(str, error.absolute_path)]) for error in errors}


def test_the_salary_manifest_fits_except_for_options_that_these_plugins_lack(
    validator: Draft202012Validator,
) -> None:
    assert places(validator, SALARY.read_text()) == {"$.train", "$.connections.azureml"}


RIGHT = [
    "$schema: lading.schema.json\n",
    "train: {data: a.csv}\nregister: {}\n",
    "targets: {local: }\n",
    "targets: {local: {port: 80}, another: {anything: 1}}\n",
    "targets: {other: {plugin: local, port: 80, service_name: '${USER}-svc', connection: azureml}}\n",
    "targets: {local: {port: '${PORT}', open: '${OPEN}', workers: '${WORKERS}', limits: ['${A}', 2]}}\n",
    "targets: {local: {python: '${PYTHON}', size: large, token: '${TOKEN}'}}\n",
    "package: {samples: [{request: {data: [1]}, response: x, tolerance: 0}], environment: {pip: [a]}}\n",
    "observers: [{plugin: bell, subscription_id: x}, {plugin: other, anything: 1}]\n",
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_manifest_fits(validator: Draft202012Validator, text: str) -> None:
    assert places(validator, "version: 1\nname: salary-svc\n" + text) == set()


WRONG = [
    ("targets: {local: {prot: 80}}\n", "$.targets.local"),
    ("targets: {other: {plugin: local, prot: 80}}\n", "$.targets.other"),
    ("targets: {local: {port: 70000}}\n", "$.targets.local.port"),
    ("targets: {local: {python: other}}\n", "$.targets.local.python"),
    ("targets: {3x: {}}\n", "$.targets"),
    ("package: {samples: [{request: 1}]}\n", "$.package.samples"),
    ("package: {includes: []}\n", "$.package"),
    ("connections: {azureml: {}}\n", "$.connections.azureml"),
    ("observers: [{}]\n", "$.observers.0"),
    ("registr: {}\n", "$"),
    ("$schema: 5\n", "$.$schema"),
    ("track: azureml\n", "$.track"),
]


@pytest.mark.parametrize(("text", "place"), WRONG)
def test_a_wrong_manifest_does_not_fit_and_is_refused(
    validator: Draft202012Validator, text: str, place: str, tmp_path: Path
) -> None:
    assert places(validator, HEAD + text) == {place}
    assert problems(tmp_path, HEAD + text) != []


def test_fields_are_described_by_their_docstrings() -> None:
    options = options_schema(Local)
    assert options["properties"]["port"]["description"] == "Port to listen on; 0 picks a free one."
    inherited = options_schema(Derived)["properties"]
    assert inherited["port"] == options["properties"]["port"]
    assert inherited["depth"]["description"] == "Levels of folders."
    document: dict[str, Any] = schema(PLUGINS)
    undescribed = [key for key, value in document["properties"].items() if not value.get("description")]
    assert undescribed == []


class Speed(StrEnum):
    """How fast it is."""

    LOW = "low"


@dataclass(frozen=True)
class Disk(Options):
    """Where it stores files."""

    speed: Speed = Speed.LOW
    """How fast it is."""


@dataclass(frozen=True)
class Server(Options):
    """The server."""

    disk: Disk
    """Where it stores files."""
    spare: Disk
    """Where it keeps copies."""


@dataclass(frozen=True)
class Subclass(Server):
    pass


@pytest.mark.parametrize("options", [Server, Subclass])
def test_a_field_keeps_its_description_when_its_type_repeats_it(options: type[Options]) -> None:
    """Every pydantic version omits it for an enum, and version 2.13 and later for a dataclass too."""
    found = options_schema(options)
    assert found["properties"]["disk"]["description"] == "Where it stores files."
    assert found["properties"]["spare"]["description"] == "Where it keeps copies."
    assert found["$defs"]["Disk"]["properties"]["speed"]["description"] == "How fast it is."
    assert "description" not in found


def test_options_alone_are_a_schema_too() -> None:
    validator = Draft202012Validator(options_schema(Local))
    assert validator.is_valid({"port": 1, "python": "${PYTHON}", "limits": [1, 2]})
    assert not validator.is_valid({"port": "1"})
    assert not validator.is_valid({"plugin": "local"})
