"""A release that crashes after the switch, on a real cluster: each object is as the release before wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.targets.kubernetes.kubernetes_kit import ANSWER, Hooks, program
from tests.waiting import eventually

from lading import Candidate, Failed, Pending, Ready, Verdict
from lading_kubernetes import lading_deploy
from lading_kubernetes.options import Autoscale

pytestmark = pytest.mark.kubernetes

CRASHING = f"""\
import os, threading, time

def watch():
    while not os.path.exists("/tmp/crash"):
        time.sleep(0.1)
    os._exit(3)

threading.Thread(target=watch, daemon=True).start()
{ANSWER}"""
"""A program that ends, also after a restart, if the file `/tmp/crash` exists."""

OTHERS: dict[str, Any] = {
    "service_type": "NodePort",
    "labels": {"team": "red"},
    "autoscale": Autoscale(min=1, max=2),
    "auth": "key",
    "patch": program(CRASHING) | {"Service": {"spec": {"sessionAffinity": "ClientIP"}}},
}


def kept(hooks: Hooks) -> dict[Any, Any]:
    """The objects of the whole service, without the parts that the cluster writes itself."""
    found: dict[Any, Any] = {}
    for kind in ("svc", "sa", "secret", "pdb", "netpol", "hpa"):
        for body in hooks.kubernetes.read(kind, "-l", f"app.kubernetes.io/name={hooks.service}")["items"]:
            marks = body["metadata"]["labels"] | body["metadata"]["annotations"]
            marks = {name: value for name, value in marks.items() if name.startswith(("team", "lading.release"))}
            found[kind, body["metadata"]["name"]] = (marks, body.get("spec"), body.get("secrets"))
    return found


def test_a_service_has_its_old_options_after_a_crash(hooks: Hooks) -> None:
    first = hooks.request()
    assert hooks.deploy(first) == Ready()
    before, kubectl = kept(hooks), hooks.kubernetes.kubectl
    stable = replace(first.deployment, release=1, release_id=first.release_id)
    second = replace(hooks.request(2, **OTHERS), stable=stable)
    assert isinstance(hooks.steps(second), Candidate)
    accepted = replace(second, verdict=Verdict(up=True))
    assert isinstance(lading_deploy(accepted, hooks.context), Pending)
    assert hooks.kubernetes.read("svc", hooks.service)["spec"]["type"] == "NodePort"
    chosen = ("-l", f"lading.release-id={second.release_id}", "-o")
    kubectl("exec", kubectl("get", "pod", *chosen, "name"), "--", "touch", "/tmp/crash")
    ready = ("get", "pod", *chosen, "jsonpath={.items[*].status.containerStatuses[*].ready}")
    eventually(lambda: kubectl(*ready) == "false", "the pod has crashed")
    failed = hooks.steps(accepted)
    assert isinstance(failed, Failed)
    assert failed.reason == "the container ended with exit code 3"
    assert kept(hooks) == before
