"""A hub that is slow, busy, silent or rejects the signature, and a killed command."""

from __future__ import annotations

import signal

import pytest
from tests.targets.iotedge.iotedge_kit import VARIABLE, Project
from tests.waiting import eventually

pytestmark = pytest.mark.slow

APPLY = "/applyConfigurationContent$"


@pytest.fixture
def pi(project: Project) -> Project:
    project.hub.add_device("pi")
    project.neighbours("pi", camera="camera:1")
    project.write(device="pi")
    return project


def applied(project: Project) -> int:
    """The number of changes of a device."""
    return sum("applyConfigurationContent" in call for call in project.writes)


def test_a_busy_hub_gets_the_waiting_time_that_it_requests(pi: Project) -> None:
    pi.hub.faults.answer(429, headers={"Retry-After": "1"}, method="POST", path=APPLY)
    assert "1 s: applying the content of pi: " in pi.deploy().err
    assert pi.status()["state"] == "running"


def test_a_hub_that_stays_unavailable_ends_the_command_but_not_the_release(pi: Project) -> None:
    pi.hub.faults.answer(503, headers={"Retry-After": "0"}, times=5, path="/devices/pi$")
    assert "503" in pi.deploy(code=5).err
    pi.deploy()
    assert (pi.status()["release"], applied(pi)) == (1, 1)


def test_a_lost_response_is_found(pi: Project) -> None:
    pi.hub.faults.drop_after(method="POST", path=APPLY)
    pi.deploy()
    assert applied(pi) == 1
    pi.hub.add_fleet(2, tags={"site": "oslo"})
    pi.hub.faults.drop_after(method="PUT", path="/configurations/")
    pi.write(target_condition="tags.site = 'oslo'", mode="replace")
    pi.deploy()
    assert len(pi.hub.state["configurations"]) == 1


def test_an_expired_signature_is_renewed_once(pi: Project) -> None:
    pi.hub.faults.expire_tokens(skip=3)
    pi.deploy()
    refused = [call.status for call in pi.hub.calls if call.status == 401]
    assert len(refused) == 1


def test_a_rejected_key_is_not_shown(pi: Project) -> None:
    wrong = "HostName=" + pi.hub.host + ";SharedAccessKeyName=iothubowner;SharedAccessKey=d3Jvbmcta2V5LW9mLW1pbmU="
    done = pi.deploy(code=6, **{VARIABLE: wrong})
    assert "IotHubUnauthorizedAccess" in done.err
    assert "check the policy and the key" in done.err
    assert "d3Jvbmcta2V5" not in done.err
    assert [call.status for call in pi.hub.calls] == [401, 401]


def test_a_page_of_a_proxy_and_a_wrong_clock_are_named(pi: Project) -> None:
    page = "<html><head><title>Sign in to the network</title></head></html>"
    pi.hub.faults.answer(200, page, headers={"Content-Type": "text/html"}, path="/devices/pi$")
    done = pi.deploy(code=5)
    assert "reading the device pi: a web page (Sign in to the network) with the status 200" in done.err
    date = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}
    pi.hub.faults.answer(401, {"Message": "ErrorCode:X;expired"}, headers=date, times=2, path="/devices/pi$")
    assert "hours ahead of the clock of" in pi.deploy(code=6).err
    pi.hub.faults.answer(429, headers={"Retry-After": "7200"}, path="/devices/pi$")
    assert "the hub asks to wait for 7200 s, which is after the time limit" in pi.deploy(code=5).err
    assert pi.writes == []


def test_a_token_signs_in_if_the_hub_is_named(pi: Project) -> None:
    pi.shell.env.pop(VARIABLE)
    pi.shell.env.update(pi.hub.environ)
    pi.write(device="pi", hub=pi.hub.host)
    pi.hub.faults.expire_tokens(skip=4)
    pi.deploy()
    assert pi.status()["state"] == "running"


def test_a_hub_that_never_responds_leaves_the_outcome_unknown(pi: Project) -> None:
    pi.hub.faults.black_hole(method="POST", path=APPLY)
    assert "run the same command again" in pi.deploy("--timeout", "20", code=7).err
    pi.deploy()
    assert pi.status()["release"] == 1


def test_a_killed_command_is_continued(pi: Project) -> None:
    killed = pi.shell.start("deploy")
    eventually(lambda: applied(pi))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    pi.deploy()
    assert (pi.status()["release"], applied(pi)) == (1, 1)
    pi.hub.add_fleet(2, tags={"site": "oslo"})
    pi.write(target_condition="tags.site = 'oslo'", mode="replace")
    killed = pi.shell.start("deploy")
    eventually(lambda: pi.hub.state["configurations"])
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    pi.deploy()
    assert len(pi.hub.state["configurations"]) == 1
