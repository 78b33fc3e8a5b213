"""`auth: key` of the target `local`: keys that survive restarts and releases, and that nobody else sees."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.targets.local.local_kit import LocalService, Recorder, kill_supervisor, uri_of
from tests.targets.local.test_local_canary import deploy_beside

from lading import BadInput, Candidate, Deployment, Keys, Ready, Refused, StageFailed, Verdict
from lading_local import lading_keys
from lading_local.options import LocalOptions, Metrics
from lading_serving.json_files import write_json

ENVIRONMENT = """
    import os

    def init():
        pass

    def run(raw_data):
        return dict(os.environ)
"""


def keys_of(service: LocalService, rotate: str | None = None, context: Recorder | None = None) -> Keys:
    deployment = Deployment(service="salary", target="local", options=LocalOptions())
    return lading_keys(deployment, context or service.context, rotate)


def texts(keys: Keys) -> tuple[str, str]:
    assert keys.primary is not None
    assert keys.secondary is not None
    return keys.primary.reveal(), keys.secondary.reveal()


def status(service: LocalService, key: str = "", path: str = "/score") -> int:
    with closing(http.client.HTTPConnection(urlsplit(uri_of(service)).netloc, timeout=60)) as connection:
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        connection.request("POST" if path == "/score" else "GET", path, b"{}" if path == "/score" else None, headers)
        return connection.getresponse().status


def test_a_protected_service_answers_both_keys_and_nobody_else(service: LocalService) -> None:
    service.deploy(1, auth="key")
    primary, secondary = texts(keys_of(service))
    assert primary != secondary
    assert min(len(primary), len(secondary)) == 43
    assert [status(service, key) for key in (primary, secondary, "", "other")] == [200, 200, 401, 401]
    assert status(service, path="/") == 200
    assert status(service, path="/metrics") == 401


def test_metrics_can_be_open(service: LocalService) -> None:
    service.deploy(1, auth="key", metrics=Metrics(auth="none"))
    assert status(service, path="/metrics") != 401
    assert status(service) == 401


def test_the_keys_stay_through_releases_and_a_killed_supervisor(service: LocalService) -> None:
    service.deploy(1, auth="key")
    keys = texts(keys_of(service))
    service.deploy(2, ENVIRONMENT, auth="key")
    kill_supervisor(service)
    service.until(replace(service.request(2, ENVIRONMENT, auth="key"), verdict=Verdict(up=True)), Ready)
    assert texts(keys_of(service)) == keys
    assert status(service, keys[0]) == 200


@pytest.mark.parametrize("which", ["primary", "secondary"])
def test_a_rotated_key_is_valid_at_once_and_the_other_one_stays(service: LocalService, which: str) -> None:
    service.deploy(1, auth="key", workers=2)
    before, supervisor = texts(keys_of(service)), service.folder.state()["pid"]
    after = texts(keys_of(service, which))
    number = ("primary", "secondary").index(which)
    assert [old == new for old, new in zip(before, after, strict=True)] == [number != place for place in (0, 1)]
    for _ in range(8):
        assert [status(service, key) for key in (*after, before[number])] == [200, 200, 401]
    assert texts(keys_of(service)) == after
    state = service.folder.state()
    assert (state["pid"], state["releases"]["1"]["restarts"]) == (supervisor, 0)
    assert f"local/salary/key/{which}" in service.context.intents


def test_a_key_is_in_one_private_file_alone(service: LocalService) -> None:
    service.deploy(1, ENVIRONMENT, auth="key")
    old, new = texts(keys_of(service)), texts(keys_of(service, "primary"))
    holders = {
        path.name
        for path in service.root.rglob("*")
        if path.is_file() and any(key.encode() in path.read_bytes() for key in (*old, *new))
    }
    assert holders == {"keys.json"}
    assert (service.context.work / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (service.context.work / "digests").stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["ps", "-Awweo", "command="], capture_output=True, text=True, check=True).stdout
    assert [key for key in (*old, *new) if key in shown] == []


def test_an_open_service_has_no_keys(service: LocalService) -> None:
    service.deploy(1)
    assert keys_of(service) == Keys(primary=None)
    with pytest.raises(BadInput, match="requests to salary carry no key, so none can be rotated"):
        keys_of(service, "primary")
    assert not (service.context.work / "keys.json").exists()


def test_a_service_that_is_not_deployed_has_no_keys(service: LocalService) -> None:
    with pytest.raises(StageFailed, match=r"^salary is not deployed$"):
        keys_of(service)


def test_the_way_back_to_an_open_service_needs_no_key(service: LocalService) -> None:
    service.deploy(1, auth="key")
    keys = texts(keys_of(service))
    service.deploy(2)
    assert keys_of(service) == Keys(primary=None)
    assert status(service) == 200
    service.deploy(3, auth="key")
    assert texts(keys_of(service)) == keys


def test_a_candidate_with_keys_is_asked_with_one_while_an_open_release_serves(service: LocalService) -> None:
    service.deploy(1)
    service.until(service.request(2, auth="key"), Candidate)
    primary, _ = texts(keys_of(service))
    assert status(service, primary) == 200


def test_a_delete_removes_the_keys(service: LocalService) -> None:
    service.deploy(1, auth="key")
    old = texts(keys_of(service))
    service.delete()
    assert [*service.context.work.iterdir()] == []
    service.deploy(2, auth="key")
    assert not {*old} & {*texts(keys_of(service))}


@pytest.mark.parametrize("content", [{"primary": "k" * 43, "secondary": "l" * 43}, {"primary": "k"}, [], "key"])
def test_planted_keys_are_refused(service: LocalService, content: object) -> None:
    write_json(service.context.work / "keys.json", content)
    with pytest.raises(Refused, match=r"keys\.json (has keys that are not in the store's history|is not what)"):
        service.deploy(1, auth="key")


def test_planted_digests_are_replaced_before_a_release_starts(service: LocalService) -> None:
    planted = service.context.work / "digests"
    planted.write_text("0" * 64 + "\n")
    planted.chmod(0o600)
    service.deploy(1, auth="key")
    assert planted.read_text().count("\n") == 2
    assert "0" * 64 not in planted.read_text()


def test_lost_keys_are_made_again_by_a_rotation(service: LocalService) -> None:
    service.deploy(1, auth="key")
    old = texts(keys_of(service))
    (service.context.work / "keys.json").unlink()
    with pytest.raises(StageFailed, match=r"^the keys of salary are lost$"):
        keys_of(service)
    new = texts(keys_of(service, "secondary"))
    assert [status(service, key) for key in (*new, *old)] == [200, 200, 401, 401]


KILLED = """
import os, signal, sys
from pathlib import Path
from lading import Deployment
from lading_local import lading_keys
from lading_local.options import LocalOptions
from tests.targets.local.local_kit import Recorder

