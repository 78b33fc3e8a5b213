"""The content for a device: complete documents, modules of other owners, and refused options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.targets.iotedge.memory_hub import Scene, scene_in
from tests.targets.target_kit import bound, problem

from lading import BadInput, Json, StageFailed
from lading_iotedge import content, create_options, record
from lading_iotedge.module import Part, part, variables, with_values, without_values
from lading_iotedge.options import IotEdgeOptions
from lading_iotedge.pace import pause
from lading_iotedge.port import AGENT, ROUTER, Twin
from lading_iotedge.record import Record
from lading_iotedge.signing import SharedKey, parse, value_of
from lading_iotedge.text import clean

TAGS = {
    "lading.service": "salary",
    "lading.target": "t",
    "lading.package": "d" * 64,
    "lading.model": "a" * 64,
    "lading.release": "1",
    "lading.release-id": "0000000000000001",
}
MARKS = {"lading.variables": "[]", "lading.routes": "[]"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def part_of(scene: Scene, written: dict[str, Json] | None = None, **options: Any) -> Part:
    return part(scene.request(device="pi", written=options if written is None else written, **options), scene.context)


def container(made: Part) -> dict[str, Json]:
    """The create options of a module, without the labels that all modules of Lading have."""
    found = create_options.joined(made.module)
    assert TAGS.items() <= found["Labels"].items()
    labels = {name: value for name, value in found.pop("Labels").items() if name not in (*TAGS, *MARKS)}
    return {**found, "Labels": labels} if labels else found


def test_a_plain_module_is_complete(scene: Scene) -> None:
    made = part_of(scene)
    assert {**made.module, "settings": made.module["settings"]["image"]} == {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "settings": "registry.example/salary:1",
    }
    assert create_options.joined(made.module) == {"Labels": {**TAGS, **MARKS}}
    assert (made.name, made.image, made.routes, made.credentials) == ("salary", "registry.example/salary:1", {}, {})


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (
            {"host_port": 8080},
            {"ExposedPorts": {"5001/tcp": {}}, "HostConfig": {"PortBindings": {"5001/tcp": [{"HostPort": "8080"}]}}},
        ),
        (
            {"host_port": 8080, "container_port": 80, "create_options": {"HostConfig": {"Memory": 1}}},
            {
                "ExposedPorts": {"80/tcp": {}},
                "HostConfig": {"Memory": 1, "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
            },
        ),
        ({"create_options": {"Labels": {"a": "b"}}}, {"Labels": {"a": "b"}}),
        ({"create_options": {"Hostname": "h"}}, {"Hostname": "h"}),
    ],
)
def test_options_become_those_of_the_container(scene: Scene, options: dict[str, Any], settings: Json) -> None:
    before = json.dumps(options)
    assert container(part_of(scene, **options)) == settings
    assert json.dumps(options) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"env": {"A": "1"}}, {"env": {"A": {"value": "1"}}}),
        ({"restart_policy": "never"}, {"restartPolicy": "never"}),
        ({"startup_order": 0}, {"startupOrder": 0}),
        ({"startup_order": 4294967295}, {"startupOrder": 4294967295}),
    ],
)
def test_options_become_those_of_the_module(scene: Scene, options: dict[str, Any], expected: dict[str, Json]) -> None:
    plain, made = part_of(scene).module, part_of(scene, **options).module
    assert {key: value for key, value in made.items() if plain.get(key) != value} == expected


def twins(**modules: Json) -> tuple[Twin, Twin]:
    """A device with modules and a route of other owners."""
    blank = content.base("1.6")
    agent = {**blank[AGENT], "modules": modules}
    router = {**blank[ROUTER], "routes": {"theirs": "FROM /* INTO $upstream"}}
    return Twin("pi", agent, 1, {}), Twin("pi", router, 1, {})


def binding(*ports: str, container_port: str = "80/tcp") -> dict[str, Json]:
    options = {"HostConfig": {"PortBindings": {container_port: [{"HostPort": port} for port in ports]}}}
    return {"settings": {"image": "web:1", **create_options.split(options)}}


def told(whole: dict[str, Json]) -> tuple[Twin, Twin]:
    """The device after it has received the content."""
    agent, router = (Twin("pi", whole[name]["properties.desired"], 2, {}) for name in (AGENT, ROUTER))
    return agent, router


def test_the_module_is_added_beside_those_of_other_owners(scene: Scene) -> None:
    agent, router = twins(web=binding("80"))
    made = part_of(scene, routes={"up": "FROM /messages/* INTO $upstream"}, startup_order=1)
    whole = content.put(agent, router, made)
    assert whole == {
        AGENT: {
            "properties.desired": {
                **agent.desired,
                "modules": {"web": agent.desired["modules"]["web"], "salary": made.module},
            }
        },
        ROUTER: {"properties.desired": {**router.desired, "routes": {**router.desired["routes"], **made.routes}}},
    }
    after = told(whole)
    assert content.holds(made, *after, {})
    assert not content.holds(made, agent, router, {})
    assert content.without(*after, "salary") == {
        AGENT: {"properties.desired": agent.desired},
        ROUTER: {"properties.desired": router.desired},
    }


def test_a_schema_without_startup_order_is_raised(scene: Scene) -> None:
    agent, router = twins()
    agent = replace(agent, desired={**agent.desired, "schemaVersion": "1.0"})
    plain = content.put(agent, router, part_of(scene))
    ordered = content.put(agent, router, part_of(scene, startup_order=1))
    versions = [whole[AGENT]["properties.desired"]["schemaVersion"] for whole in (plain, ordered)]
    assert versions == ["1.0", "1.1"]


@pytest.mark.parametrize(
    ("options", "theirs", "option"),
    [
        ({"host_port": 8080}, binding("8080"), "host_port"),
        ({"host_port": 8080}, binding("80", "8080"), "host_port"),
        (
            {"create_options": {"HostConfig": {"PortBindings": {"9/udp": [{"HostPort": "8080"}]}}}},
            None,
            "create_options",
        ),
        ({"host_port": 8080}, binding("8080", container_port="80"), "host_port"),
    ],
)
def test_a_port_of_another_module_is_refused(
    scene: Scene, options: dict[str, Any], theirs: dict[str, Json] | None, option: str
) -> None:
    with pytest.raises(BadInput, match="port 8080 of the device is bound by the module web already") as caught:
        content.put(*twins(web=theirs or binding("8080", container_port="80/udp")), part_of(scene, **options))
    assert caught.value.option == option


@pytest.mark.parametrize("theirs", [binding("8081"), binding("8080", container_port="80/udp"), binding("")])
def test_other_ports_and_protocols_do_not_conflict(scene: Scene, theirs: dict[str, Json]) -> None:
    content.put(*twins(web=theirs), part_of(scene, host_port=8080))


def test_a_route_of_another_owner_is_refused_and_an_own_one_is_replaced(scene: Scene) -> None:
    made = part_of(scene, routes={"theirs": "FROM /a/* INTO $upstream"})
    with pytest.raises(BadInput, match="the device has a route theirs already") as caught:
        content.put(*twins(), made)
    assert caught.value.option == "routes.theirs"
    whole = content.put(*twins(), made, replaces=["theirs"])
    assert whole[ROUTER]["properties.desired"]["routes"] == made.routes


@pytest.mark.parametrize(("others", "fits"), [(47, True), (48, False)])
def test_a_device_accepts_fifty_modules(scene: Scene, others: int, fits: bool) -> None:
    agent, router = twins(**{f"m{number}": binding("") for number in range(others)})
    if fits:
        content.put(agent, router, part_of(scene))
        return
    with pytest.raises(BadInput, match="the device would have 51 modules") as caught:
        content.put(agent, router, part_of(scene))
    assert caught.value.option == "device"


def test_the_hub_accepts_at_most_32_kib(scene: Scene) -> None:
    agent, router = twins()

    def size(**env: str) -> int:
        whole = content.put(agent, router, part_of(scene, env=env))
        return len(json.dumps(whole[AGENT]["properties.desired"], separators=(",", ":")).encode())

    limit = 32 * 1024 - len('{"properties.desired":}')
    pads = {f"P{number}": "x" * 4000 for number in range((limit - size(A="")) // 4096)}
    room = limit - size(A="", B="", **pads)
    assert size(A="x" * (room // 2), B="x" * (room - room // 2), **pads) == limit
    with pytest.raises(BadInput, match="would have 32769 bytes, and the hub takes 32768") as caught:
        size(A="x" * (room // 2), B="x" * (room - room // 2 + 1), **pads)
    assert caught.value.option == "device"


def test_an_exclusive_module_runs_beside_iot_edge_only(scene: Scene) -> None:
    agent, router = twins(web=binding("80"))
    made = part_of(scene)
    whole = content.alone(made, agent, router)
    assert whole is not None
    assert whole[AGENT]["properties.desired"]["modules"] == {"salary": made.module}
    assert whole[AGENT]["properties.desired"]["systemModules"] == agent.desired["systemModules"]
    assert whole[ROUTER]["properties.desired"]["routes"] == {}
    assert content.alone(made, *told(whole)) is None


Kept = Mapping[str, Mapping[str, Json]]
WRITTEN: dict[str, Json] = {
    "env": {"TOKEN": "x-${TOKEN}", "PLAIN": "p", "PRICE": "$${N}"},
    "create_options": {"HostConfig": {"Binds": ["/a:/b", "${DATA}:/data"]}},
    "routes": {"up": "FROM /${DATA}/* INTO $upstream"},
    "twin": {"limit": 3, "key": {"token": "${TOKEN}"}},
}
GIVEN: dict[str, Any] = {
    "env": {"TOKEN": "x-c4n4ry", "PLAIN": "p", "PRICE": "${N}"},
    "create_options": {"HostConfig": {"Binds": ["/a:/b", "/c4n4ry:/data"]}},
    "routes": {"up": "FROM //c4n4ry/* INTO $upstream"},
    "twin": {"limit": 3, "key": {"token": "c4n4ry"}},
}


def hidden(scene: Scene, *, keep: Callable[[str], bool] = lambda _: True) -> tuple[Part, Kept]:
    """The module with values of variables, and its record if the hub still has the keys in `keep`."""
    scene.context.variables |= {"TOKEN": "c4n4ry", "DATA": "/c4n4ry"}
    made = part_of(scene, WRITTEN, **GIVEN)
    module = {key: value for key, value in made.module.items() if keep(key)}
    return made, without_values(module, made.routes if keep("routes") else {}, made.twin)


def test_values_of_variables_are_never_recorded_and_are_restored(scene: Scene) -> None:
    made, kept = hidden(scene)
    assert "c4n4ry" not in json.dumps(kept)
    names = variables(scene.deployment(written=WRITTEN, device="pi"))
    assert names == {"TOKEN", "DATA"}
    assert with_values(kept, scene.context, names) == (made.module, made.routes, made.twin)


@pytest.mark.parametrize("gone", ["env", "routes"])
def test_a_value_that_was_removed_on_the_hub_is_not_restored(scene: Scene, gone: str) -> None:
    _, kept = hidden(scene, keep=lambda key: key != gone)
    module, routes, _ = with_values(kept, scene.context, ["TOKEN", "DATA"])
    assert ("env" in module, "up" in routes) == (gone != "env", gone != "routes")


def test_a_missing_variable_is_named_when_a_module_is_restored(scene: Scene) -> None:
    _, kept = hidden(scene)
    del scene.context.variables["DATA"]
    with pytest.raises(BadInput, match="the environment variable DATA is not set"):
        with_values(kept, scene.context, ["TOKEN", "DATA"])
    with pytest.raises(StageFailed, match="needs TOKEN, a variable that no manifest"):
        with_values(kept, scene.context, ["DATA"])


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("hub: H", "5:3: targets.t: set exactly one of device and target_condition"),
        ("hub: h h, device: pi", "5:23: targets.t.hub: "),
        ("hub: h.azure-devices.net:1234567, device: pi", "5:23: targets.t.hub: "),
        ("hub: H, device: ''", "5:34: targets.t.device: "),
        (f"hub: H, device: {'d' * 129}", "5:34: targets.t.device: "),
        ("hub: H, device: pi, wait: {timeout: 0}", "5:54: targets.t.wait.timeout: must be more than 0"),
        ("hub: H, device: pi, wait: {grace: 86401}", "5:52: targets.t.wait.grace: must be at most 86400"),
        ("hub: H, device: pi, wait: {min_success: 0}", "targets.t.wait.min_success: must be more than 0"),
        ("hub: H, device: pi, wait: {max_failed: -1}", "targets.t.wait.max_failed: must be at least 0"),
        ("hub: H, device: pi, wait: 30", "5:44: targets.t.wait: "),
        ("hub: H, device: pi, container_port: 0", "5:54: targets.t.container_port: must be at least 1"),
        ("hub: H, device: pi, startup_order: 4294967296", "5:53: targets.t.startup_order: must be at most 4294967295"),
        ("hub: H, device: pi, restart_policy: sometimes", "5:54: targets.t.restart_policy: must be "),
        ("hub: H, device: pi, mode: Merge", "5:44: targets.t.mode: must be "),
        ("hub: H, device: pi, edge_version: '1'", "5:52: targets.t.edge_version: "),
        ("hub: H, device: pi, edge_version: 1.6", "5:52: targets.t.edge_version: expected text"),
        ("hub: H, device: pi, platform: linux/arm64/v8/x", "5:48: targets.t.platform: "),
        ("hub: H, device: pi, routes: {up: ''}", "5:51: targets.t.routes.up: "),
        (f"hub: H, device: pi, env: {{A: {'x' * 4097}}}", "5:47: targets.t.env.A: must have at most 4096 characters"),
        ("hub: H, device: pi, registry: {address: a, username: U}", "targets.t.registry.password: "),
        ("hub: H, device: pi, registry: {address: a, username: U, password: not set}", "targets.t.registry.password: "),
        ("hub: H, device: pi, create_options: {Labels: [a]}", "targets.t.create_options: Labels is an object"),
        (
            "hub: H, device: pi, create_options: {HostConfig: {PortBindings: [1]}}",
            "targets.t.create_options: HostConfig and its PortBindings are objects",
        ),
        (
            "hub: H, device: pi, host_port: 80, "
            "create_options: {HostConfig: {PortBindings: {5001/tcp: [{HostPort: '81'}]}}}",
            "targets.t.host_port: create_options bind a port of the device to the same one; keep one of the two",
        ),
        (
            "hub: H, device: pi, create_options: {HostConfig: {PortBindings: {'80': [{HostPort: x}]}}}",
            "targets.t.create_options: the host port x of 80/tcp is not within 1 to 65535",
        ),
        ("hub: H, device: pi, host_port: 80, scoring_host: 'tag:'", "targets.t.scoring_host: "),
        ("hub: H, device: pi, host_port: 80, scoring_host: 'http://pi'", "targets.t.scoring_host: "),
    ],
)
def test_an_invalid_option_is_refused_at_its_position(tmp_path: Path, block: str, expected: str) -> None:
    assert expected in problem(tmp_path, IotEdgeOptions, block)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("tag:net.lan", ("tag", ("net", "lan"))),
        ("reported:ip", ("reported", ("ip",))),
        ("tag", None),
        ("fe80::1", None),
        ("10.0.0.1", None),
    ],
)
def test_a_scoring_host_is_a_path_of_a_twin_or_a_host(tmp_path: Path, host: str, path: object) -> None:
    options = bound(tmp_path, IotEdgeOptions, f"hub: H, device: pi, host_port: 80, scoring_host: '{host}'")
    assert options.twin_path == path


def test_a_signature_equals_that_of_the_hubs_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    shared = parse("HUB", " HostName=h.azure-devices.net;SharedAccessKeyName=a b;SharedAccessKey=czNjcjN0;\n")
    assert shared == SharedKey(host="h.azure-devices.net", policy="a b", key=b"s3cr3t")
    signature, expiry = "Io7UNFsyzdXOvTDsTPYQXl1N7ZjuXIGR1qEyqgDsA6M%3D", 1_700_003_600  # by openssl dgst -hmac
    assert shared.sign() == (f"SharedAccessSignature sr=h.azure-devices.net&sig={signature}&se={expiry}&skn=a+b")
    assert "s3cr3t" not in repr(shared)


def test_an_unset_variable_is_reported_at_the_option_that_names_it(scene: Scene) -> None:
    with pytest.raises(BadInput, match="the environment variable HUB is not set") as caught:
        value_of("HUB", "registry.username", scene.context)
    assert (caught.value.option, caught.value.hint) == ("registry.username", "export HUB=…")


@pytest.mark.parametrize(("grace", "seconds"), [(0.1, 0.2), (1.2, 0.2), (6, 1.0), (30, 5.0), (86400, 5.0)])
def test_a_pause_is_a_part_of_the_grace_period_within_limits(grace: float, seconds: float) -> None:
    assert pause(grace) == pytest.approx(seconds)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["running", "down", "neither"]), st.integers(0, 2)), max_size=12))
def test_observations_add_up(looks: list[tuple[str, int]]) -> None:
    found = Record(release="1")
    for what, restarts in looks:
        found = found.with_look(1.0, running=what == "running", down=what == "down", restarts=restarts)
    assert found.waited == len(looks)
    steady = 0
    for index in range(len(looks) - 1, -1, -1):
        before = looks[index - 1][1] if index else 0
        if looks[index][0] != "running" or looks[index][1] != before:
            break
        steady += 1
    assert found.steady == steady
    assert found.down >= sum(what == "down" for what, _ in looks)


def test_a_record_is_private_and_belongs_to_one_release(tmp_path: Path) -> None:
    kept = Record(release="2", previous={"module": {}, "routes": {}}, deployment="d", created=True, gone="why")
    kept.write(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert record.read(tmp_path, "1") is None
    assert record.read(tmp_path, "2") == replace(kept, names=[])  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"release": 1, "more": 2}'])
def test_an_unreadable_record_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "iot-edge.json").write_text(text, encoding="utf-8")
    assert record.last(tmp_path) is None


@given(st.text())
def test_text_from_a_device_becomes_one_printable_line(text: str) -> None:
    found = clean(text)
    assert found.isprintable() or all(c.isprintable() or c.isspace() for c in found)
    assert "\n" not in found
    assert clean(found) == found
    assert len(found) <= 2000


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["HostConfig", "PortBindings", "HostPort", "80/tcp", "Labels"]), inner)
        ),
        max_leaves=8,
    )
)
def test_create_options_of_any_form_can_be_read(found: Json) -> None:
    """Modules of other owners may have any options. Reading them never fails."""
    module = {"settings": {"image": "a", "createOptions": json.dumps(found)}}
    read = create_options.joined(module)
    assert isinstance(list(create_options.bindings(read)), list)
    assert create_options.host_port(read, 80) is None or isinstance(create_options.host_port(read, 80), str)
    assert isinstance(create_options.labels(module), dict)
