"""The requests of commands to a real cluster, counted by a proxy before its API server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from tests.targets.kubernetes.kubernetes_kit import Project
from tests.torture.api_proxy import ApiProxy
from tests.torture.kubernetes_sweep import proxy_before

pytestmark = pytest.mark.kubernetes

DEPLOYMENTS = "PATCH /apis/apps/v1/deployments/*"
OTHERS = {"service": "/api/v1/services/", "account": "/api/v1/serviceaccounts/"}
OTHERS |= {"policy": "/apis/networking.k8s.io/v1/networkpolicies/"}


@pytest.fixture
def proxy(project: Project, tmp_path: Path) -> Iterator[ApiProxy]:
    folder = tmp_path / "proxy"
    folder.mkdir()
    config = yaml.safe_load(Path(project.kubernetes.kubeconfig).read_text(encoding="utf-8"))
    with closing(proxy_before(config, folder)) as made:
        project.shell.env["KUBECONFIG"] = str(folder / "kubeconfig")
        yield made


def asked(project: Project, proxy: ApiProxy, *argv: str) -> list[str]:
    """The requests of a command."""
    proxy.begin(None)
    project.shell(*argv)
    return list(proxy.routes)


def changes(routes: list[str]) -> Counter[str]:
    """The requests that change an object. A command marks its Deployment more often on a slow machine."""
    found = Counter(each for each in routes if each.startswith(("PATCH", "DELETE")) and not each.endswith(" dry"))
    return found - Counter({DEPLOYMENTS: found[DEPLOYMENTS] - 1})


def test_commands_send_few_requests(project: Project, proxy: ApiProxy) -> None:
    first = asked(project, proxy, "deploy")
    assert sum(changes(first).values()) == 5, "the Deployment, the Service and the three objects around them"
    assert all(changes(first)[f"PATCH {path}{project.name}"] == 1 for path in OTHERS.values())
    assert len(set(first)) <= 30, "the others are repeated while the pods start"
    assert len(asked(project, proxy, "deploy")) <= 4, "nothing to do"
    assert len(asked(project, proxy, "status")) <= 10, "three for the state, and the others for the figures of one pod"
    assert len(asked(project, proxy, "list")) <= 2
    project.write(8)
    second = changes(asked(project, proxy, "deploy"))
    assert second["DELETE /apis/apps/v1/deployments/*"] == 1
    assert sum(second.values()) == 6, "the old Deployment leaves"