left = [int(sys.argv[2])]
def count(event, arguments):
    if event == "os.rename" and sys.argv[1] in str(arguments[0]):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
deployment = Deployment(service="salary", target="local", options=LocalOptions())
lading_keys(deployment, Recorder(Path(sys.argv[1])), "primary")
"""


def test_a_rotation_that_is_killed_locks_nobody_out_and_is_repeated(service: LocalService) -> None:
    service.deploy(1, auth="key")
    first, secondary = texts(keys_of(service))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    codes = []
    for renames in (1, 2, 3, 4):
        argv = [sys.executable, "-c", KILLED, str(service.context.work), str(renames)]
        codes.append(subprocess.run(argv, env=environment, check=False, timeout=60).returncode)
        assert [status(service, key) for key in texts(keys_of(service))] == [200, 200]
    assert codes == [-9, -9, -9, 0]
    assert texts(keys_of(service))[0] != first
    assert texts(keys_of(service))[1] == secondary
    assert status(service, first) == 401


@pytest.mark.parametrize(("stable", "canary", "words"), [("none", "key", "no key"), ("key", "none", "a key")])
def test_a_canary_with_other_access_than_the_stable_release_is_refused(
    service: LocalService, stable: str, canary: str, words: str
) -> None:
    service.deploy(1, auth=stable)
    with pytest.raises(BadInput, match=f"the stable release asks for {words}, and its canary must do") as refused:
        deploy_beside(service, auth=canary)
    assert refused.value.option == "auth"
    deploy_beside(service, auth=stable)
    found = keys_of(service)
    assert (found.primary is not None) == (stable == "key")
