"""The places of a deployment: its device and module, or its fleet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import HOST, Scene, scene_in

from lading import Json, PlanEffect, PlanRequest, UpRelease
from lading.manifest.moved import moved
from lading.manifest.records import Section
from lading.model.description import Role
from lading_iotedge import planning
from lading_iotedge.options import IotEdgeOptions

OSLO = "tags.site = 'oslo'"
PI: Mapping[str, Json] = {"hub": HOST, "device": "pi"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({**PI, "module": None}, True),
        ({**PI, "module": "salary"}, True),
        ({**PI, "module": "pay"}, False),
        ({**PI, "device": "new"}, False),
        ({**PI, "hub": "HUB"}, False),
        ({"hub": HOST, "target_condition": OSLO}, False),
    ],
)
def test_a_place_is_a_module_on_a_device(other: Mapping[str, Json], is_same: bool) -> None:
    assert (IotEdgeOptions.place_of("salary", PI) == IotEdgeOptions.place_of("salary", other)) is is_same


def test_all_fleets_of_a_hub_are_one_place() -> None:
    one, other = ({"hub": HOST, "target_condition": text} for text in (OSLO, "*"))
    assert IotEdgeOptions.place_of("salary", one) == IotEdgeOptions.place_of("salary", other)


def test_a_block_at_an_old_place_has_no_option_that_does_not_fit_there(tmp_path: Path) -> None:
    value = {**PI, "host_port": 80, "scoring_host": "10.0.0.1", "env": {"A": "b"}}
    options = IotEdgeOptions(**value)
    section = Section(
        path=("targets", "t"),
        role=Role.TARGET,
        plugin="iot-edge",
        name="t",
        options=options,
        value=value,
        record=value,
        inputs={},
    )
    place = {"hub": HOST, "device": None, "module": None, "target_condition": OSLO}
    found = moved(section, tmp_path, "salary", None, place).options
    assert found == IotEdgeOptions(hub=HOST, target_condition=OSLO, host_port=80, env={"A": "b"})


def planned(
    scene: Scene, before: Mapping[str, Json], service: str = "salary", **options: Any
) -> list[tuple[str, str, str | None]]:
    written = {"hub": "HUB", **options}
    release = UpRelease(service=service, release=1, written={"hub": "HUB", **before})
    request = PlanRequest(
        deployment=scene.deployment(written, **options),
        up=release if service == "salary" else None,
        left=() if service == "salary" else (release,),
    )
    return [(each.effect, each.message, each.option) for each in planning.findings(request).findings]


def test_a_device_that_joins_a_fleet_is_named(scene: Scene) -> None:
    assert planned(scene, {"device": "pi"}, device="new") == []
    gap = "the content of pi is replaced if the device meets the target condition"
    assert planned(scene, {"device": "pi"}, target_condition=OSLO) == [(PlanEffect.GAP, gap, "target_condition")]


def test_a_new_name_cannot_take_the_port_of_the_old_module(scene: Scene) -> None:
    before = {"device": "pi", "host_port": 8080}
    refused = "the module salary on pi keeps port 8080 of the device until the new module is up"
    found = planned(scene, before, device="pi", module="pay", host_port=8080)
    assert found == [(PlanEffect.REFUSED, refused, "module")]
    assert planned(scene, before, device="new", module="pay", host_port=8080) == []
    assert planned(scene, {**before, "host_port": 80}, device="pi", module="pay", host_port=8080) == []
    renamed = refused.replace("salary", "wages")
    assert planned(scene, before, "wages", device="pi", host_port=8080) == [
        (PlanEffect.REFUSED, renamed, "service_name")
    ]
