"""Documents of the hub as records of Lading: twins of devices and modules, automatic deployments."""

from __future__ import annotations

from typing import Any

import pytest

from lading import Json
from lading_iotedge.port import Configuration, Twin
from lading_iotedge.rest import _configuration, _quoted, _twin


def test_a_twin_is_read_without_the_hubs_additions() -> None:
    document = {
        "deviceId": "pi",
        "moduleId": "$edgeAgent",
        "connectionState": "Connected",
        "lastActivityTime": "2026-01-01T12:00:00Z\n",
        "tags": {"site": "oslo"},
        "configurations": {"fleet": {"status": "Applied"}},
        "properties": {
            "desired": {"modules": {"a": 1}, "$metadata": {"x": 1}, "$version": 7},
            "reported": {"lastDesiredVersion": 6, "$metadata": {}, "$version": 9},
        },
    }
    assert _twin(document) == Twin(
        device="pi",
        desired={"modules": {"a": 1}},
        version=7,
        reported={"lastDesiredVersion": 6},
        tags={"site": "oslo"},
        deployments=("fleet",),
        connected=True,
        seen="2026-01-01T12:00:00Z",
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"properties": None, "tags": None, "configurations": None, "lastActivityTime": None},
        {"properties": {}},
        {"properties": {"desired": None, "reported": None}},
    ],
)
def test_a_twin_without_content_is_empty(document: dict[str, Json]) -> None:
    assert _twin({"deviceId": "pi", **document}) == Twin(device="pi", desired={}, version=0, reported={})


@pytest.mark.parametrize(
    ("state", "connected"), [({"connectionState": "Disconnected"}, False), ({"connectionState": "Connected"}, True)]
)
def test_only_a_device_that_the_hub_calls_disconnected_is_offline(state: dict[str, Json], connected: bool) -> None:
    assert _twin({"deviceId": "pi", **state}).connected == connected


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, {}),
        ({"systemMetrics": None, "metrics": {"results": None}}, {}),
        (
            {"systemMetrics": {"results": {"targetedCount": 5}}, "metrics": {"results": {"running": 4}}},
            {"targetedCount": 5, "running": 4},
        ),
    ],
)
def test_an_automatic_deployment_has_the_counts_of_the_hub_and_of_lading(
    metrics: dict[str, Any], expected: dict[str, int]
) -> None:
    document = {"id": "fleet", "etag": "MQ==", "priority": "12", "labels": None, **metrics}
    found = _configuration(document)
    assert found == Configuration(id="fleet", etag="MQ==", priority=12, labels={}, metrics=expected)


@pytest.mark.parametrize(
    ("name", "path"),
    [("pi", "pi"), ("$edgeAgent", "$edgeAgent"), ("a/b?c", "a%2Fb%3Fc"), ("50%", "50%25"), ("#", "%23")],
)
def test_a_name_is_one_part_of_a_path(name: str, path: str) -> None:
    assert _quoted(name) == path
