"""The keys of a service against an API server in memory: Secrets that have only digests, and Secrets that are lost."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import BadInput, KeyNotReadable, Keys, NotSignedIn, Ready, StageFailed
from lading_kubernetes.asking import status
from lading_kubernetes.ejecting import eject
from lading_kubernetes.keys import keys

OLD = f"{sha256(b'a-key').hexdigest()}  -\n"


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    return Deploys(tmp_path, cluster, context)


def digest(text: object) -> str:
    return sha256(str(text).encode()).hexdigest()


def read(cluster: FakeCluster) -> str:
    """The digests that the pods read."""
    return base64.b64decode(cluster.objects["Secret", "salary-keys"]["data"]["digests"]).decode()


def ask(deploys: Deploys, context: MemoryContext, rotate: str | None = None) -> Keys:
    return keys(deploys.cluster.client(), deploys.request(1, "auth: key").deployment, context, rotate)


def eject_by_hand(deploys: Deploys) -> None:
    """A service whose Secret was applied by kubectl, so that it has only a digest."""
    assert deploys.deploy(deploys.request(1, "auth: key")) == Ready()
    secret = deploys.cluster.objects["Secret", "salary-keys"]
    secret["data"] = {"digests": base64.b64encode(OLD.encode()).decode()}


def test_digests_without_keys_are_not_readable(deploys: Deploys, context: MemoryContext) -> None:
    eject_by_hand(deploys)
    with pytest.raises(KeyNotReadable, match="the Secret salary-keys has only digests of keys") as caught:
        ask(deploys, context)
    assert "`lading keys --rotate primary` adds keys" in str(caught.value.hint)


def test_an_expired_token_says_nothing_about_the_keys(deploys: Deploys, context: MemoryContext) -> None:
    assert deploys.deploy(deploys.request(1, "auth: key")) == Ready()
    deploys.cluster.refused = {("GET", "Secret"): (401, "the token has expired")}
    with pytest.raises(NotSignedIn, match="does not accept the credentials"):
        ask(deploys, context)


def test_an_ejected_service_is_ejected_with_its_digests(deploys: Deploys) -> None:
    eject_by_hand(deploys)
    found = eject(deploys.request(1, "auth: key"), deploys.cluster.client())
    assert found.files["keys/digests"] == OLD


@pytest.mark.parametrize("by", ["deploy", "rotation"])
def test_keys_are_added_beside_digests(deploys: Deploys, context: MemoryContext, by: str) -> None:
    eject_by_hand(deploys)
    if by == "deploy":
        assert deploys.deploy(deploys.request(2, "auth: key")) == Ready()
    else:
        ask(deploys, context, "primary")
    known = ask(deploys, context)
    assert known.primary is not None
    assert known.secondary is not None
    new = [digest(known.primary.reveal()), digest(known.secondary.reveal())]
    assert read(deploys.cluster) == "".join(f"{each}\n" for each in new) + OLD
    assert eject(deploys.request(1, "auth: key"), deploys.cluster.client()).files["keys/digests"].endswith(OLD)
    deploys.cluster.wait(61)
    ask(deploys, context, "secondary")
    assert OLD not in read(deploys.cluster), "a rotation ends the old key"


def test_the_old_key_survives_a_rotation_whose_reply_was_lost(deploys: Deploys, context: MemoryContext) -> None:
    eject_by_hand(deploys)
    for _ in range(3):
        ask(deploys, context, "primary")
        assert read(deploys.cluster).endswith(OLD)
    assert read(deploys.cluster).count("\n") == 2 + OLD.count("\n")


@pytest.fixture
def lost(deploys: Deploys) -> Deploys:
    """A service whose Secret with the keys was removed."""
    assert deploys.deploy(deploys.request(1, "auth: key")) == Ready()
    del deploys.cluster.objects["Secret", "salary-keys"]
    return deploys


def test_lost_keys_are_named(lost: Deploys, context: MemoryContext) -> None:
    with pytest.raises(StageFailed, match="need a key, and the Secret salary-keys is gone") as caught:
        ask(lost, context)
    assert "`lading keys --rotate primary` makes new keys" in str(caught.value.hint)


def test_a_rotation_makes_lost_keys_again(lost: Deploys, context: MemoryContext) -> None:
    made = ask(lost, context, "primary")
    assert made.primary is not None
    assert digest(made.primary.reveal()) in read(lost.cluster)
    marks = lost.cluster.objects["Secret", "salary-keys"]["metadata"]
    assert marks["annotations"]["lading.service"] == "salary"
    assert marks["labels"]["app.kubernetes.io/managed-by"] == "lading"
    assert ask(lost, context).primary is not None


def test_lost_keys_are_a_change_that_a_deploy_repairs(lost: Deploys, context: MemoryContext) -> None:
    deployment, client = lost.request(1, "auth: key").deployment, lost.cluster.client()
    found = status(deployment, context, client)
    assert found.changed == {"Secret.salary-keys": "removed"}
    assert "Secret.salary-keys was removed" in found.detail
    assert lost.deploy(lost.request(2, "auth: key")) == Ready()
    assert status(deployment, context, client).changed == {}


def test_a_secret_that_may_not_be_read_is_not_lost(deploys: Deploys, context: MemoryContext) -> None:
    assert deploys.deploy(deploys.request(1, "auth: key")) == Ready()
    deploys.cluster.refused = {("GET", "Secret"): (403, "not allowed")}
    assert status(deploys.request(1, "auth: key").deployment, context, deploys.cluster.client()).changed == {}


def test_a_service_that_does_not_ask_for_a_key_yet_has_none(deploys: Deploys, context: MemoryContext) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    assert ask(deploys, context).primary is None
    assert status(deploys.request(1, "auth: key").deployment, context, deploys.cluster.client()).changed == {}
    with pytest.raises(BadInput, match="requests to salary carry no key"):
        ask(deploys, context, "primary")
