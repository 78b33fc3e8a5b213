"""The requests to an engine, one by one, and the reading of its responses."""

from __future__ import annotations

import io
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.docker.docker_kit import SHA, lacks, stream
from tests.plugins.wire import Wire

from lading import Json, LadingError, StageFailed, Transient
from lading_docker.engine import Built, Engine, asking
from lading_docker.failures import failure

REFUSED_BY_REGISTRIES = [
    "toomanyrequests: You have reached your pull rate limit",
    "denied: requested access to the resource is denied",
    "UNAUTHORIZED: authentication required",
    "manifest unknown: manifest unknown",
    "manifest for python:9 not found",
    "Get https://r.example/v2/: dial tcp: lookup r.example: no such host",
    "net/http: TLS handshake timeout",
    "dial tcp 192.0.2.1:443: connect: connection refused",
    "x509: certificate signed by unknown authority",
]
HINTS = ["limit", "signs in", "signs in", "its tag", "its tag", "reach", "reach", "reach", "certificate"]


def test_the_engine_is_asked_for_its_version_once(wire: Wire) -> None:
    Engine()
    assert wire.lines == ["GET /version"]
    assert wire.sent[0].host == "engine.example:2375"


@pytest.mark.parametrize(
    ("told", "platform"),
    [
        ({"Os": "linux", "Architecture": "amd64"}, "linux/amd64"),
        ({"Os": "linux", "Architecture": "arm64", "Variant": "v8"}, "linux/arm64/v8"),
        ({"Os": "linux", "Architecture": "amd64", "Variant": ""}, "linux/amd64"),
        ({"Os": "windows", "Architecture": "amd64", "Variant": None}, "windows/amd64"),
    ],
)
def test_the_platform_of_an_image_is_composed(wire: Wire, told: dict[str, Any], platform: str) -> None:
    wire.answer("GET", "/images/price:1/json", {"Id": SHA, "Config": {"Labels": {"a": "b"}}, **told})
    assert Engine().find("price:1") == Built(id=SHA, platform=platform, labels={"a": "b"})


@pytest.mark.parametrize("config", [{}, {"Config": None}, {"Config": {}}, {"Config": {"Labels": None}}])
def test_an_image_without_labels_has_none(wire: Wire, config: dict[str, Any]) -> None:
    wire.answer("GET", "/images/price:1/json", {"Id": SHA, "Os": "linux", "Architecture": "arm", **config})
    found = Engine().find("price:1")
    assert found is not None
    assert found.labels == {}


def test_a_missing_image_is_not_a_failure(wire: Wire) -> None:
    lacks(wire, "price:1")
    assert Engine().find("price:1") is None


def test_an_error_while_looking_for_an_image_is_a_failure(wire: Wire) -> None:
    wire.answer("GET", "/images/price:1/json", {"message": "layer  does not\nexist"}, 500)
    with pytest.raises(StageFailed) as caught:
        Engine().find("price:1")
    assert caught.value.message == "the image price:1: layer does not exist"


@pytest.mark.parametrize(
    ("image", "query"),
    [
        ("python:3.11-slim", {"fromImage": "python", "tag": "3.11-slim"}),
        ("python", {"fromImage": "python", "tag": "latest"}),
        ("r.example:5000/team/python", {"fromImage": "r.example:5000/team/python", "tag": "latest"}),
        ("r.example:5000/python:3", {"fromImage": "r.example:5000/python", "tag": "3"}),
        (f"python@{SHA}", {"fromImage": "python", "tag": SHA}),
        (f"r.example:5000/python@{SHA}", {"fromImage": "r.example:5000/python", "tag": SHA}),
    ],
)
def test_a_pull_names_the_image_in_the_form_of_the_engine(wire: Wire, image: str, query: dict[str, str]) -> None:
    stream(wire, "/images/create", {"status": "Pulling from library/python"})
    assert list(Engine().pull(image)) == ["Pulling from library/python"]
    (asked,) = wire.like("POST", "/images/create")
    assert asked.path == "/v1.41/images/create"
    assert asked.query == query


def test_a_pull_can_request_a_platform(wire: Wire) -> None:
    stream(wire, "/images/create", {"status": "Pulling"})
    list(Engine().pull("python:3.11", "linux/arm64"))
    assert wire.sent[-1].query == {"fromImage": "python", "tag": "3.11", "platform": "linux/arm64"}


def test_a_build_is_one_request_with_its_arguments(wire: Wire) -> None:
    stream(wire, "/build", {"stream": "Successfully built 1d\n"})
    arguments = {"BASE": "python:3.11-slim", "SCRIPT": "azureml-app/$(id).py"}
    assert list(Engine().build(io.BytesIO(b"a tar"), "price:1", arguments, None)) == ["Successfully built 1d"]
    (asked,) = wire.like("POST", "/build")
    assert asked.body == b"a tar"
    assert asked.headers["content-type"] == "application/tar"
    query = {**asked.query, "buildargs": json.loads(asked.query["buildargs"])}
    assert query == {
        "t": "price:1",
        "q": "False",
        "nocache": "False",
        "pull": "False",
        "rm": "True",
        "forcerm": "True",
        "buildargs": arguments,
    }


