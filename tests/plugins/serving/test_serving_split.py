"""A canary: its share of the requests, the choice of a release, and failures of the canary."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.plugins.serving.serving_kit import FATAL, HEAD, Service, ask, connect, processes, read_all
from tests.plugins.serving.split_kit import (
    CHOICE,
    JSON,
    WAITING,
    Crowd,
    client,
    post,
    serve_with_canary,
    shift,
    until_shifted,
)
from tests.waiting import eventually

MODEL = """
    def init():
        pass

    def run(raw_data):
        return ["{answer}"]

    def lading_schema():
        output = {{"name": "pay", "kind": "text", "classes": None}}
        return {{"columns": [], "outputs": [output], "methods": ["predict"]}}
"""


@pytest.mark.parametrize("weight", [1, 10, 50])
def test_the_canary_gets_exactly_its_share_of_any_hundred_requests(service: Service, weight: int) -> None:
    uri = serve_with_canary(service, weight)
    with client(uri) as connection:
        answers = [post(connection) for _ in range(300)]
    assert {(status, content, release) for status, content, release in answers} == {
        (200, "1", "stable"),
        (200, "2", "canary"),
    }
    places = [place for place, answer in enumerate(answers) if answer[2] == "canary"]
    assert len(places) == 3 * weight
    assert {later - earlier for earlier, later in pairwise(places)} == {100 // weight}


@pytest.mark.parametrize("weight", [1, 10, 50])
def test_the_share_is_exact_among_workers_and_many_connections(service: Service, weight: int) -> None:
    uri = serve_with_canary(service, weight, workers=3)
    assert Crowd(uri, clients=16).send(1000) == {"200 2": 10 * weight, "200 1": 1000 - 10 * weight}


def test_a_new_weight_reaches_clients_that_keep_their_connection(service: Service) -> None:
    uri = serve_with_canary(service, 0)
    with client(uri) as connection:
        assert {post(connection)[1] for _ in range(20)} == {"1"}
        shift(service, 100)
        assert {post(connection)[1] for _ in range(20)} == {"2"}


def test_a_client_chooses_its_release_and_is_not_counted(service: Service) -> None:
    uri = serve_with_canary(service, 50)
    with client(uri) as connection:
        seen = Counter[str]()
        for _ in range(50):
            assert post(connection, {CHOICE: "canary"})[1:] == ("2", "canary")
            assert post(connection, {CHOICE: "canary"})[1:] == ("2", "canary")
            assert post(connection, {CHOICE: "stable"})[1:] == ("1", "stable")
            seen[post(connection)[1]] += 1
        assert seen == {"1": 25, "2": 25}
        status, content, _release = post(connection, {CHOICE: "newest"})
        assert (status, content["message"]) == (400, "the header x-lading-release is expected to be stable or canary")


def test_without_a_canary_no_answer_names_a_release(service: Service) -> None:
    uri = service.serve()
    with client(uri) as connection:
        assert post(connection)[2] == ""
        assert post(connection, {CHOICE: "stable"})[0] == 200
        status, content, _release = post(connection, {CHOICE: "canary"})
        assert status == 400
        assert content["message"] == "the header x-lading-release chooses the canary, but this service has none"


def test_health_and_documents_stay_at_the_stable_release(service: Service) -> None:
    uri = serve_with_canary(service, 100, FATAL)
    for method, path in (("GET", "/"), ("GET", "/swagger.json"), ("GET", "/v2/health/ready")):
        answer = ask(uri, None, method, path=path)
        assert (answer.status, answer.headers.get(CHOICE)) == (200, None)
    for method, status in (("OPTIONS", 200), ("HEAD", 405), ("PUT", 405)):  # the stable release answers them
        answer = ask(uri, None, method)
        assert (answer.status, answer.headers.get(CHOICE)) == (status, "stable")


def test_the_private_address_of_the_stable_release_is_not_split(service: Service) -> None:
    serve_with_canary(service, 100)
    stable = service.until(1, "serving")
    assert ask(stable["uri"]).json == "1"
    assert ask(stable["public_uri"]).json == "2"


def test_the_canary_gets_the_headers_of_the_client(service: Service) -> None:
    script = """
        def init():
            pass

        def run(raw_data, request_headers):
            return [raw_data, {name.lower(): value for name, value in request_headers.items()}]
    """
    uri = serve_with_canary(service, 100, script)
    headers = {**JSON, "authorization": "Bearer k", "x-request-id": "r7", "traceparent": "00-ab-cd-01"}
    answer = ask(uri, b'{"a": 1}', headers=headers)
    raw, seen = answer.json
    assert raw == '{"a": 1}'
    assert {name: seen[name] for name in headers} == headers
    assert (answer.headers["x-request-id"], answer.headers[CHOICE]) == ("r7", "canary")
    names = [name for name, _ in answer.pairs]
    assert sorted(names) == sorted(set(names))
    assert ask(uri, None, "GET", path="/score?a=%20b&c=1").json[0] == '{"a": " b", "c": 1}'


def test_the_stable_release_answers_if_the_canary_breaks(service: Service) -> None:
    uri = serve_with_canary(service, 50, FATAL)
    seen = Crowd(uri, clients=4).send(100)
    assert seen == {"200 1": 100}
    with client(uri) as connection:
        assert post(connection)[1:] == ("1", "stable")
        status, content, _release = post(connection, {CHOICE: "canary"})
        assert (status, content) == (503, {"message": "the canary does not answer"})


def test_a_refusal_has_an_id_and_is_logged_and_counted(service: Service) -> None:
    uri = serve_with_canary(service, 0, FATAL)
    for choice, status in (("newest", 400), ("canary", 503)):
        given = ask(uri, headers={**JSON, CHOICE: choice, "x-request-id": f"r-{choice}"})
        made = ask(uri, headers={**JSON, CHOICE: choice})
        assert (given.status, given.headers["x-request-id"]) == (status, f"r-{choice}")
        assert (made.status, len(made.headers["x-request-id"])) == (status, 36)
    metrics = ask(uri, None, "GET", {}, "/metrics").body.decode()
    for status in (400, 503):
        assert re.search(rf'lading_requests_total{{[^}}]*method="POST",[^}}]*status="{status}"}} 2\.0', metrics)
    eventually(lambda: {" 400 " in line for line in logged(service, "r-newest")} == {True}, "the line of a refusal")
    eventually(lambda: {" 503 " in line for line in logged(service, "r-canary")} == {True}, "the line of another one")


def logged(service: Service, request_id: str) -> list[str]:
    """The lines of the log about one request."""
    return [line for line in service.log(1).splitlines() if f"id={request_id}" in line]


def test_a_request_to_a_canary_without_a_worker_is_answered_by_the_stable_release(service: Service) -> None:
    uri = serve_with_canary(service, 100, WAITING)
    (canary,) = [pid for pid, line in processes().items() if str(service.folder.release(2)) in line]
    with client(uri) as first:
        first.request("POST", "/score", b"{}", JSON)
        until_asked(service)
        (service.script_folder(2) / "score.py").write_text("raise ValueError")
        os.kill(canary, signal.SIGKILL)
        assert first.getresponse().read() == b'"1"'
    service.until(2, "failed")
    with client(uri) as connection:
        assert post(connection)[1:] == ("1", "stable")


def test_a_hung_canary_blocks_no_other_connection_and_pipelined_requests_keep_their_order(service: Service) -> None:
    uri = serve_with_canary(service, 0, WAITING)
    canary = HEAD + f"{CHOICE}: canary\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    stable = HEAD + b"Content-Length: 2\r\n\r\n{}"
    with connect(uri) as pipelined, client(uri) as other:
        pipelined.sendall(stable + canary + stable)
        until_asked(service)
        assert [post(other)[1] for _ in range(20)] == ["1"] * 20
        (service.script_folder(2) / "go").touch()
        received = b""
        while received.count(b"HTTP/1.1 200") < 3 or received[-3:-2] != b'"':
            received += pipelined.recv(65536)
    answers = [part.partition(b"\r\n\r\n")[2][:3] for part in received.split(b"HTTP/1.1 200")[1:]]
    assert answers == [b'"1"', b'"2"', b'"1"']


def test_clients_that_leave_while_they_wait_keep_no_place_at_the_canary(service: Service) -> None:
    uri = serve_with_canary(service, 100, WAITING)
    canary = service.release(2)
    assert canary
    port = urlsplit(canary["uri"]).port or 0
    clients = [connect(uri) for _ in range(5)]
    for sock in clients:
        sock.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
    eventually(lambda: connections_to(port) == 5, "all wait for the canary")
    clients[0].shutdown(socket.SHUT_WR)  # it still reads
    for sock in clients[1:]:
        sock.close()
    eventually(lambda: connections_to(port) == 1, "those that have left wait no more")
    (service.script_folder(2) / "go").touch()
    with clients[0] as sock:
        assert read_all(sock).endswith(b'\r\n\r\n"2"')


def connections_to(port: int) -> int:
    """The open connections to a port of this machine, from their clients' side."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_an_aborted_canary_finishes_its_requests(service: Service) -> None:
    uri = serve_with_canary(service, 100, WAITING)
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(uri).json))
    waiting.start()
    until_asked(service)
    service.desire(serving=1)
    service.until(2, "draining")
    assert ask(uri).json == "1"
    (service.script_folder(2) / "go").touch()
    waiting.join()
    assert answers == ["2"]
    service.until_gone(2)
    assert len(service.workers()) == 1


