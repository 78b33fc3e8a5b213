"""The schema of a model from the training to the package, and that no training cell leaves with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.conftest import Shell, elsewhere
from tests.waiting import LIMIT

from lading import Schema
from lading.model.schema import probe

MANIFEST = """\
version: 1
name: pay
train: {estimator: sklearn.linear_model.LinearRegression, data: pay.csv, features: [age, hours], label: pay}
"""
LINES = [f"{100_003 + 11 * row},{0.25 + 137.5 * row},{40_000_000 + 333 * row}" for row in range(30)]


def cells_in(texts: list[str]) -> list[str]:
    return [cell for line in LINES for cell in line.split(",") for text in texts if cell in text]


def packaged(site: Shell) -> Path:
    return Path(site("package").out.strip())


def schema_in(folder: Path) -> Any:
    schema = json.loads((folder / "package.json").read_text())["model"]["schema"]
    assert json.loads((folder / "azureml-app" / "scoring.json").read_text())["schema"] == schema
    return schema


def test_a_schema_is_kept_with_the_model_and_in_its_package(shell: Shell, tmp_path: Path) -> None:
    shell.write("lading.yaml", MANIFEST)
    shell.write("pay.csv", "\n".join(["age,hours,pay", *LINES]))
    first = packaged(shell)
    schema = schema_in(first)
    assert [(column["name"], column["kind"]) for column in schema["columns"]] == [
        ("age", "integer"),
        ("hours", "number"),
    ]
    assert schema["outputs"] == [{"name": "pay", "kind": "number", "classes": []}]
    assert schema["example"].keys() == {"age", "hours"}
    kept = shell("model", "show", "pay", "--json").json()["schema"]
    assert {name: kept[name] for name in schema} == schema
    texts = [file.read_text() for file in first.rglob("*") if file.is_file()]
    assert cells_in(texts) == []
    archive = tmp_path / "pay.tar"
    shell("package", "export", archive)
    other = elsewhere(shell)
    uri = other("deploy", "--package", archive, "--json").json()["deployments"][0]["uri"]
    for path in ("swagger.json", "swagger.json?version=3.1", "v2/models/pay"):
        with urlopen(uri.replace("/score", f"/{path}"), timeout=LIMIT) as answer:
            texts.append(answer.read().decode())
    assert '"hours"' in texts[-1]
    assert cells_in(texts) == []
    assert other("model", "show", "pay", "--json").json()["schema"] == kept
    assert len(other("score", "-d", json.dumps(probe(Schema.of(schema)))).json()) == 1
    other("delete")

    shell.write("lading.yaml", f"{MANIFEST}register: {{schema: {{values: false}}}}\n")
    second = packaged(shell)
    assert second != first
    assert schema_in(second) == {**schema, "example": None}
    assert shell("model", "show", "pay", "--json").json()["version"] == 1
