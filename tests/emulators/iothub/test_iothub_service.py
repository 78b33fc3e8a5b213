"""The service API of the hub: access, refusals and responses."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hub_client import SALARY, HubClient, configuration
from offline_iothub.client import IotHub, content
from offline_iothub.simulated import Behaviour


def test_a_caller_needs_a_signature_or_a_token(ask: HubClient) -> None:
    def status(authorization: str) -> tuple[int, str]:
        code, _, headers = ask("GET", "/configurations", Authorization=authorization)
        return code, headers["iothub-errorcode"] if code != 200 else ""

    assert status("") == (401, "IotHubUnauthorizedAccess")
    assert status(ask.signature(key="AAAA")) == (401, "IotHubUnauthorizedAccess")
    assert status(ask.signature().replace("skn=iothubowner", "skn=device")) == (401, "IotHubUnauthorizedAccess")
    assert status(ask.signature(seconds=-5)) == (401, "IotHubUnauthorized")
    assert status(ask.token("https://management.azure.com/.default")) == (401, "IotHubUnauthorizedAccess")
    assert status(ask.signature()) == status(ask.token()) == (200, "")


def test_a_rule_can_expire_credentials(ask: HubClient) -> None:
    ask.iothub.faults.expire_tokens(skip=1)
    assert [ask("GET", "/configurations")[0] for _ in range(3)] == [200, 401, 401]
    ask.authorization = ask.signature()
    assert ask("GET", "/configurations")[0] == 200


def test_a_rule_can_throttle(ask: HubClient) -> None:
    ask.iothub.faults.answer(429, {"Message": "ErrorCode:ThrottlingException;slow down"}, {"Retry-After": "3"})
    status, _, headers = ask("GET", "/configurations")
    assert (status, headers["retry-after"]) == (429, "3")
    assert [call.fault for call in ask.iothub.calls] == ["answer"]


def test_a_rule_can_delay(ask: HubClient) -> None:
    ask.iothub.faults.delay(0.3)
    began = time.monotonic()
    assert ask("GET", "/configurations")[0] == 200
    assert time.monotonic() - began >= 0.3


def test_an_unknown_route_or_field_fails_the_test(ask: HubClient) -> None:
    ask.iothub.add_device("pi")
    assert ask("GET", "/jobs/v2")[0] == 501
    assert ask("POST", "/devices/pi/applyConfigurationContent", {"modulesContent": {}, "surplus": 1})[0] == 400
    unknown = content(salary={"type": "docker", "status": "running", "restartPolicy": "always", "settings": {}, "x": 1})
    assert ask("POST", "/devices/pi/applyConfigurationContent", unknown)[0] == 400
    assert len(ask.iothub.calls.accept_failures()) == 3


def test_a_missing_device_or_one_without_iot_edge_is_refused(ask: HubClient) -> None:
    ask.iothub.add_device("sensor", edge=False)
    status, body, _ = ask("GET", "/twins/pi")
    assert (status, body["Message"]) == (404, "ErrorCode:DeviceNotFound;Device pi not registered (404001)")
    assert ask("GET", "/twins/sensor/modules/$edgeAgent")[1]["Message"].endswith("(404010)")
    assert ask("GET", "/devices/sensor")[1]["capabilities"] == {"iotEdge": False}
    assert ask("POST", "/devices/sensor/applyConfigurationContent", content())[0] == 400


def test_content_reaches_the_device_and_is_reported(ask: HubClient) -> None:
    ask.iothub.add_device("pi", platform={"architecture": "aarch64"})
    assert ask("GET", "/twins/pi/modules/$edgeAgent")[1]["properties"]["reported"]["lastDesiredStatus"]["code"] == 417
    options = '{"Env": ["A=' + "x" * 1200 + '"]}'
    module = content(salary=SALARY)["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]["salary"]
    module["settings"] |= {"createOptions": options[:512], "createOptions01": options[512:]}
    assert ask("POST", "/devices/pi/applyConfigurationContent", content(salary=module, other="other:1"))[0] == 204

    _, twin, headers = ask("GET", "/twins/pi/modules/$edgeAgent")
    desired, reported = twin["properties"]["desired"], twin["properties"]["reported"]
    assert headers["etag"] == f'"{twin["etag"]}"'
    assert reported["lastDesiredVersion"] == desired["$version"]
    assert reported["lastDesiredStatus"] == {"code": 200, "description": ""}
    assert reported["runtime"]["platform"] == {"os": "linux", "architecture": "aarch64", "version": "1.5.21"}
    assert {name: each["runtimeStatus"] for name, each in reported["modules"].items()} == {
        "salary": "running",
        "other": "running",
    }
    settings = reported["modules"]["salary"]["settings"]
    pieces = [settings[name] for name in ("createOptions", "createOptions01", "createOptions02")]
    assert "".join(pieces) == options
    assert [len(piece) for piece in pieces[:2]] == [512, 512]
    assert [each["moduleId"] for each in ask("GET", "/devices/pi/modules")[1]][:2] == ["$edgeAgent", "$edgeHub"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"salary.x": SALARY}, "no module can be called"),
        ({f"module{number}": SALARY for number in range(49)}, "more than 50 modules"),
        ({"salary": "x" * 4097}, "4097 bytes, of 4096"),
        ({f"module{number}": "x" * 4000 for number in range(9)}, "of 32768"),
    ],
)
def test_content_over_a_limit_is_refused(ask: HubClient, change: dict[str, Any], reason: str) -> None:
    ask.iothub.add_device("pi")
    status, body, _ = ask("POST", "/devices/pi/applyConfigurationContent", content(**change))
    assert (status, body["Message"].startswith("ErrorCode:InvalidConfigurationContent;")) == (400, True)
    assert reason in body["Message"]


def test_changes_of_deployments_require_the_etag(ask: HubClient) -> None:
    path = "/configurations/salary-1"
    made = ask("PUT", path, configuration())[1]
    assert ask("PUT", path, configuration())[0] == 409  # without If-Match it is a create
    changed = configuration(priority=11)
    assert ask("PUT", path, changed, If_Match=made["etag"])[0] == 409  # not in quotation marks
    assert ask("PUT", path, changed, If_Match=f'"{made["etag"]}"')[1]["priority"] == 11
    status, body, _ = ask("PUT", path, changed, If_Match=f'"{made["etag"]}"')
    assert (status, body["Message"].endswith("(412001)")) == (412, True)
    other = configuration(content=content(salary="salary:2"))
    assert ask("PUT", path, other, If_Match='"*"')[0] == 400  # the content of a deployment cannot be changed
    assert ask("DELETE", path, If_Match=f'"{made["etag"]}"')[0] == 412
    assert ask("DELETE", path, If_Match="*")[0] == 204
    assert ask("GET", path)[0] == 404


def test_an_invalid_deployment_is_refused(ask: HubClient) -> None:
    def refused(**fields: Any) -> str:
        status, body, _ = ask("PUT", "/configurations/salary-1", configuration(**fields))
        assert status == 400
        return str(body["Message"])

    assert "priority" in refused(priority=-1)
    assert "target condition" in refused(targetCondition="tags.site=")
    assert "custom metric" in refused(metrics={"queries": {"mine": "select deviceId from nowhere"}})
    invalid = copy.deepcopy(content(salary=SALARY))
    del invalid["modulesContent"]["$edgeHub"]
    assert "$edgeHub" in refused(content=invalid)
    tested = ask("POST", "/configurations/testQueries", {"targetCondition": "tags.site = 'a"})[1]
    assert tested["targetConditionError"]
    good = {"targetCondition": "tags.site = 'a'", "customMetricQueries": {"n": "select deviceId from devices"}}
    fine = ask("POST", "/configurations/testQueries", good)[1]
    assert fine == {"targetConditionError": None, "customMetricQueryErrors": {}}


def test_the_reports_of_a_simulated_device_follow_its_script(iothub: IotHub, ask: HubClient) -> None:
    iothub.add_device("pi")
    iothub.apply("pi", content=content(neighbour="other:1"))
    iothub.behave("pi", behaviours=[Behaviour("pull", image="salary", seconds=0.2), Behaviour("crash", image="salary")])
    started = iothub.agent("pi")["reported"]["modules"]["neighbour"]["lastStartTimeUtc"]
    iothub.apply("pi", content=content(neighbour="other:1", salary="salary:1"))
    pulling = iothub.agent("pi")["reported"]
    assert pulling["lastDesiredStatus"] == {"code": 500, "description": "The operation was canceled"}
    assert set(pulling["modules"]) == {"neighbour"}
    iothub.settle()
    reported = iothub.agent("pi")["reported"]
    assert reported["lastDesiredStatus"]["code"] == 200
    assert reported["modules"]["salary"]["runtimeStatus"] == "backoff"
    assert reported["modules"]["salary"]["exitCode"] == 1
    assert reported["modules"]["neighbour"]["lastStartTimeUtc"] == started


def test_an_offline_device_gets_its_content_when_it_reconnects(iothub: IotHub, ask: HubClient) -> None:
    iothub.add_device("pi")
    iothub.disconnect("pi")
    ask("POST", "/devices/pi/applyConfigurationContent", content(salary=SALARY))
    agent = iothub.agent("pi")
    assert agent["reported"]["lastDesiredVersion"] < agent["desired"]["$version"]
    assert ask("GET", "/devices/pi")[1]["connectionState"] == "Disconnected"
    iothub.connect("pi")
    agent = iothub.agent("pi")
    assert agent["reported"]["lastDesiredVersion"] == agent["desired"]["$version"]


def test_no_secret_is_in_the_call_log(iothub: IotHub, ask: HubClient) -> None:
    iothub.add_device("pi")
    ask.authorization = ask.token()
    keys = ask("GET", "/devices/pi")[1]["authentication"]["symmetricKey"]
    assert set(keys.values()) <= set(iothub.secrets)
    told = repr(list(iothub.calls))
    assert [secret for secret in iothub.secrets if secret in told] == []
