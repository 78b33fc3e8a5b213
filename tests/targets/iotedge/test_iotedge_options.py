"""The options of the target in a manifest, line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import lading
from lading_iotedge.content import layer
from lading_iotedge.create_options import CHUNK, joined, split
from lading_iotedge.image import reference
from lading_iotedge.module import part, with_values, without_values
from lading_iotedge.options import IotEdgeOptions, Registry
from lading_iotedge.port import AGENT
from lading_iotedge.signing import parse

PORT = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "70000"}]}}}
LONG = {"Labels": {f"l{number}": "x" * 500 for number in range(110)}}
WHOLE = "HostName=h.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=czNjcjN0"
REGISTRY = {"address": "registry.example", "username": "U", "password": "P"}


def problem(folder: Path, **options: Any) -> lading.Problem | None:
    """The only problem of a manifest, if it has one."""
    manifest = {
        "version": 1,
        "name": "salary",
        "register": {"model": "m", "file": "lading.yaml"},
        "package": {"scoring_script": "score.py"},
        "targets": {"iot-edge": {"hub": "h.azure-devices.net", **options}},
    }
    file = folder / "lading.yaml"
    (folder / "score.py").write_text("def init(): pass\ndef run(raw_data): return 1\n")
    file.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    try:
        lading.check(file)
    except lading.ManifestError as error:
        (found,) = error.problems
        return found
    return None


@pytest.mark.parametrize(
    ("place", "options", "words"),
    [
        ("hub:", {}, "set exactly one of device and target_condition"),
        ("hub:", {"device": "pi", "target_condition": "tags.a = 1"}, "set exactly one of device and target_condition"),
        ("hub:", {"device": "pi", "hub": "https://h.azure-devices.net"}, "text that matches"),
        ("device:", {"device": "a device"}, "text that matches"),
        ("module:", {"device": "pi", "module": "a b"}, "^[a-zA-Z0-9_-]{1,128}$"),
        ("module:", {"device": "pi", "module": "$edgeAgent"}, "^[a-zA-Z0-9_-]{1,128}$"),
        ("module:", {"device": "pi", "module": "$edgeHub"}, "^[a-zA-Z0-9_-]{1,128}$"),
        ("create_options:", {"device": "pi", "create_options": "{}"}, "expected a mapping"),
        ("HostConfig:", {"device": "pi", "create_options": {"HostConfig": 3}}, "are objects"),
        ("Env:", {"device": "pi", "create_options": {"Env": ["A=b"]}}, "under env"),
        ("HostConfig:", {"device": "pi", "create_options": PORT}, "port 70000 of 80/tcp is not within 1 to 65535"),
        ("Labels:", {"device": "pi", "create_options": LONG}, "more than 100 pieces"),
        ("Labels:", {"device": "pi", "create_options": {"Labels": {"lading.model": "x"}}}, "Lading's own"),
        ("host_port:", {"device": "pi", "host_port": 0}, "must be at least 1"),
        ("host_port:", {"device": "pi", "host_port": 65536}, "must be at most 65535"),
        ("A.B:", {"device": "pi", "env": {"A.B": "c"}}, "A.B"),
        ("a route:", {"device": "pi", "routes": {"a route": "FROM /* INTO $upstream"}}, "a route"),
        ("name: a$", {"device": "pi", "registry": {**REGISTRY, "name": "a$"}}, "text that matches"),
        (
            "address:",
            {"device": "pi", "registry": {**REGISTRY, "address": "https://a.b"}},
            "drop the scheme of https://a.b",
        ),
        ("pull_from:", {"device": "pi", "pull_from": "https://a.b"}, "text that matches"),
        ("edge_registry:", {"device": "pi", "edge_registry": "a b"}, "text that matches"),
        ("a.b:", {"device": "pi", "twin": {"a.b": 1}}, "a.b"),
        ("priority:", {"target_condition": "*", "priority": -1}, "must be at least 0"),
        ("scoring_host:", {"target_condition": "*", "host_port": 80, "scoring_host": "10.0.0.1"}, "have one each"),
        ("scoring_host:", {"device": "pi", "scoring_host": "pi.local"}, "set host_port"),
        ("platform:", {"device": "pi", "platform": "arm64"}, "text that matches"),
        ("lading_x:", {"target_condition": "*", "labels": {"lading_x": "y"}}, "Lading's own"),
        ("min_success:", {"target_condition": "*", "wait": {"min_success": 1.5}}, "must be at most 1"),
    ],
)
def test_a_problem_is_reported_at_its_line(tmp_path: Path, place: str, options: dict[str, Any], words: str) -> None:
    found = problem(tmp_path, **options)
    assert found is not None
    assert words in str(found)
    lines = (tmp_path / "lading.yaml").read_text("utf-8").splitlines()
    assert place in " ".join(lines[found.line - 1 : found.line + 1])


@pytest.mark.parametrize(
    "options",
    [
        {"device": "pi"},
        {"device": "pi", "hub": "IOTHUB_CONNECTION", "host_port": 8080, "scoring_host": "tag:net.lan"},
        {"device": "pi", "create_options": {"HostConfig": {"PortBindings": {"5001/tcp": [{"HostPort": "80"}]}}}},
        {"target_condition": "tags.site = 'oslo'", "mode": "replace", "registry": REGISTRY, "startup_order": 0},
        {"device": "pi", "host_port": 8080, "scoring_host": "fe80::1"},
        {"device": "pi", "pull_from": "$upstream:443", "edge_registry": "mirror.example:5000/edge"},
        {"device": "pi", "twin": {"limit": 3, "nested": {"list": [1]}}},
    ],
)
def test_these_options_are_accepted(tmp_path: Path, options: dict[str, Any]) -> None:
    assert problem(tmp_path, **options) is None


leaves = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(st.characters(codec="utf-8"))
objects = st.dictionaries(st.text(st.characters(codec="utf-8")), leaves | st.lists(leaves, max_size=4), max_size=8)


@settings(max_examples=40)
@given(objects)
def test_create_options_are_restored_from_their_pieces(options: dict[str, Any]) -> None:
    pieces = split(options)
    assert joined({"settings": {"image": "a", **pieces}}) == options
    assert all(len(piece) <= CHUNK and piece.isascii() for piece in pieces.values())
    assert "".join(pieces.values()) == json.dumps(options, separators=(",", ":"))


HOSTILE = [
    "\n",
    "$(reboot)",
    "{{ secret }}",
    "../../etc",
    "-rf",
    "'; DROP",
    '"}',
    "\x00",
    "\u202e",
    "a b",
    "[[x]]",
    "#",
]
FIELDS: list[tuple[str, ...]] = [
    ("device",),
    ("target_condition",),
    ("module",),
    ("scoring_host",),
    ("platform",),
    ("edge_version",),
    ("restart_policy",),
    ("mode",),
    ("env", "NAME"),
    ("routes", "up"),
    ("labels", "site"),
    ("create_options", "Hostname"),
    ("registry", "address"),
    ("registry", "username"),
    ("registry", "name"),
]


@pytest.mark.slow
@settings(max_examples=100)
@given(st.sampled_from(FIELDS), st.sampled_from(HOSTILE), st.text("ab.", max_size=2))
def test_malicious_text_is_refused_or_passed_on_literally(
    tmp_path: Path, path: tuple[str, ...], hostile: str, before: str
) -> None:
    text = before + hostile
    whose = {} if path[0] == "target_condition" else {"device": "pi"}
    block: dict[str, Any] = {"host_port": 80, **whose}
    if path[0] == "registry":
        block["registry"] = dict(REGISTRY)
    holder = block if len(path) == 1 else block.setdefault(path[0], {})
    holder[path[-1]] = text
    if problem(tmp_path, **block) is not None:
        return
    options = IotEdgeOptions("h.azure-devices.net", **{**block, **_nested(block)})
    made = part(_request(options), VARIABLES)
    content = json.loads(json.dumps(layer(made)))[AGENT][f"properties.desired.modules.{made.name}"]
    carried: dict[str, Callable[[], object]] = {
        "env": lambda: content["env"]["NAME"]["value"],
        "create_options": lambda: joined(content)["Hostname"],
        "routes": lambda: made.routes["up"],
    }
    assert carried.get(path[0], lambda: _held(options, path))() == text


def _nested(block: dict[str, Any]) -> dict[str, Any]:
    return {"registry": Registry(**block["registry"])} if "registry" in block else {}


def _held(options: IotEdgeOptions, path: tuple[str, ...]) -> object:
    found = getattr(options, path[0])
    return found[path[1]] if isinstance(found, dict) else getattr(found, path[1]) if len(path) > 1 else found


class Variables:
    """The part of a context that returns secrets."""

    def secret(self, name: str) -> lading.Secret:
        return lading.Secret(name)


VARIABLES = cast("lading.Context", Variables())


def _request(options: IotEdgeOptions) -> lading.DeployRequest[IotEdgeOptions]:
    image = lading.Image(
        reference="registry.example/salary@sha256:" + 64 * "a", digest="sha256:" + 64 * "a", platform="linux/amd64"
    )
    deployment = lading.Deployment(service="salary", target="edge", options=options)
    return lading.DeployRequest(
        deployment=deployment,
        package=None,  # type: ignore[arg-type]  # no package is read
        release=1,
        release_id=16 * "1",
        tags={"lading.service": "salary"},
        image=image,
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("SharedAccessKeyName=a;SharedAccessKey=czNjcjN0", "HostName"),
        ("HostName=h.azure-devices.net;SharedAccessKey=czNjcjN0", "SharedAccessKeyName"),
        ("HostName=h.azure-devices.net;SharedAccessKeyName=a", "SharedAccessKey"),
        ("HostName=h.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=czNjcjN0!", "SharedAccessKey"),
        ("czNjcjN0", "HostName"),
    ],
)
def test_an_invalid_connection_string_is_reported_by_its_part_without_the_key(text: str, part: str) -> None:
    with pytest.raises(lading.BadInput, match=rf"\b{part}\b") as caught:
        parse("HUB", text)
    assert "czNjcjN0" not in f"{caught.value} {caught.value.hint} {parse('HUB', WHOLE)!r}"


@pytest.mark.parametrize(
    "name", ["", "repo:tag@sha256:" + 64 * "0", "a b", "https://registry.example/salary", "repo@sha256:0", "repo'"]
)
def test_an_agent_cannot_use_every_image_name(name: str) -> None:
    request = _request(IotEdgeOptions("h.azure-devices.net", device="pi"))
    with pytest.raises(lading.BadInput, match="a device cannot run the image"):
        reference(replace(request, image=lading.Image(reference=name, digest="", platform="linux/amd64")))


@pytest.mark.parametrize("name", ["salary:2", "registry.example/salary", "127.0.0.1:5000/a/b@sha256:" + 64 * "0"])
def test_an_agent_can_use_these_image_names(name: str) -> None:
    request = _request(IotEdgeOptions("h.azure-devices.net", device="pi"))
    assert reference(replace(request, image=lading.Image(reference=name, digest="", platform="linux/amd64"))) == name


@pytest.mark.parametrize(
    ("name", "pull_from", "expected"),
    [
        ("registry.example:5000/team/salary:1", "$upstream:443", "$upstream:443/team/salary:1"),
        ("team/salary:1", "mirror.example", "mirror.example/team/salary:1"),
        ("salary@sha256:" + 64 * "0", "mirror.example/hub", "mirror.example/hub/salary@sha256:" + 64 * "0"),
    ],
)
def test_devices_can_pull_from_another_host(name: str, pull_from: str, expected: str) -> None:
    request = _request(IotEdgeOptions("h.azure-devices.net", device="pi"))
    request = replace(request, image=lading.Image(reference=name, digest="", platform="linux/amd64"))
    assert reference(request, pull_from) == expected


def test_labels_on_the_hub_reach_no_other_variable() -> None:
    request = _request(IotEdgeOptions("h.azure-devices.net", device="pi", env={"A": "value of A"}))
    request = replace(request, deployment=replace(request.deployment, written={"env": {"A": "${A}"}}))
    module = part(request, VARIABLES).module
    kept = without_values(module, {}, {})
    assert "value of A" not in json.dumps(kept)
    assert with_values(kept, VARIABLES, ["A"])[0]["env"] == {"A": {"value": "A"}}
    with pytest.raises(lading.StageFailed, match="needs A, a variable that no manifest"):
        with_values(kept, VARIABLES, [])


@pytest.mark.parametrize("block", ["env", "routes"])
def test_the_limit_of_a_text_counts_bytes(tmp_path: Path, block: str) -> None:
    assert problem(tmp_path, device="pi", **{block: {"A": "é" * 2048}}) is None
    found = problem(tmp_path, device="pi", **{block: {"A": "é" * 2049}})
    assert found is not None
    assert (found.path, found.message) == (
        f"targets.iot-edge.{block}",
        "A has 4098 bytes, and a hub takes at most 4096",
    )
