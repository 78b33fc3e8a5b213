"""The service API of the hub: who may call it, what it refuses, what it answers."""

from __future__ import annotations

import contextlib
import copy
import time
from typing import Any

import pytest
from hub_client import HubClient
from hypothesis import given, settings
from hypothesis import strategies as st
from offline_iothub.client import IotHub, content
from offline_iothub.query import QueryError, parse_query
from offline_iothub.simulated import Behaviour

WORDS = [
    "tags.site",
    "tags.n",
    "tags",
    "[[deviceId]]",
    "=",
    "!=",
    "<",
    "in",
    "[",
    "]",
    "(",
    ")",
    "and",
    "or",
    "not",
    "'x'",
    "1",
    "null",
]
SALARY = "registry.example/salary@sha256:" + "0" * 64


def configuration(**fields: Any) -> dict[str, Any]:
    plain = {"schemaVersion": "2.0", "content": content(salary=SALARY), "targetCondition": "*", "priority": 10}
    return {"id": "salary-1", **plain, **fields}


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


def test_credentials_expire_by_rule(ask: HubClient) -> None:
    ask.iothub.faults.expire_tokens(skip=1)
    assert [ask("GET", "/configurations")[0] for _ in range(3)] == [200, 401, 401]
    ask.authorization = ask.signature()
    assert ask("GET", "/configurations")[0] == 200


def test_a_rule_throttles(ask: HubClient) -> None:
    ask.iothub.faults.answer(429, {"Message": "ErrorCode:ThrottlingException;slow down"}, {"Retry-After": "3"})
    status, _, headers = ask("GET", "/configurations")
    assert (status, headers["retry-after"]) == (429, "3")
    assert [call.fault for call in ask.iothub.calls] == ["answer"]


def test_a_rule_delays(ask: HubClient) -> None:
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


def test_a_device_that_is_not_there_or_not_edge(ask: HubClient) -> None:
    ask.iothub.add_device("sensor", edge=False)
    status, body, _ = ask("GET", "/twins/pi")
    assert (status, body["Message"]) == (404, "ErrorCode:DeviceNotFound;Device pi not registered (404001)")
    assert ask("GET", "/twins/sensor/modules/$edgeAgent")[1]["Message"].endswith("(404010)")
    assert ask("GET", "/devices/sensor")[1]["capabilities"] == {"iotEdge": False}
    assert ask("POST", "/devices/sensor/applyConfigurationContent", content())[0] == 400


def test_content_reaches_the_device_and_comes_back_reported(ask: HubClient) -> None:
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


def test_etags_of_deployments(ask: HubClient) -> None:
    path = "/configurations/salary-1"
    made = ask("PUT", path, configuration())[1]
    assert ask("PUT", path, configuration())[0] == 409  # without If-Match it is a create
    changed = configuration(priority=11)
    assert ask("PUT", path, changed, If_Match=made["etag"])[0] == 409  # not in quotation marks
    assert ask("PUT", path, changed, If_Match=f'"{made["etag"]}"')[1]["priority"] == 11
    status, body, _ = ask("PUT", path, changed, If_Match=f'"{made["etag"]}"')
    assert (status, body["Message"].endswith("(412001)")) == (412, True)
    other = configuration(content=content(salary="salary:2"))
    assert ask("PUT", path, other, If_Match='"*"')[0] == 400  # what is deployed cannot be changed
    assert ask("DELETE", path, If_Match=f'"{made["etag"]}"')[0] == 412
    assert ask("DELETE", path, If_Match="*")[0] == 204
    assert ask("GET", path)[0] == 404


def test_a_deployment_that_cannot_be(ask: HubClient) -> None:
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


def test_the_higher_priority_wins_and_of_equals_the_newer(iothub: IotHub, ask: HubClient) -> None:
    iothub.add_device("north", "south", tags={"site": "a"})

    def image(device: str) -> str:
        return str(iothub.agent(device)["reported"]["modules"]["salary"]["settings"]["image"])

    def put(name: str, priority: int, condition: str = "*") -> None:
        sent = configuration(id=name, priority=priority, targetCondition=condition, content=content(salary=f"{name}:1"))
        assert ask("PUT", f"/configurations/{name}", sent)[0] == 200

    put("base", 10)
    put("low", 5)
    assert image("north") == "base:1"
    put("equal", 10, "tags.site = 'a' and deviceId != 'south'")
    assert (image("north"), image("south")) == ("equal:1", "base:1")
    states = iothub.state["devices"]["north"]["modules"]["$edgeAgent"]["configurations"]
    assert {name: state["status"] for name, state in states.items()} == {
        "equal": "Applied",
        "base": "Targeted",
        "low": "Targeted",
    }
    iothub.tag("north", site="b")
    assert image("north") == "base:1"
    for name in ("low", "base"):
        ask("DELETE", f"/configurations/{name}", If_Match="*")
    assert image("north") == "base:1"  # nobody wants it any more, and it keeps what it has


