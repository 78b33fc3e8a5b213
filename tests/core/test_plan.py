"""Plans: a deploy does what its plan shows, a plan changes nothing, and a stale plan is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import ROOT, Shell

import lading
from lading.engine.plan.differences import compared
from lading.engine.stages.cache_keys import Made

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
register: {model: rate, tags: {team: north}}
package:
  plugin: constant
  samples: [{request: 1, response: [7]}]
connections: {hosting: {region: north}}
gates: [{plugin: guard, closed: [nowhere]}]
target: roll
targets:
  roll: {depth: 11, flag: "${FLAG}"}
  stop: {}
  opaque: {}
"""
SECRET = "s3cr3t-fl4g"


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry", "FLAG": SECRET}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("cost.txt", "7")
    return shell


def planned(shell: Shell, *argv: str, **env: str) -> dict[str, Any]:
    """The stages of a plan, by their subjects."""
    stages = shell("plan", "--json", *argv, code=0, **env).json()["stages"]
    return {f"{stage['stage']} {stage['target']}".strip(): stage for stage in stages}


def actions(stages: dict[str, Any]) -> list[tuple[str, str]]:
    return [(stage["action"], stage["known_after"]) for stage in stages.values()]


def changed(stage: dict[str, Any]) -> dict[str, tuple[object, object]]:
    return {change["field"]: (change["old"], change["new"]) for change in stage["changes"]}


def asked(shell: Shell) -> list[str]:
    """The hooks that were called since the last read."""
    log = Path(shell.env["HOOK_LOG"])
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [json.loads(line)[0].removeprefix("lading_") for line in lines]


def edit(shell: Shell, old: str, new: str) -> None:
    file = shell.folder / "lading.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_first_plan_creates_everything_and_does_nothing(project: Shell) -> None:
    done = project("plan", "--detailed-exitcode", code=10)
    assert done.out.splitlines()[0].split(maxsplit=2) == ["+", "train", "for the first time"]
    assert "+ targets.roll.depth: 11\n      + targets.roll.flag: ${FLAG}\n" in done.out
    assert "scoring_uri: known after deploy" in done.out
    assert done.out.splitlines()[-1] == "4 to create"
    assert asked(project) == ["connect", "status"]
    assert project("run", "list", "--json").json() == project("model", "list", "--json").json() == []
    assert project("status", "--target", "roll", "--json").json()["deployments"][0]["state"] == "absent"


def test_with_nothing_to_do_everything_is_reused_and_known(project: Shell) -> None:
    uri = project("deploy").out.strip()
    asked(project)
    done = project("plan", "--detailed-exitcode")
    assert done.out.splitlines()[-1] == "nothing to do"
    assert asked(project) == ["connect", "status", "scoring_uri"]
    stages = planned(project)
    assert actions(stages) == [("reuse", "")] * 4
    assert stages["register"]["outputs"] == {"model": "rate:1"}
    assert stages["deploy roll"]["outputs"] == {"release": "1", "scoring_uri": uri}


def test_changed_data_is_named_and_later_stages_are_known_after_train(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "7.0")  # other bytes, but the same model
    stages = planned(project)
    assert actions(stages) == [("update", ""), *[("update", "train")] * 3]
    assert list(changed(stages["train"])) == ["train.data", "connections.hosting"]
    assert stages["train"]["changes"][0]["note"] == "content"
    assert stages["package"]["reason"] == "known after train; may be reused"
    assert stages["deploy roll"]["outputs"] == {"release": None, "scoring_uri": None}
    done = project("deploy")
    assert "package: unchanged" in done.err
    assert "deploy to roll: unchanged" in done.err


@pytest.mark.slow
def test_changed_options_are_named_with_their_old_values(project: Shell) -> None:
    project("deploy")
    edit(project, "team: north", "team: south")
    edit(project, "depth: 11", "cpus: 2")
    stages = planned(project)
    assert actions(stages) == [("reuse", ""), ("update", ""), ("update", "register"), ("update", "")]
    assert changed(stages["register"]) == {"register.tags.team": ("north", "south")}
    assert changed(stages["deploy roll"]) == {"targets.roll.depth": (11, None), "targets.roll.cpus": (None, 2)}
    out = project("plan").out
    assert "~ register.tags.team: north → south" in out
    assert "- targets.roll.depth: 11\n" in out
    assert "+ targets.roll.cpus: 2\n" in out
    project("deploy")
    assert actions(planned(project)) == [("reuse", "")] * 4


