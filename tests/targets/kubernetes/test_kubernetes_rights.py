"""The rights that an account lacks, from the answers of a cluster."""

from __future__ import annotations

from typing import cast

import pytest
import yaml

from lading import Json
from lading_kubernetes.failing import Forbidden
from lading_kubernetes.options import Gateway, KubernetesOptions, Route
from lading_kubernetes.quantities import amount
from lading_kubernetes.rest import Cluster
from lading_kubernetes.rights import Right, lacking, needed, role

ROUTED = KubernetesOptions(route=Route(host="a.b", gateway=Gateway(name="public")))


class Reviews:
    """A cluster that answers only questions about rights."""

    namespace = "models"

    def __init__(self, rules: list[Json], *, incomplete: bool = False, allowed: bool = False) -> None:
        self._rules, self._incomplete, self._allowed = rules, incomplete, allowed
        self.asked: list[str] = []

    def review(self, kind: str, **spec: Json) -> Json:
        self.asked.append(kind)
        if kind == "SelfSubjectRulesReview":
            return {"resourceRules": self._rules, "incomplete": self._incomplete}
        self.last = spec["resourceAttributes"]
        return {"allowed": self._allowed}


def missing(reviews: Reviews, options: KubernetesOptions | None = None) -> list[Right]:
    return lacking(cast("Cluster", reviews), options or KubernetesOptions())


def rule(verbs: list[str], groups: list[str], resources: list[str], **fields: Json) -> Json:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources, **fields}


def test_the_rights_of_an_administrator_are_known_in_one_request() -> None:
    reviews = Reviews([rule(["*"], ["*"], ["*"])])
    assert missing(reviews) == []
    assert reviews.asked == ["SelfSubjectRulesReview"]


def test_a_rule_counts_only_for_its_resource_and_its_objects() -> None:
    rules = [rule(["*"], ["*"], ["deployments", "*/log"]), rule(["*"], [""], ["services"], resourceNames=["one"])]
    lost = missing(Reviews(rules))
    assert {right.resource for right in lost} & {"deployments", "services", "pods/log", "pods/proxy"} == {
        "services",
        "pods/proxy",
    }


def test_a_right_that_an_incomplete_answer_leaves_out_is_asked_for() -> None:
    reviews = Reviews([rule(["*"], ["", "apps", "policy", "autoscaling"], ["*"])], incomplete=True, allowed=True)
    assert missing(reviews) == []
    assert reviews.asked.count("SelfSubjectAccessReview") == 5, "the verbs on one kind"
    assert reviews.last["group"] == "networking.k8s.io"
    assert missing(Reviews([], incomplete=True)) == list(needed(KubernetesOptions()))


def test_only_the_options_that_ask_for_a_kind_need_rights_on_it() -> None:
    unasked = {"httproutes", "ingresses", "horizontalpodautoscalers"}
    assert not unasked & {right.resource for right in missing(Reviews([]))}
    assert "httproutes" in {right.resource for right in missing(Reviews([]), ROUTED)}


def test_an_account_that_may_not_ask_is_not_judged() -> None:
    class Silent(Reviews):
        def review(self, kind: str, **spec: Json) -> Json:
            raise Forbidden(f"{kind} is forbidden: {spec}")

    assert missing(Silent([])) == []


def test_a_role_has_the_rights() -> None:
    made = yaml.safe_load(role(needed(ROUTED), "models"))
    assert missing(Reviews(made["rules"]), ROUTED) == []
    assert made["kind"] == "Role"


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2", 2), ("2Gi", 2 * 1024**3), ("1.5k", 1500), ("1e3", 1000), ("unreadable", 0)],
)
def test_an_amount_is_read(text: str, number: float) -> None:
    assert float(amount(text)) == number
