"""A target that reports changes does not serve the release any more, even if it runs its package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.targets.target_kit import package_in

from lading.engine.release.deploy import serves
from lading.model import NoScoringUri, State, Status


def test_a_changed_service_does_not_serve_the_release(tmp_path: Path) -> None:
    package, uri = package_in(tmp_path), NoScoringUri(reason="none")
    status = Status(state=State.RUNNING, package_digest=package.digest)
    assert serves(status, uri, package) is True
    assert serves(replace(status, changed={"image": "changed on the hub"}), uri, package) is False