def test_a_layer_lies_over_the_deployment_below_it(iothub: IotHub, ask: HubClient) -> None:
    iothub.add_device("pi")
    module = content(salary=SALARY)["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]["salary"]
    layer = {
        "modulesContent": {
            "$edgeAgent": {"properties.desired.modules.salary": module},
            "$edgeHub": {"properties.desired.routes.up": {"route": "FROM /messages/* INTO $upstream"}},
        }
    }
    assert ask("PUT", "/configurations/layer", configuration(id="layer", content=layer, priority=11))[0] == 200
    agent = iothub.state["devices"]["pi"]["modules"]["$edgeAgent"]
    assert agent["configurations"] == {"layer": {"status": "Targeted"}}  # there is nothing to lie over
    base = configuration(id="base", content=content(neighbour="other:1"))
    assert ask("PUT", "/configurations/base", base)[0] == 200
    assert set(iothub.agent("pi")["reported"]["modules"]) == {"neighbour", "salary"}
    twin = ask("GET", "/twins/pi/modules/$edgeHub")[1]
    assert twin["properties"]["desired"]["routes"] == {"up": {"route": "FROM /messages/* INTO $upstream"}}
    assert ask("GET", "/configurations/layer")[1]["systemMetrics"]["results"]["reportedSuccessfulCount"] == 1
    ask("DELETE", "/configurations/layer", If_Match="*")
    assert set(iothub.agent("pi")["reported"]["modules"]) == {"neighbour"}
    wrong = {"modulesContent": {"$edgeAgent": {"properties.desired.systemModules.edgeHub": module}}}
    assert ask("PUT", "/configurations/wrong", configuration(id="wrong", content=wrong))[0] == 400
    assert iothub.calls.accept_failures()


def test_the_metrics_of_a_fleet(iothub: IotHub, ask: HubClient) -> None:
    fleet = iothub.add_fleet(130, tags={"site": "a"})
    iothub.add_device("elsewhere")
    iothub.disconnect(*fleet[:10])
    iothub.behave(*fleet[10:15], behaviours=[Behaviour("crash", image="salary")])
    iothub.behave(*fleet[15:18], behaviours=[Behaviour("refuse", image="salary", message="not found")])
    iothub.behave(*fleet[18:20], behaviours=[Behaviour("silent")])
    path = "properties.reported.modules.salary"
    agents = f"select deviceId from devices.modules where moduleId = '$edgeAgent' and {path}"
    ours = {"up": f"{agents}.runtimeStatus = 'running' and {path}.settings.image = '{SALARY}'"}
    sent = configuration(targetCondition="tags.site = 'a'", metrics={"queries": ours})
    made = ask("PUT", "/configurations/salary-1", sent)[1]
    assert made["systemMetrics"]["results"] == {
        "targetedCount": 130,
        "appliedCount": 130,
        "reportedSuccessfulCount": 115,  # the crash loops too
        "reportedFailedCount": 3,
    }
    assert made["metrics"]["results"] == {"up": 110}

    iothub.connect(*fleet[:10])
    now = ask("GET", "/configurations/salary-1")[1]
    assert now["metrics"]["results"] == {"up": 120}
    assert ask("GET", "/configurations")[1] == [now]
    before = len(iothub.calls)
    assert len(ask.query(ours["up"])) == 120
    assert len(iothub.calls) - before == 2  # pages of 100


def test_recorded_metrics_of_the_service_are_understood(iothub: IotHub, ask: HubClient) -> None:
    """As the service wrote them for a deployment, and as its documentation asks for devices."""
    iothub.add_fleet(3, tags={"site": "a", "odd-key": 1})
    iothub.disconnect("device-0003")
    ask("PUT", "/configurations/salary-1", configuration())
    applied = "moduleId = '$edgeAgent' and configurations.[[salary-1]].status = 'Applied'"
    success = (
        f"select deviceId from devices.modules where {applied} "
        "and properties.desired.$version = properties.reported.lastDesiredVersion "
        "and properties.reported.lastDesiredStatus.code = 200"
    )
    assert ask.query(f"select deviceId from devices.modules where {applied}") == [
        {"deviceId": f"device-000{number}"} for number in (1, 2, 3)
    ]
    assert len(ask.query(success)) == 2
    assert ask.query(success.replace("= 200", "!= 200")) == []
    assert ask.query("SELECT COUNT() AS n FROM devices WHERE capabilities.iotEdge = true") == [{"n": 3}]
    asked = "SELECT deviceId FROM devices WHERE connectionState IN ['Disconnected'] AND NOT (tags.site = 'b')"
    assert ask.query(asked) == [{"deviceId": "device-0003"}]
    assert len(ask.query("SELECT * FROM devices WHERE is_defined(tags.[[odd-key]]) AND tags.[[odd-key]] >= 1")) == 3
    assert ask.query("select deviceId from devices where tags.nowhere != 'x' or tags.site < 3") == []
    for wrong in ("select", "select * from devices where", "select * from devices where foo = 1", "select * from x"):
        assert ask("POST", "/devices/query", {"query": wrong})[0] == 400


@settings(max_examples=60)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=12).map(" ".join))
def test_any_text_is_a_query_or_an_error(text: str) -> None:
    twin = {"deviceId": "a", "tags": {"site": "x", "n": 1}}
    with contextlib.suppress(QueryError):
        assert isinstance(parse_query(f"select * from devices where {text}").rows([twin]), list)


def test_what_a_device_reports_follows_its_script(iothub: IotHub, ask: HubClient) -> None:
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


def test_an_offline_device_hears_of_it_when_it_is_back(iothub: IotHub, ask: HubClient) -> None:
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
