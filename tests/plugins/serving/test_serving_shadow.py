"""Copies for a canary: their share, the comparison of the answers, and clients that notice nothing of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import FrameType

import pytest
from tests.plugins.serving.serving_kit import Service, ask
from tests.plugins.serving.split_kit import CHOICE, WAITING, Crowd, client, post, serve_with_canary, shift
from tests.waiting import eventually

from lading.engine.release import answers
from lading.engine.release.golden import decoded
from lading_serving.choice import COUNT_MARK, UNCOUNTED
from lading_serving.comparing import Output, difference, relative
from lading_serving.control import ComparedState
from lading_serving.messages import Response
from lading_serving.shares import Canary, Shares, shares_file

SCALED = """
    import json, os

    def init():
        pass

    def run(raw_data):
        with open("asked", "a") as file:
            file.write(raw_data + "\\n")
        scale = float(os.environ["SCALE"])
        return [[cell * scale, cell] for cell in json.loads(raw_data)["data"]]
"""


OTHER = Output(1, 1.0, 1.0)  # a value that is not a number, or an answer with another form


def serve_with_shadow(service: Service, shadow: int, scale: float = 1.01, script: str = SCALED) -> str:
    uri = service.serve(1, SCALED, {"SCALE": "1", COUNT_MARK: "5ec2e7"})
    service.add(2, script, {"SCALE": str(scale)})
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")
    shift(service, 0, shadow)
    return uri


def compared(service: Service, requests: int) -> ComparedState:
    """The sums when so many copies were compared."""

    def found() -> ComparedState | None:
        release = service.release(2)
        sums = release.get("compared") if release else None
        return sums if sums and sums["requests"] >= requests else None

    return eventually(found, f"{requests} copies are compared")


def test_copies_are_compared_and_never_returned(service: Service) -> None:
    uri = serve_with_shadow(service, 100)
    for cell in (100.0, 0.0):
        answer = ask(uri, json.dumps({"data": [cell, cell]}).encode())
        assert (answer.json, answer.headers[CHOICE]) == ([[cell, cell]] * 2, "stable")
    found = compared(service, 2)
    assert (found["requests"], found["equal"]) == (2, 1)
    (values, total, largest), second = found["outputs"]
    assert (values, round(total, 9), round(largest, 9)) == (4, round(2 * 0.01 / 1.01, 9), round(0.01 / 1.01, 9))
    assert list(second) == [4, 0, 0]
    assert found["old_seconds"] > 0
    assert found["new_seconds"] > 0


@pytest.mark.parametrize("shadow", [10, 50])
def test_exactly_the_given_share_is_copied(service: Service, shadow: int) -> None:
    uri = serve_with_shadow(service, shadow)
    with client(uri) as connection:
        for number in range(200):  # half of them are those of a comparison
            headers = {UNCOUNTED: "5ec2e7" if number % 2 else "1"}
            connection.request("POST", "/score", json.dumps({"data": [number]}), headers)
            connection.getresponse().read()
    compared(service, shadow)
    assert len((service.script_folder(2) / "asked").read_text().splitlines()) == shadow


def test_a_shadow_that_hangs_changes_nothing_for_clients(service: Service) -> None:
    uri = serve_with_canary(service, 0, WAITING)
    shift(service, 0, shadow=100)
    seen = Crowd(uri, clients=8).send(500)
    assert seen == {"200 1": 500}
    assert (service.script_folder(2) / "asked").exists()
    (service.script_folder(2) / "go").touch()
    with client(uri) as connection:
        assert post(connection)[1:] == ("1", "stable")
    assert compared(service, 64)["equal"] == 0


def test_a_shadow_that_breaks_changes_nothing_for_clients(service: Service) -> None:
    uri = serve_with_shadow(service, 100, script="import os\ndef init(): pass\ndef run(data): os._exit(1)")
    assert all(ask(uri, b'{"data": [1]}').json == [[1, 1]] for _ in range(20))


def test_large_requests_are_not_copied(service: Service) -> None:
    uri = serve_with_shadow(service, 100)
    assert ask(uri, json.dumps({"data": [1] * 100_000}).encode()).status == 200
    ask(uri, b'{"data": [1]}')
    assert compared(service, 1)["requests"] == 1


@pytest.mark.parametrize(
    ("old", "new", "is_equal", "outputs"),
    [
        ("[1, 2]", "[1, 2.5]", False, [Output(2, 0.2, 0.2)]),
        ("[1048576.0]", "[1048575.0]", True, [Output(1, 2**-20, 2**-20)]),
        ('[[1, "a"]]', '[[1, "b"]]', False, [Output(1), OTHER]),
        ('["a"]', '["a"]', True, [Output(1)]),
        ("[1]", "[1, 2]", False, [OTHER]),
        ('{"price": [100, 200]}', '{"cost": [100, 200.1]}', False, [OTHER]),
        ('{"price": [100, 200]}', '{"price": [100, 200.1, 3]}', False, [OTHER]),
        ('[{"price": 4}]', '[{"cost": 2}]', False, [OTHER]),
        ('[{"a": 1, "b": 4}, {"a": 1}]', '[{"a": 1, "b": 4}, {"b": 1}]', False, [Output(3, 1.0, 1.0)]),
        ('"[1, 4]"', '"[1, 2]"', False, [Output(2, 0.5, 0.5)]),
        ('"[1, 4]"', "[1, 4]", True, [Output(2)]),
        ('"yes"', '"yes"', True, [Output(1)]),
        ("[1]", "1", False, [OTHER]),
        ("[true]", "[1]", False, [OTHER]),
        ("[null]", "[null]", True, [Output(1)]),
        ("[null]", "[0]", False, [OTHER]),
        ("[]", "[]", True, []),
        ('[{"a": 1, "b": 4}]', '[{"b": 2, "a": 1}]', False, [Output(1), Output(1, 0.5, 0.5)]),
        ('{"outputs": [{"data": [1, 2]}]}', '{"outputs": [{"data": [1, 4]}]}', False, [Output(2, 0.5, 0.5)]),
        ("[NaN]", "[NaN]", True, [Output(1)]),
        ("[NaN]", "[1]", False, [Output(1, 2.0, 2.0)]),
        ("[1.0, 0.0]", "[1.0, 1.1e-16]", True, [Output(2)]),
        ("[1" + "0" * 400 + "]", "[1.5]", False, [Output(1, 2.0, 2.0)]),
        ("no json", "no json", True, []),
        ("no json", "no more", False, [OTHER]),
        ("[" * 100_000, "[1]", False, [OTHER]),
        ('{"a": 1}', '{"b": 1}', False, [OTHER]),
        ("[1, 2]", "[[1], [2]]", False, [Output(2, 2.0, 1.0)]),
        ('{"a": [1, 2]}', '{"a": [1, [2]]}', False, [Output(2, 1.0, 1.0)]),
        ("[[1, 2], [3]]", "[[1, 2], [3]]", True, [Output(3)]),
        ("[[1, 2], [3]]", "[[1], [2, 3]]", False, [Output(2, 2.0, 1.0)]),
        (
            '{"outputs": [{"name": "price", "data": [1, 2]}]}',
            '{"outputs": [{"name": "cost", "data": [1, 4]}]}',
            False,
            [Output(2, 0.5, 0.5), OTHER],
        ),
        ('{"outputs": [{"data": [1]}]}', '{"outputs": [{"data": [1]}, {"data": [2]}]}', False, [OTHER]),
    ],
)
def test_answers_are_compared_by_their_values(old: str, new: str, is_equal: bool, outputs: list[Output]) -> None:
    found = difference(Response(200, old.encode(), []), Response(200, new.encode(), []))
    assert (found.is_equal, list(found.outputs)) == (is_equal, outputs)
    if not old.startswith(("no", "[[[")):
        assert_compared_alike(old, new, max((output.largest for output in outputs), default=0.0))


def assert_compared_alike(old: str, new: str, largest: float) -> None:
    """`lading compare` and the golden answers of a deploy find the same difference as the server."""
    one, other = (decoded(json.loads(text), None) for text in (old, new))
    assert answers.most_different(list(answers.differences(one, other))) == largest


def test_rows_of_very_different_lengths_are_compared_in_linear_time() -> None:
    assert calls_to_compare(800) < 6 * calls_to_compare(200)  # a table of all cells would take 16 times as many


def calls_to_compare(width: int) -> int:
    """The number of function calls for an answer with one long row and `width` empty ones."""
    answer, calls = Response(200, f"[[{'0,' * width}0]{',[]' * width}]".encode(), []), 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        found = difference(answer, answer)
    finally:
        sys.setprofile(None)
    assert found == (True, (Output(width + 1),))
    return calls


def test_answers_with_different_statuses_are_not_equal() -> None:
    assert difference(Response(200, b"[1]", []), Response(500, b"[1]", [])) == (False, (OTHER,))
    assert difference(Response(422, b"[1]", []), Response(500, b"[1]", [])) == (False, (OTHER,))


@pytest.mark.parametrize("status", [400, 422, 500])
def test_answers_with_the_same_error_status_are_equal(status: int) -> None:
    assert difference(Response(status, b"no column x", []), Response(status, b"[1]", [])) == (True, ())


def test_a_relative_difference_is_at_most_two() -> None:
    assert relative(-3, 3) == 2
    assert relative(0, 5) == 1
    assert relative(float("inf"), 5) == 2


NUMBERS = (0, 0.0, 1.1e-16, 1e-9, 1e-8, 1, 1.5, -3, 1e308, -1e308, 10**400, *map(float, ("inf", "-inf", "nan")))


@pytest.mark.parametrize("old", NUMBERS, ids=lambda number: str(number)[:9])
@pytest.mark.parametrize("new", NUMBERS, ids=lambda number: str(number)[:9])
def test_the_engine_compares_numbers_in_the_same_way(old: float, new: float) -> None:
    assert answers.relative(old, new) == relative(old, new)


def test_shares_are_read_back_and_a_new_canary_begins_with_empty_sums() -> None:
    shares = Shares(shares_file())
    reader = Shares(os.dup(shares.file))
    assert reader.canary is None
    canary = Canary(2**31 - 1, 65535, 100, 99, is_reachable=True)
    shares.set_canary(canary)
    assert reader.canary == canary
    many = difference(*[Response(200, json.dumps([[value] * 40]).encode(), []) for value in (1, 2)])
    reader.add(many, 0.5, 0.25)
    found = shares.compared()
    assert (found.requests, found.equal, found.old_seconds, found.new_seconds) == (1, 0, 0.5, 0.25)
    assert [output.values for output in found.outputs] == [1] * 31 + [9]
    assert (found.largest, found.mean) == (0.5, 0.5)
    shares.set_canary(canary._replace(weight=5))
    assert shares.compared() == found
    shares.set_canary(None)
    assert reader.canary is None
    shares.set_canary(canary._replace(release=7))
    assert shares.compared().requests == 0


def test_a_killed_owner_of_the_lock_blocks_nobody(tmp_path: Path) -> None:
    shares = Shares(shares_file())
    asked, tells = os.pipe()
    if (child := os.fork()) == 0:
        with shares._locked(1):
            os.write(tells, b"1")
            os.kill(os.getpid(), 9)
    os.read(asked, 1)
    assert sum(shares.takes_next(10) for _ in range(100)) == 10
    os.waitpid(child, 0)
