"""The blocks that each command binds of a manifest, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from lading.engine.session.binding import bind_manifest
from lading.engine.session.order import Needs
from lading.errors import ManifestError
from lading.manifest import parse
from lading.store import open_store

MANIFEST = """\
version: 1
name: price
train: {data: data.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
package: {samples: [{request: 1, response: 1}]}
connections: {mlflow: {tracking_uri: "http://127.0.0.1:1"}}
track: [mlflow]
observers: [{plugin: eventlog, file: events.jsonl}]
gates: [{plugin: approval, file: yes.txt}]
target: local
targets: {local: {}, container: {}}
"""
MAKING = {"train", "package"}
GUARDS = {"observers", "gates"}


def bound(folder: Path, needs: Needs, target: str | None = None) -> set[str]:
    """The keys of the bound blocks. Of the targets, only the named one is bound."""
    (folder / "data.csv").write_text("x,y\n1,2\n")
    file = folder / "lading.yaml"
    file.write_text(MANIFEST)
    store = open_store(file, {}, folder / "store")
    try:
        targets = None if target is None else (target,)
        _manifest, plugins = bind_manifest(parse(file, file.read_bytes(), {}), store, targets=targets, needs=needs)
    finally:
        store.close()
    assert {path[1] for path in plugins if path[0] == "targets"} == ({target} if target else set())
    return {str(path[0]) for path in plugins if path[0] != "targets"}


@pytest.mark.parametrize(
    ("needs", "target", "expected"),
    [
        (Needs.QUESTION, "container", set[str]()),
        (Needs.CHANGES, "container", set[str]()),
        (Needs.SERVICE, "container", {"observers"}),
        (Needs.PACKAGE, None, MAKING | GUARDS | {"connections"}),
        (Needs.DEPLOY, None, MAKING | GUARDS | {"connections", "image"}),
        (Needs.DEPLOY, "local", MAKING | GUARDS | {"connections"}),
        (Needs.DEPLOY, "container", MAKING | GUARDS | {"connections", "image"}),
        (Needs.PLAN, "container", MAKING | GUARDS | {"connections", "image"}),
        (Needs.DEPLOY_ARCHIVE, "container", GUARDS | {"connections", "image"}),
        (Needs.PREFLIGHT, "container", {"image"}),
        (Needs.PREFLIGHT, "local", set[str]()),
        (Needs.ROLLBACK, "container", GUARDS | {"image"}),
        (Needs.CHECK_TARGET, "container", {"image"}),
    ],
)
def test_a_command_binds_the_blocks_that_it_needs(
    tmp_path: Path, needs: Needs, target: str | None, expected: set[str]
) -> None:
    assert bound(tmp_path, needs, target) == expected


UNSET = """\
version: 1
name: price
train: {plugin: "${NOT_SET}", data: "${NOT_SET}"}
register: {model: "${NOT_SET}", tags: {key: "${NOT_SET}"}}
package: {samples: [{request: "${NOT_SET}", response: 1}]}
image: {plugin: "${NOT_SET}"}
connections: {other: {plugin: "${NOT_SET}"}}
track: ["${NOT_SET}"]
observers: [{plugin: "${NOT_SET}"}]
gates: [{plugin: "${NOT_SET}"}]
target: "${NOT_SET}"
targets:
  local: {env: {TOKEN: "${NOT_SET}", PLACE: "${PLACE}"}}
  other: {plugin: "${NOT_SET}"}
"""


@pytest.mark.parametrize("needs", [Needs.QUESTION, Needs.CHANGES])
def test_a_query_needs_no_variable_that_it_does_not_use(tmp_path: Path, needs: Needs) -> None:
    draft = parse(tmp_path / "lading.yaml", UNSET.encode(), {"PLACE": "Oslo"})
    store = open_store(draft.file, {}, tmp_path / "store")
    try:
        for _ in range(2):  # the second time without a check
            manifest, _plugins = bind_manifest(draft, store, targets=("local",), needs=needs)
            assert manifest.targets["local"].value == {"env": {"TOKEN": "${NOT_SET}", "PLACE": "Oslo"}}
        with pytest.raises(ManifestError) as raised:
            bind_manifest(draft, store, targets=("local",), needs=Needs.IMAGE | Needs.CHANGES)
    finally:
        store.close()
    (problem,) = raised.value.problems
    assert problem.path == "targets.local.env.TOKEN"
    assert problem.message == "the environment variable NOT_SET is not set"


ONLINE = """\
version: 1
name: price
connections: {azureml-v2: {subscription_id: 00000000-0000-0000-0000-000000000000, resource_group: g, workspace: wsp}}
targets:
  managed-online:
    instance_type: Standard_DS2_v2
    identity: {type: user_assigned, user_assigned_identities: [{resource_id: "${IDENTITY}"}]}
"""


@pytest.mark.parametrize("environ", [{}, {"IDENTITY": "not an id"}])
def test_an_option_that_a_query_left_out_is_refused_by_a_deploy(tmp_path: Path, environ: dict[str, str]) -> None:
    draft = parse(tmp_path / "lading.yaml", ONLINE.encode(), environ)
    store = open_store(draft.file, {}, tmp_path / "store")
    try:
        for _ in range(2):
            manifest, _plugins = bind_manifest(draft, store, targets=("managed-online",), needs=Needs.QUESTION)
            (section,) = manifest.targets.values()
            assert vars(section.options)["identity"].type == "system_assigned"
        with pytest.raises(ManifestError, match="identity"):
            bind_manifest(draft, store, targets=("managed-online",), needs=Needs.ROLLBACK)
    finally:
        store.close()