@pytest.mark.slow
def test_a_deploy_does_everything_that_a_plan_is_certain_of(project: Shell) -> None:
    """Each edit in turn, on two targets: a deploy reuses and runs the same stages as its plan."""
    targets = ("--target", "roll", "--target", "stop")
    edits = [
        ("depth: 11", "depth: 12"),
        ("team: north", "team: south"),
        ("stop: {}", "stop: {flag: red}"),
        ("team: south", "team: north"),
        ("flag: red", "flag: white"),
        ("model: rate", "model: other"),
    ]
    for old, new in [("version: 1", "version: 1"), *edits]:
        edit(project, old, new)
        stages = planned(project, *targets)
        events = [json.loads(line) for line in project("deploy", "--json", *targets).err.splitlines()]
        ran = {f"{e['stage']} {e['target']}".strip() for e in events if e["kind"] == "stage.started"}
        said = {name: stage["action"] != "reuse" for name, stage in stages.items() if not stage["known_after"]}
        assert said == {name: name in ran for name in said}, (old, new)
        assert actions(planned(project, *targets)) == [("reuse", "")] * 5


def test_a_target_that_removes_the_old_release_is_replaced(project: Shell) -> None:
    project("deploy", "--target", "stop")
    edit(project, "stop: {}", "stop: {flag: red}")
    assert planned(project, "--target", "stop")["deploy stop"]["action"] == "replace"
    assert "-/+ deploy to stop" in project("plan", "--target", "stop").out


@pytest.mark.slow
def test_the_value_of_a_variable_counts_and_is_shown_nowhere(project: Shell) -> None:
    project("deploy")
    (change,) = planned(project, FLAG="0th3r")["deploy roll"]["changes"]
    assert change == {
        "field": "targets.roll.flag",
        "old": "${FLAG}",
        "new": "${FLAG}",
        "note": "secret changed",
    }
    edit(project, "depth: 11", "depth: 12")
    assert list(changed(planned(project, FLAG="0th3r")["deploy roll"])) == ["targets.roll.depth", "targets.roll.flag"]
    assert list(changed(planned(project)["deploy roll"])) == ["targets.roll.depth"]
    done = project("plan", "--out", "plan.json", "--json")
    project("deploy", "--plan", "plan.json")
    assert SECRET not in done.out + done.err
    for file in project.folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_a_plan_reports_if_the_target_contradicts_the_store(project: Shell) -> None:
    project("deploy")
    (served,) = project.folder.glob(".lading/work/deployments/roll/*/served.json")
    record = json.loads(served.read_text())
    served.unlink()
    stage = planned(project)["deploy roll"]
    assert (stage["action"], stage["reason"]) == ("create", "the target contradicts the store")
    assert stage["drift"] == [{"field": "state", "believed": "running", "found": "absent"}]
    assert "! state: the store has running, the target absent" in project("plan").out
    served.write_text(json.dumps({**record, "tags": {"lading.package": "f" * 64, "lading.model": "e" * 64}}))
    stage = planned(project)["deploy roll"]
    assert stage["action"] == "update"
    assert [drift["field"] for drift in stage["drift"]] == ["package_digest", "model_sha256"]


def test_a_target_without_a_status_is_known_after_it_has_answered(project: Shell) -> None:
    project("deploy", "--target", "opaque")
    stage = planned(project, "--target", "opaque")["deploy opaque"]
    assert (stage["action"], stage["known_after"], stage["drift"]) == ("reuse", "deploy", [])
    assert project("plan", "--target", "opaque", "--detailed-exitcode").code == 0


def test_an_output_that_a_connection_lacks_is_a_change(project: Shell) -> None:
    project("register")
    stages = planned(project)
    assert stages["train"]["action"] == stages["register"]["action"] == "update"
    assert stages["train"]["outputs"]["run"] is not None
    assert "~ connections.hosting: the run is logged there" in project("plan").out


def test_a_finished_model_is_left_as_it_is(project: Shell) -> None:
    edit(project, "train: {plugin: constant, data: cost.txt}\n", "")
    edit(project, "model: rate", "model: rate, file: two.pkl")
    import pickle

    (project.folder / "two.pkl").write_bytes(pickle.dumps({"_sklearn_version": "1.5.0"}))
    assert planned(project)["train"]["reason"] == "the manifest names a finished model, not seen before"
    project("register")
    assert actions(planned(project))[:1] == [("leave", "")]
    assert planned(project)["register"]["outputs"] == {"model": "rate:1"}


