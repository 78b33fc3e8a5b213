"""Automatic deployments and the query language: the content of each device, and the metrics."""

from __future__ import annotations

import contextlib

from hub_client import SALARY, HubClient, configuration
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


def test_the_highest_priority_wins_and_of_equal_ones_the_newest(iothub: IotHub, ask: HubClient) -> None:
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
    assert image("north") == "base:1"  # no deployment matches any more, so it keeps its content


def test_a_layer_is_added_to_the_deployment_below_it(iothub: IotHub, ask: HubClient) -> None:
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
    assert agent["configurations"] == {"layer": {"status": "Targeted"}}  # there is no full deployment
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


def test_the_metrics_of_a_fleet_are_counted(iothub: IotHub, ask: HubClient) -> None:
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
        "reportedSuccessfulCount": 115,  # including the crash loops
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
    """As the service wrote them for a deployment, and as its documentation shows them for devices."""
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
