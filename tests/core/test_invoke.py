"""A target that sends the requests itself: golden requests, scoring and batches pass through its hook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from tests.conftest import Shell
from tests.core.endpoints import at
from tests.waiting import LIMIT

from lading.engine.release.golden import ask_golden, ask_service
from lading.errors import StageFailed, Transient
from lading.model import GoldenRequest, InvokeAnswer, InvokeRequest

SCRIPT = """\
import json
import os

def init():
    global price
    price = float(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "price.txt")).read())

def run(raw_data):
    return [price * float(*(row.values() if isinstance(row, dict) else row)) for row in json.loads(raw_data)["data"]]
"""
MANIFEST = """\
version: 1
name: price
register: {model: price, file: price.txt}
package: {scoring_script: score.py, samples: [{request: {data: [[2]]}, response: [EXPECTED]}]}
targets: {private: {folder: FOLDER}}
"""
SAMPLE = GoldenRequest(request=1, response=[7])


@pytest.fixture
def price(shell: Shell, install: Callable[[str], Path]) -> Iterator[Shell]:
    shell.env["PYTHONPATH"] = str(install("minicloud"))
    shell.write("score.py", SCRIPT)
    write(shell, model="7", expected="14.0")
    yield shell
    write(shell, model="7", expected="14.0")


def write(shell: Shell, *, model: str, expected: str) -> None:
    shell.write("price.txt", model)
    text = MANIFEST.replace("FOLDER", str(shell.folder / "cloud")).replace("EXPECTED", expected)
    shell.write("lading.yaml", text)


def test_a_service_without_a_reachable_address_is_deployed_and_asked(price: Shell) -> None:
    assert "up" in price("deploy").err
    assert price("uri").out.strip() == "http://cloud.invalid/score"
    assert price("score", "-d", '{"data": [[3]]}').json() == [21.0]
    price.write("rows.csv", "x\n1\n2\n")
    price("score", "-d", "@rows.csv", "-o", "answers.csv")
    assert (price.folder / "answers.csv").read_text().splitlines()[1:] == ["1,7.0", "2,14.0"]


@pytest.mark.slow
def test_the_headers_of_a_candidate_choose_the_new_release(price: Shell) -> None:
    price("deploy")
    write(price, model="8", expected="14.0")
    refused = price("deploy", code=8).err
    assert "golden request 1" in refused
    assert "response[0] is 16.0, expected 14.0" in refused
    assert price("score", "-d", '{"data": [[3]]}').json() == [21.0]
    write(price, model="8", expected="16.0")
    price("deploy")
    assert price("score", "-d", '{"data": [[3]]}').json() == [24.0]


def answering(status: int, body: bytes = b"[7]", wait: str = "") -> Callable[[InvokeRequest], InvokeAnswer]:
    return lambda _request: InvokeAnswer(status=status, body=body, headers={"Retry-After": wait})


@pytest.mark.parametrize(("status", "up", "answered"), [(200, True, True), (503, False, False), (500, False, True)])
def test_an_answer_of_the_target_is_judged_like_one_over_http(status: int, up: bool, answered: bool) -> None:
    endpoint = at("http://cloud.invalid/score", answering(status))
    verdict = ask_golden(endpoint, [SAMPLE], end=None)
    assert (verdict.up, verdict.answered) == (up, answered)
    assert ask_service(endpoint, [], end=None).up is (status != 503)


def test_a_long_answer_is_refused_and_a_busy_service_says_how_long_to_wait() -> None:
    with pytest.raises(StageFailed, match=r"http://cloud\.invalid/score answers with more than 64 MiB"):
        at("http://cloud.invalid/score", answering(200, b"7" * ((64 << 20) + 1))).ask(b"1")
    busy = at("http://cloud.invalid/score", answering(429, wait="3")).ask(b"1")
    assert (busy.status, busy.retry_after) == (429, 3.0)


def test_a_target_that_does_not_end_is_too_late() -> None:
    ended = Event()

    def silent(_request: InvokeRequest) -> InvokeAnswer:
        ended.wait(LIMIT)
        raise Transient("ended")

    with pytest.raises(Transient, match=r"http://cloud\.invalid/score does not answer within 0\.05 s"):
        at("http://cloud.invalid/score", silent).ask(b"1", timeout=0.05)
    ended.set()