def test_a_plan_in_a_file_is_followed_exactly(project: Shell) -> None:
    project("plan", "--target", "stop", "--out", "plan.json")
    done = project("deploy", "--plan", "plan.json")
    assert done.out.startswith("http://")
    assert "deploy to stop: up" in done.err
    done = project("deploy", "--plan", "plan.json", code=3)
    assert "train: create was planned, now it is reuse (unchanged)" in done.err


STALE = [
    ("depth: 11", "depth: 12", "~ targets.roll.depth: 11 → 12"),
    ("response: [7]", "response: [8]", "~ package.samples: "),
    ("region: north", "region: south", "~ connections.hosting.region: north → south"),
    ("closed: [nowhere]", "closed: [roll]", '~ gates.0.closed: ["nowhere"] → ["roll"]'),
    ("cost.txt", "more.txt", "~ train.data: cost.txt → more.txt"),
]


def test_a_stale_plan_is_refused_and_names_the_change(project: Shell) -> None:
    project.write("more.txt", "7")
    project("plan", "--out", "plan.json")
    asked(project)
    for old, new, named in STALE:
        edit(project, old, new)
        done = project("deploy", "--plan", "plan.json", code=3)
        assert named in done.err
        assert "`lading plan lading.yaml --out FILE` makes a new one" in done.err
        edit(project, new, old)
    assert not set(asked(project)) & {"gate", "train", "deploy"}


@pytest.mark.slow
def test_a_plan_is_stale_after_another_release_or_a_changed_variable(project: Shell) -> None:
    project("deploy")
    edit(project, "depth: 11", "depth: 12")
    project("plan", "--out", "plan.json")
    done = project("deploy", "--plan", "plan.json", code=3, FLAG="x")
    assert "targets.roll.flag: the value of a variable" in done.err
    edit(project, "depth: 12", "depth: 13")
    project("deploy")
    edit(project, "depth: 13", "depth: 12")
    assert "deploy to roll: release 2 is up" in project("deploy", "--plan", "plan.json", code=3).err
    project("plan", "--out", "plan.json")
    (served,) = project.folder.glob(".lading/work/deployments/roll/*/served.json")
    tags = {"lading.package": "f" * 64, "lading.model": "e" * 64}
    served.write_text(json.dumps({**json.loads(served.read_text()), "tags": tags}))
    done = project("deploy", "--plan", "plan.json", code=3)
    assert "deploy to roll: the target reports another state (! package_digest: " in done.err


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "null", "[" * 100_000, '{"manifest": 1, "stages": []}', '{"stages": [3]}', "\x00"],
)
def test_a_file_that_is_not_a_plan_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    with pytest.raises(lading.BadInput, match=r"plan\.json is not a plan"):
        lading.read_plan(file)


def test_options_that_a_plan_already_decides_are_refused(project: Shell) -> None:
    project("plan", "--out", "plan.json")
    for extra in (["--target", "stop"], ["--force"], ["lading.yaml"]):
        assert "--plan cannot be combined with" in project("deploy", "--plan", "plan.json", *extra, code=2).err
    assert "no such file" in project("deploy", "--plan", "nothing.json", code=2).err


def settings(shell: Shell, *argv: str) -> dict[str, tuple[str, str]]:
    found = shell("plan", "--json", *argv).json()["settings"]
    return {setting["name"]: (setting["fate"], setting["detail"]) for setting in found}


@pytest.mark.slow
def test_each_setting_of_another_target_is_kept_or_lost_for_a_reason(project: Shell) -> None:
    edit(project, "{depth: 11,", "{depth: 11, cpus: 2, disks: 4,")
    asked_for = ("--target", "stop", "--from", "roll")
    assert settings(project, *asked_for) == {
        "depth": ("lossy", "not set there: add `depth: 11` to targets.stop, or its default applies"),
        "cpus": ("mapped", "as pairs, by default"),
        "disks": ("unsupported", "'stop' has no such option"),
        "flag": ("lossy", 'not set there: add `flag: "${FLAG}"` to targets.stop, or its default applies'),
        "keeps_old_release": ("lossy", "the target stops the old release before the new one is up"),
    }
    edit(project, "stop: {}", "stop: {depth: 11, flag: red}")
    found = settings(project, *asked_for)
    assert (found["depth"], found["flag"]) == (("kept", ""), ("kept", '"red" there'))
    edit(project, "cpus: 2", "cpus: 6")
    assert settings(project, *asked_for)["cpus"][1].startswith("not set there: add `pairs: 3` to targets.stop")
    edit(project, "stop: {depth: 11", "stop: {pairs: 4, depth: 11")
    assert settings(project, *asked_for)["cpus"] == ("mapped", "as pairs, 4 there")
    edit(project, "cpus: 6", "cpus: 7")
    assert settings(project, *asked_for)["cpus"][0] == "lossy"
    edit(project, "roll: {depth: 11", "roll: {depth: 13")
    assert settings(project, *asked_for)["depth"] == ("lossy", "'stop' does not take 13: must be at most 12")
    assert "must be at most 12" in project("plan", *asked_for).out