def test_no_request_fails_from_canary_to_promotion(service: Service) -> None:
    uri = service.serve(1, workers=2)
    crowd = Crowd(uri, clients=4)
    crowd.start()
    for number in (2, 3):
        service.add(number, workers=2)
        service.desire(serving=number - 1, candidate=number)
        service.until(number, "ready")
        service.desire(serving=number - 1, canary=number, weight=50)
        until_shifted(service, 50, number=number)
        service.desire(serving=number)
        service.until(number, "serving")
        service.until_gone(number - 1)
    assert crowd.stop().keys() == {"200 {}"}


def test_another_model_at_the_canary_leaves_its_path_to_the_stable_release(service: Service) -> None:
    for number, name in ((1, "pay"), (2, "other")):
        service.add(number, MODEL.format(answer=number), {"AZUREML_MODEL_DIR": f"/models/{name}/1"})
    service.desire(serving=1)
    uri = service.until(1, "serving")["public_uri"]
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")
    shift(service, 100)
    body = b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 1], "data": [1]}]}'
    answer = ask(uri, body, path="/v2/models/pay/infer")
    assert (answer.status, answer.headers[CHOICE]) == (200, "stable")
    assert answer.json["outputs"][0]["data"] == ["1"]
    assert ask(uri).json == ["2"]


def until_asked(service: Service) -> None:
    eventually((service.script_folder(2) / "asked").exists, "the canary is asked")
