"""Services on ACI and AKS: replacement, refusals, foreign services, keys and clusters."""

from __future__ import annotations

import re

import pytest
from tests.targets.azureml.azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"
OTHER = "  other: {plugin: aci, service_name: salary-svc-b, cpu_cores: 1, memory_gb: 1}\n"
LACKS = "this sign-in lacks the action"
BROKEN = "def init():\n    raise RuntimeError('no data today')\n\n\ndef run(raw_data):\n    return 1\n"


def test_a_deploy_without_changes_sends_six_requests(cloud: Cloud) -> None:
    cloud("deploy")
    before = len(cloud.azure.calls)
    assert "unchanged · release 1" in cloud("deploy").err
    asked = [f"{call.method} {call.path.rpartition('/')[2]}" for call in list(cloud.azure.calls)[before:]]
    place = cloud.azure.workspace
    sign_in = ["GET openid-configuration", "POST token", "GET subscriptions", f"GET {place.workspace}"]
    assert asked == [*sign_in, "GET salary-svc", "GET salary-svc"]  # its status, and its address


def test_a_release_that_does_not_come_up_is_replaced_by_the_previous_one(cloud: Cloud) -> None:
    first = cloud("deploy")
    cloud.script(BROKEN)
    done = cloud("deploy", code=8)
    assert re.search(r"restoring release 1 · .*\(score.py:2: RuntimeError: no data today\)\n", done.err)
    assert "release 1 serves again, as release 3" in done.err
    assert "lading logs" not in done.err  # they are the logs of the release that serves again
    assert cloud("uri").out == first.out
    assert cloud.scores() == ANSWER
    assert cloud.count("POST", CREATE) == 1


def test_a_first_release_that_does_not_come_up_can_be_repaired(cloud: Cloud) -> None:
    cloud.script(BROKEN)
    assert "no data today" in cloud("deploy", code=8).err
    cloud.script("def init():\n    pass\n\n\ndef run(raw_data):\n    return [141760.56910569107]\n")
    cloud("deploy")
    assert cloud.scores() == ANSWER
    assert cloud.count("POST", CREATE) == 1


def test_a_release_with_wrong_responses_is_replaced_by_the_previous_one(cloud: Cloud) -> None:
    cloud("deploy")
    cloud.script("def init():\n    pass\n\n\ndef run(raw_data):\n    return [7.0]\n")
    assert "golden request 1" in cloud("deploy", code=8).err
    assert cloud.scores() == ANSWER


def test_a_service_of_another_owner_is_not_changed(cloud: Cloud) -> None:
    cloud.edit("targets:\n", f"targets:\n{OTHER}")
    cloud("deploy", target="other")
    cloud.edit("  aci:\n", "  aci:\n    service_name: salary-svc-b\n")
    cloud.edit(OTHER, "")
    before = len(list(cloud.azure.calls.like("PATCH|DELETE|POST", "/services")))
    for command in ("deploy", "delete"):
        done = cloud(command, code=6)
        assert "it belongs to the target 'other' of Lading: it is left alone" in done.err
        assert "service_name" in done.err
    assert "unknown" in cloud("status").out
    assert "it is left alone" in cloud("plan").out
    assert len(list(cloud.azure.calls.like("PATCH|DELETE|POST", "/services"))) == before


def test_a_change_that_azure_cannot_make_in_place_is_refused(cloud: Cloud) -> None:
    cloud("deploy")
    cloud.edit("    memory_gb: 1\n    tags", "    memory_gb: 2\n    tags")
    assert "memory_gb" in cloud("deploy", code=3).err
    assert cloud.count("PATCH", SERVICE) == 0
    assert cloud.scores() == ANSWER


def test_keys_are_redacted_by_default_and_can_be_rotated(cloud: Cloud) -> None:
    cloud("deploy")
    assert cloud("keys").out == "primary    ***\nsecondary  ***\n"
    cloud.canaries.shown |= {*cloud.azure.secrets}
    first = cloud("keys", "--show", "--json").json()
    second = cloud("keys", "--rotate", "secondary", "--json", "--show").json()
    cloud.canaries.shown |= {*second.values()}
    assert first["primary"] == second["primary"]
    assert first["secondary"] != second["secondary"]
    assert cloud.scores() == ANSWER


def test_one_package_is_deployed_to_local_and_to_azure(cloud: Cloud) -> None:
    done = cloud("deploy", "--target", "local")
    assert len(done.out.splitlines()) == 2
    assert done.err.count("train: started") == 1
    rows = {row["target"]: row for row in cloud("status", "--json", target="all").json()["deployments"]}
    assert rows["aci"]["package"] == rows["local"]["package"] != ""
    assert rows["aks"]["state"] == "absent"
    for asked in (("--target", "aci"), ("--connection", "azureml")):
        (found,) = cloud("list", *asked, "--json", target="all").json()["objects"]
        assert (found["platform"], found["belongs"], found["name"]) == ("aci", "this manifest", "salary-svc")
        assert (found["state"], found["release"]) == ("running", 1)
    refused = cloud("list", "--connection", "other", target="all", code=2).err
    assert "no target that can list what is on its platform uses the connection 'other'" in refused
    cloud("delete", target="local")


def test_aks_needs_a_cluster_and_creates_one_if_the_manifest_says_so(cloud: Cloud) -> None:
    assert "has no cluster aks" in cloud("deploy", target="aks", code=6).err
    cloud.edit("    compute_target_name: aks\n", "    provision: {agent_count: 3, vm_size: Standard_D3_v2}\n")
    done = cloud("deploy", target="aks")
    assert "creating the cluster" in done.err
    assert cloud.azure.state["services"]["salary-svc-aks"]["computeName"] == "aks"
    assert cloud.scores("aks") == ANSWER
    before = cloud.azure.state["keys"]["salary-svc-aks"]
    assert cloud("keys", "--rotate", "primary", target="aks").out == "primary    ***\nsecondary  ***\n"
    after = cloud.azure.state["keys"]["salary-svc-aks"]
    assert before["primaryKey"] != after["primaryKey"]
    assert before["secondaryKey"] == after["secondaryKey"]
    assert cloud.scores("aks") == ANSWER
    cloud.script(BROKEN)
    assert "score.py:2" in cloud("deploy", target="aks", code=8).err
    assert cloud.scores("aks") == ANSWER
    cloud("delete", target="aks")
    assert cloud.azure.state["services"] == {}


def test_aks_with_tokens_accepts_requests_with_a_token(cloud: Cloud) -> None:
    cloud.edit("    compute_target_name: aks\n", "    provision: {agent_count: 3}\n    token_auth_enabled: true\n")
    cloud("deploy", target="aks")
    assert cloud.scores("aks") == ANSWER
    assert "expires" in cloud("keys", target="aks").out
    assert "carry no key" in cloud("keys", "--rotate", "primary", target="aks", code=2).err


def test_a_service_whose_key_may_not_be_read_is_up_and_was_not_asked(cloud: Cloud) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/services/aci/listkeys/action"
    body = {"code": "AuthorizationFailed", "message": f"no right to perform action '{action}' over this scope"}
    cloud.azure.faults.answer(403, body, method="POST", path="/services/salary-svc/listkeys$", times=None)
    done = cloud("deploy")
    assert f"release 1 is up, and was not asked: reading the keys of salary-svc is not allowed: {LACKS} {action}" in (
        " ".join(done.err.split())
    )
    assert "running" in cloud("status").out
    assert f"{LACKS} {action}" in " ".join(cloud("keys", code=6).err.split())