def test_a_build_can_request_a_platform(wire: Wire) -> None:
    stream(wire, "/build", {"stream": ""})
    list(Engine().build(io.BytesIO(), "price:1", {}, "linux/arm64"))
    assert wire.sent[-1].query["platform"] == "linux/arm64"


@pytest.mark.parametrize("credentials", [{"username": "ann", "password": "s3cr3t"}, None])
def test_a_push_signs_in_with_the_given_credentials(wire: Wire, credentials: dict[str, str] | None) -> None:
    stream(wire, "/push", {"status": "Pushed", "id": "5f"})
    assert list(Engine().push("r.example:5000/team/price:abc", credentials)) == ["5f Pushed"]
    (asked,) = wire.like("POST", "/push")
    assert (asked.path, asked.query) == ("/v1.41/images/r.example:5000/team/price/push", {"tag": "abc"})
    header = asked.headers.get("x-registry-auth", "").removeprefix("b'").removesuffix("'")
    assert (json.loads(urlsafe_b64decode(header)) if header else None) == credentials


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ({"stream": "Step 1/9 : ARG BASE\n"}, ["Step 1/9 : ARG BASE"]),
        ({"stream": "one\ntwo\r\n\n  three  \n"}, ["one", "two", "three"]),
        ({"stream": " ---> 5f2a\n"}, []),
        ({"stream": "Removing intermediate container 5f\n"}, []),
        ({"stream": "\x1b[31mERROR\x1b[0m: no such package\n"}, ["ERROR: no such package"]),
        ({"stream": "\x1b[1;33mwarning\x1b[m"}, ["warning"]),
        ({"status": "Pull complete", "id": "5f"}, ["5f Pull complete"]),
        ({"status": "Digest: sha256:1"}, ["Digest: sha256:1"]),
        ({"status": "Pulling fs layer", "progressDetail": {}, "id": "5f"}, ["5f Pulling fs layer"]),
        ({"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "5f"}, []),
        ({"aux": {"ID": "sha256:1"}}, []),
        ({}, []),
    ],
)
def test_an_event_is_shown_as_lines(wire: Wire, event: dict[str, Any], lines: list[str]) -> None:
    stream(wire, "/build", event)
    assert list(Engine().build(io.BytesIO(), "price:1", {}, None)) == lines


def test_lines_come_before_the_failure_that_ends_them(wire: Wire) -> None:
    stream(wire, "/build", {"stream": "Step 1\n"}, {"error": "RUN  returned\n1"}, {"stream": "never\n"})
    steps = Engine().build(io.BytesIO(), "price:1", {}, None)
    assert next(steps) == "Step 1"
    with pytest.raises(StageFailed) as caught:
        next(steps)
    assert caught.value.message == "building the image: RUN returned 1"


def test_a_push_refused_by_the_registry_is_transient(wire: Wire) -> None:
    stream(wire, "/push", {"status": "Preparing", "id": "5f"}, {"error": "denied: no such team"})
    with pytest.raises(Transient) as caught:
        list(Engine().push("r.example/price:1", None))
    assert caught.value.message == "pushing r.example/price:1: denied: no such team"
    assert caught.value.hint == "`docker login` signs in; for a push, `credentials:` under image can too"


@pytest.mark.parametrize(("said", "hint"), list(zip(REFUSED_BY_REGISTRIES, HINTS, strict=True)))
@pytest.mark.parametrize("what", ["pulling python:3.11", "pushing r.example/price:1"])
def test_a_refusal_by_a_registry_is_transient_and_has_its_own_hint(what: str, said: str, hint: str) -> None:
    found = failure(what, said)
    assert isinstance(found, Transient)
    assert hint in (found.hint or "")
    assert found.message == f"{what}: {said}"


@pytest.mark.parametrize("said", REFUSED_BY_REGISTRIES)
@pytest.mark.parametrize("what", ["building the image", "the image price:1", "the container engine"])
def test_the_same_words_in_another_step_are_a_failure(what: str, said: str) -> None:
    assert isinstance(failure(what, said), StageFailed)


@pytest.mark.parametrize("what", ["building the image", "pulling x", "pushing x", "creating the container x"])
def test_a_full_disk_is_transient_in_every_step(what: str) -> None:
    found = failure(what, "write /var/lib/docker/tmp:\n No space left on device")
    assert isinstance(found, Transient)
    assert found.message == f"{what}: the engine's disk is full: write /var/lib/docker/tmp: No space left on device"
    assert found.hint == "`docker system prune` removes unused data"


