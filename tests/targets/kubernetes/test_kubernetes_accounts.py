"""Accounts with few rights, on a real cluster: what preflight and a deploy report, and that a deploy leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.targets.kubernetes.kubernetes_kit import Hooks

from lading import PreflightRequest, Ready, StageFailed
from lading_kubernetes import lading_delete, lading_preflight, lading_status

pytestmark = pytest.mark.kubernetes

TEAM = "team"
"""The namespace in which the account `limited` has the ClusterRole `edit`."""


def test_an_account_without_rights_gets_a_role_from_preflight(hooks: Hooks) -> None:
    deployment = hooks.deployment(context="nobody")
    (finding,) = lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings
    assert finding.option == "namespace"
    assert f"the account lacks rights in the namespace {hooks.kubernetes.namespace}: " in finding.message
    assert "get, list, create, patch, delete deployments" in finding.message
    role = yaml.safe_load(str(finding.hint).partition("\n")[2])
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", hooks.kubernetes.namespace)


@pytest.mark.parametrize("account", ["nobody", "limited"])
def test_a_refused_account_is_named_with_the_right_that_it_lacks(hooks: Hooks, account: str) -> None:
    request = hooks.request(context=account)
    place = f'in the namespace "{hooks.kubernetes.namespace}"'
    refused = (
        f'reading Service .*: services ".*" is forbidden: User "{account}" cannot get resource "services" .*{place}'
    )
    with pytest.raises(StageFailed, match=refused) as caught:
        hooks.steps(request)
    assert "`lading preflight` shows a Role" in str(caught.value.hint)
    for question in (
        lambda: lading_status(request.deployment, hooks.context),
        lambda: lading_delete(request.deployment, hooks.context),
    ):
        with pytest.raises(StageFailed, match=f'User "{account}" cannot'):
            question()
    assert hooks.kubernetes.names(hooks.service) == []


def test_the_cluster_role_edit_is_enough_in_its_namespace(hooks: Hooks) -> None:
    options: dict[str, Any] = {"context": "limited", "namespace": TEAM}
    deployment = hooks.deployment(**options)
    assert lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings == ()
    try:
        assert hooks.deploy(hooks.request(**options)) == Ready()
    finally:
        hooks.delete(**options)
