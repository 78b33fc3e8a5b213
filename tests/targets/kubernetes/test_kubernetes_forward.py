"""`lading forward` to a service inside a real cluster."""

from __future__ import annotations

import pytest
from tests.core.test_forward import forwarding
from tests.targets.kubernetes.kubernetes_kit import Project


@pytest.mark.kubernetes
def test_a_port_of_this_machine_leads_into_the_cluster(project: Project) -> None:
    shell = project.shell
    project.write(7, "auth: key")
    shell("deploy")
    key = shell("keys", "--show", "--json").json()["primary"]
    with forwarding(shell) as forwarded:
        assert forwarded.ask(b"1", authorization=f"Bearer {key}") == (200, "[7]")
        assert forwarded.ask(b"1", x_lading_key=key) == (200, "[7]")
        assert forwarded.ask(b"1")[0] == 401
        code, err = forwarded.end()
    assert (code, "Traceback" in err) == (130, False)
    shell("delete")