@given(what=st.sampled_from(["pulling x", "building the image"]), said=st.text())
def test_a_failure_is_one_line(what: str, said: str) -> None:
    message = failure(what, said).message
    assert message.startswith(what)
    assert len(message.splitlines()) == 1


def lost() -> Exception:
    return requests.ConnectionError("refused")


def late() -> Exception:
    return requests.ReadTimeout("600 s")


@pytest.mark.parametrize("error", [lost, late, lambda: OSError("gone"), lambda: BrokenPipeError(32, "broken pipe")])
@pytest.mark.parametrize(
    ("method", "path", "ask", "what"),
    [
        ("GET", "/images/a/json", lambda engine: engine.find("a"), "the image a"),
        ("POST", "/images/create", lambda engine: list(engine.pull("a:1")), "pulling a:1"),
        ("POST", "/push", lambda engine: list(engine.push("a:1", None)), "pushing a:1"),
        ("GET", "/containers/c/json", lambda engine: engine.container("c"), "the container c"),
        (
            "POST",
            "/build",
            lambda engine: list(engine.build(io.BytesIO(), "a:1", {}, None)),
            "building the image",
        ),
    ],
)
def test_a_lost_engine_is_reported_with_the_step(
    wire: Wire, method: str, path: str, ask: Callable[[Engine], Any], what: str, error: Callable[[], Exception]
) -> None:
    wire.fail(method, path, error)
    engine = Engine()
    with pytest.raises(Transient) as caught:
        ask(engine)
    assert caught.value.message == f"{what}: no container engine answers at tcp://engine.example:2375"
    assert caught.value.hint == "start Docker or Podman, or set DOCKER_HOST to its address"


@pytest.mark.parametrize("cut", ['ff\r\n{"stream": "Step 1"}\n', '9\r\n{"stream"\r\n0\r\n\r\n'])
@pytest.mark.parametrize(
    ("path", "ask", "what"),
    [
        ("/build", lambda engine: list(engine.build(io.BytesIO(), "a:1", {}, None)), "building the image"),
        ("/push", lambda engine: list(engine.push("a:1", None)), "pushing a:1"),
        ("/images/create", lambda engine: list(engine.pull("a:1")), "pulling a:1"),
    ],
)
def test_an_engine_that_is_lost_in_the_middle_is_reported_with_the_step(
    wire: Wire, path: str, ask: Callable[[Engine], Any], what: str, cut: str
) -> None:
    wire.answer("POST", path, cut, Transfer_Encoding="Chunked")
    engine = Engine()
    with pytest.raises(Transient, match=rf"^{what}: no container engine answers at tcp://engine.example:2375$"):
        ask(engine)


def test_a_missing_engine_is_reported(wire: Wire) -> None:
    wire.answers.clear()
    wire.fail("GET", "/version", lost)
    with pytest.raises(Transient, match=r"^the container engine: no container engine answers at tcp://"):
        Engine()


def test_a_container_has_the_engines_description(wire: Wire) -> None:
    wire.answer("GET", "/containers/price/json", {"Id": "5f", "State": {"ExitCode": 137}})
    assert Engine().container("price") == {"Id": "5f", "State": {"ExitCode": 137}}


def test_a_missing_container_is_not_a_failure(wire: Wire) -> None:
    wire.answer("GET", "/containers/price/json", {"message": "No such container: price"}, 404)
    assert Engine().container("price") is None


def test_an_error_while_describing_a_container_is_a_failure(wire: Wire) -> None:
    wire.answer("GET", "/containers/price/json", {"message": "permission denied"}, 403)
    with pytest.raises(StageFailed, match=r"^the container price: permission denied$"):
        Engine().container("price")


def test_a_lading_error_passes_unchanged() -> None:
    ours = StageFailed("said already")
    with pytest.raises(LadingError) as caught, asking("the image"):
        raise ours
    assert caught.value is ours


@pytest.mark.parametrize(
    ("driver", "podman", "bound"),
    [
        ("json-file", "", {"type": "json-file", "config": {"max-size": "4m", "max-file": "2"}}),
        ("", "k8s-file", {"type": "k8s-file", "config": {"max-size": "4m"}}),
        ("", "journald", None),
        ("journald", "", None),
        ("", "", None),
    ],
)
def test_a_log_without_a_limit_gets_one(wire: Wire, driver: str, podman: str, bound: Json) -> None:
    """Docker's API of Podman leaves out the driver of logs. Podman's API has it."""
    facts: Json = {"host": {"logDriver": podman}} if podman else {"message": "page not found"}
    wire.answer("GET", "/libpod/info", facts, 200 if podman else 404)
    wire.answer("GET", "/info", {"LoggingDriver": driver})
    assert Engine().log_bound() == bound