def test_the_options_type_of_the_new_target_explains_options_of_another_plugin(project: Shell) -> None:
    edit(project, "{depth: 11,", "{depth: 11, pier: east,")
    asked_for = ("--target", "stop", "--from", "roll")
    assert settings(project, *asked_for)["pier"] == ("lossy", "write `places: {pier: east}`; it is white there")
    edit(project, "stop: {}", "stop: {flag: east}")
    assert settings(project, *asked_for)["pier"] == ("mapped", "as places.pier")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["lading_connect:raises", "lading_status:raises"])
def test_settings_are_compared_without_a_reachable_target(project: Shell, fault: str) -> None:
    asked_for = ("plan", "--target", "stop")
    project(*asked_for, code=6, HOOK_FAULT=fault)
    done = project(*asked_for, "--from", "roll", "--out", "plan.json", HOOK_FAULT=fault)
    assert "warning: stop cannot be asked, so the plan relies on the store: " in done.err
    assert "settings of 'roll' on 'stop':" in done.out
    assert "ValueError: the connection broke" in project("deploy", "--plan", "plan.json", code=6, HOOK_FAULT=fault).err
    project("deploy", "--plan", "plan.json")
    done = project(*asked_for, "--from", "roll", HOOK_FAULT=fault)
    assert "unchanged if it answers its golden requests: the target does not report its state" in done.out


def test_strict_refuses_losses(project: Shell) -> None:
    done = project("plan", "--target", "stop", "--from", "roll", "--strict", "--out", "plan.json", code=3)
    assert "keeps_old_release on 'stop' (lossy)" in done.err
    assert not (project.folder / "plan.json").exists()
    edit(project, "stop: {}", "roll-two: {plugin: roll, service_name: price-two, depth: 11, flag: white}")
    assert project("plan", "--target", "roll-two", "--from", "roll", "--strict").code == 0
    assert "has no target 'acme'" in project("plan", "--from", "acme", code=2).err


@pytest.mark.slow
def test_a_first_deploy_to_another_target_reports_lost_settings(project: Shell) -> None:
    assert "settings of" not in project("plan").out
    project("deploy")
    assert settings(project, "--target", "stop")["keeps_old_release"][0] == "lossy"
    done = project("deploy", "--target", "stop")
    assert "first deploy here · lost from 'roll': depth, flag, keeps_old_release; `lading plan" in done.err
    assert "first deploy here" not in project("deploy", "--target", "stop", "--force").err


def test_a_plan_in_python_can_be_printed_and_outlives_its_file(tmp_path: Path) -> None:
    for name in ("manifests", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    plan = lading.plan(tmp_path / "manifests" / "salary.yaml")
    assert plan.has_changes
    assert [stage.action for stage in plan.stages] == [lading.Action.CREATE] * 4
    assert "<td>+</td><td>train</td><td>create</td>" in plan._repr_html_()
    lading.write_plan(plan, tmp_path / "plan.json")
    assert lading.read_plan(tmp_path / "plan.json") == plan
    with pytest.raises(lading.Transient, match="nowhere"):
        lading.write_plan(plan, tmp_path / "nowhere" / "plan.json")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)
records = st.fixed_dictionaries(
    {"options": st.dictionaries(st.text("ab"), values, max_size=4), "python": st.text("ab")}
)


@given(old=records, new=records)
def test_a_change_is_found_at_every_difference_of_two_records(old: dict[str, Any], new: dict[str, Any]) -> None:
    made = Made("a key that these have not", old)

    def differ(other: dict[str, Any]) -> bool:
        return bool(compared("train", made, other, "train", {}))

    assert not differ(old)
    same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert differ(new) is not same
