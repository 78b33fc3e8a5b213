"""Plans: what they say is what a deploy then does, they change nothing, and a stale one is refused."""

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
name: ferry
train: {plugin: crane, data: tons.txt}
register: {model: hull, tags: {sea: north}}
package:
  plugin: crane
  samples: [{request: 1, response: [7]}]
connections: {harbour: {berth: north}}
gates: [{plugin: pilot, closed: [nowhere]}]
target: quay
targets:
  quay: {depth: 11, flag: "${FLAG}"}
  raft: {}
  fog: {}
"""
SECRET = "s3cr3t-fl4g"


@pytest.fixture
def harbour(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry", "FLAG": SECRET}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("tons.txt", "7")
    return shell


def planned(shell: Shell, *argv: str, **env: str) -> dict[str, Any]:
    """The stages of a plan, by their subjects."""
    stages = shell("plan", "--json", *argv, **env).json()["stages"]
    return {f"{stage['stage']} {stage['target']}".strip(): stage for stage in stages}


def actions(stages: dict[str, Any]) -> list[tuple[str, str]]:
    return [(stage["action"], stage["known_after"]) for stage in stages.values()]


def changed(stage: dict[str, Any]) -> dict[str, tuple[object, object]]:
    return {change["field"]: (change["old"], change["new"]) for change in stage["changes"]}


def asked(shell: Shell) -> list[str]:
    """The hooks that were called since the last look."""
    log = Path(shell.env["HARBOUR_LOG"])
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [json.loads(line)[0].removeprefix("lading_") for line in lines]


def edit(shell: Shell, old: str, new: str) -> None:
    file = shell.folder / "lading.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_first_plan_creates_everything_and_does_nothing(harbour: Shell) -> None:
    done = harbour("plan", "--detailed-exitcode", code=10)
    assert done.out.splitlines()[0].split(maxsplit=2) == ["+", "train", "for the first time"]
    assert "+ targets.quay.depth: 11\n      + targets.quay.flag: ${FLAG}\n" in done.out
    assert "scoring_uri: known after deploy" in done.out
    assert done.out.splitlines()[-1] == "4 to create"
    assert asked(harbour) == ["connect", "status"]
    assert harbour("run", "list", "--json").json() == harbour("model", "list", "--json").json() == []
    assert harbour("status", "--target", "quay", "--json").json()["deployments"][0]["state"] == "absent"


def test_with_nothing_to_do_everything_is_reused_and_known(harbour: Shell) -> None:
    uri = harbour("deploy").out.strip()
    asked(harbour)
    done = harbour("plan", "--detailed-exitcode")
    assert done.out.splitlines()[-1] == "nothing to do"
    assert asked(harbour) == ["connect", "status", "scoring_uri"]
    stages = planned(harbour)
    assert actions(stages) == [("reuse", "")] * 4
    assert stages["register"]["outputs"] == {"model": "hull:1"}
    assert stages["deploy quay"]["outputs"] == {"release": "1", "scoring_uri": uri}


def test_changed_data_is_named_and_what_follows_is_known_after_train(harbour: Shell) -> None:
    harbour("deploy")
    harbour.write("tons.txt", "7.0")  # other bytes, the same model
    stages = planned(harbour)
    assert actions(stages) == [("update", ""), *[("update", "train")] * 3]
    assert list(changed(stages["train"])) == ["train.data", "connections.harbour"]
    assert stages["train"]["changes"][0]["note"] == "content"
    assert stages["package"]["reason"] == "known after train; may be reused"
    assert stages["deploy quay"]["outputs"] == {"release": None, "scoring_uri": None}
    done = harbour("deploy")
    assert "package: unchanged" in done.err
    assert "deploy to quay: unchanged" in done.err


def test_changed_options_are_named_with_what_they_were(harbour: Shell) -> None:
    harbour("deploy")
    edit(harbour, "sea: north", "sea: south")
    edit(harbour, "depth: 11", "crew: 2")
    stages = planned(harbour)
    assert actions(stages) == [("reuse", ""), ("update", ""), ("update", "register"), ("update", "")]
    assert changed(stages["register"]) == {"register.tags.sea": ("north", "south")}
    assert changed(stages["deploy quay"]) == {"targets.quay.depth": (11, None), "targets.quay.crew": (None, 2)}
    out = harbour("plan").out
    assert "~ register.tags.sea: north → south" in out
    assert "- targets.quay.depth: 11\n" in out
    assert "+ targets.quay.crew: 2\n" in out
    harbour("deploy")
    assert actions(planned(harbour)) == [("reuse", "")] * 4


@pytest.mark.slow
def test_what_a_plan_is_certain_of_is_what_a_deploy_does(harbour: Shell) -> None:
    """Every edit in turn, on two targets: the stages that are reused or run are those that the plan said."""
    targets = ("--target", "quay", "--target", "raft")
    edits = [
        ("depth: 11", "depth: 12"),
        ("sea: north", "sea: south"),
        ("raft: {}", "raft: {flag: red}"),
        ("sea: south", "sea: north"),
        ("flag: red", "flag: white"),
        ("model: hull", "model: keel"),
    ]
    for old, new in [("version: 1", "version: 1"), *edits]:
        edit(harbour, old, new)
        stages = planned(harbour, *targets)
        events = [json.loads(line) for line in harbour("deploy", "--json", *targets).err.splitlines()]
        ran = {f"{e['stage']} {e['target']}".strip() for e in events if e["kind"] == "stage.started"}
        said = {name: stage["action"] != "reuse" for name, stage in stages.items() if not stage["known_after"]}
        assert said == {name: name in ran for name in said}, (old, new)
        assert actions(planned(harbour, *targets)) == [("reuse", "")] * 5


def test_a_target_that_gives_up_the_old_release_is_replaced(harbour: Shell) -> None:
    harbour("deploy", "--target", "raft")
    edit(harbour, "raft: {}", "raft: {flag: red}")
    assert planned(harbour, "--target", "raft")["deploy raft"]["action"] == "replace"
    assert "-/+ deploy to raft" in harbour("plan", "--target", "raft").out


def test_the_value_of_a_variable_counts_and_is_shown_nowhere(harbour: Shell) -> None:
    harbour("deploy")
    (change,) = planned(harbour, FLAG="0th3r")["deploy quay"]["changes"]
    assert change == {
        "field": "targets.quay.flag",
        "old": "${FLAG}",
        "new": "${FLAG}",
        "note": "the value of a variable",
    }
    edit(harbour, "depth: 11", "depth: 12")
    assert list(changed(planned(harbour, FLAG="0th3r")["deploy quay"])) == ["targets.quay.depth", "targets.quay.flag"]
    assert list(changed(planned(harbour)["deploy quay"])) == ["targets.quay.depth"]
    done = harbour("plan", "--out", "plan.json", "--json")
    harbour("deploy", "--plan", "plan.json")
    assert SECRET not in done.out + done.err
    for file in harbour.folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_where_the_target_contradicts_the_store_the_plan_says_so(harbour: Shell) -> None:
    harbour("deploy")
    (served,) = harbour.folder.glob(".lading/work/deployments/quay/*/served.json")
    ship = json.loads(served.read_text())
    served.unlink()
    stage = planned(harbour)["deploy quay"]
    assert (stage["action"], stage["reason"]) == ("create", "the target contradicts the store")
    assert stage["drift"] == [{"field": "state", "believed": "running", "found": "absent"}]
    assert "! state: the store has running, the target absent" in harbour("plan").out
    served.write_text(json.dumps({**ship, "tags": {"lading.package": "f" * 64, "lading.model": "e" * 64}}))
    stage = planned(harbour)["deploy quay"]
    assert stage["action"] == "update"
    assert [drift["field"] for drift in stage["drift"]] == ["package_digest", "model_sha256"]


def test_a_target_that_cannot_tell_is_known_once_it_has_answered(harbour: Shell) -> None:
    harbour("deploy", "--target", "fog")
    stage = planned(harbour, "--target", "fog")["deploy fog"]
    assert (stage["action"], stage["known_after"], stage["drift"]) == ("reuse", "deploy", [])
    assert harbour("plan", "--target", "fog", "--detailed-exitcode").code == 0


def test_what_a_connection_has_not_had_yet_is_a_change(harbour: Shell) -> None:
    harbour("register")
    stages = planned(harbour)
    assert stages["train"]["action"] == stages["register"]["action"] == "update"
    assert stages["train"]["outputs"]["run"] is not None
    assert "~ connections.harbour: the run is logged there" in harbour("plan").out


def test_a_finished_model_is_left_as_it_is(harbour: Shell) -> None:
    edit(harbour, "train: {plugin: crane, data: tons.txt}\n", "")
    edit(harbour, "model: hull", "model: hull, file: two.pkl")
    import pickle

    (harbour.folder / "two.pkl").write_bytes(pickle.dumps({"_sklearn_version": "1.5.0"}))
    assert planned(harbour)["train"]["reason"] == "the manifest names a finished model, not seen before"
    harbour("register")
    assert actions(planned(harbour))[:1] == [("leave", "")]
    assert planned(harbour)["register"]["outputs"] == {"model": "hull:1"}


def test_a_plan_in_a_file_is_done_exactly_so(harbour: Shell) -> None:
    harbour("plan", "--target", "raft", "--out", "plan.json")
    done = harbour("deploy", "--plan", "plan.json")
    assert done.out.startswith("http://")
    assert "deploy to raft: up" in done.err
    done = harbour("deploy", "--plan", "plan.json", code=3)
    assert "train: create was planned, now it is reuse (unchanged)" in done.err


STALE = [
    ("depth: 11", "depth: 12", "~ targets.quay.depth: 11 → 12"),
    ("response: [7]", "response: [8]", "~ package.samples: "),
    ("berth: north", "berth: south", "~ connections.harbour.berth: north → south"),
    ("closed: [nowhere]", "closed: [quay]", '~ gates.0.closed: ["nowhere"] → ["quay"]'),
    ("tons.txt", "more.txt", "~ train.data: tons.txt → more.txt"),
]


def test_a_stale_plan_is_refused_and_says_what_changed(harbour: Shell) -> None:
    harbour.write("more.txt", "7")
    harbour("plan", "--out", "plan.json")
    asked(harbour)
    for old, new, named in STALE:
        edit(harbour, old, new)
        done = harbour("deploy", "--plan", "plan.json", code=3)
        assert named in done.err
        assert "`lading plan lading.yaml --out FILE` makes a new one" in done.err
        edit(harbour, new, old)
    assert not set(asked(harbour)) & {"gate", "train", "deploy"}


def test_a_plan_is_stale_once_another_release_is_up_or_a_variable_has_changed(harbour: Shell) -> None:
    harbour("deploy")
    edit(harbour, "depth: 11", "depth: 12")
    harbour("plan", "--out", "plan.json")
    done = harbour("deploy", "--plan", "plan.json", code=3, FLAG="x")
    assert "targets.quay.flag: the value of a variable" in done.err
    edit(harbour, "depth: 12", "depth: 13")
    harbour("deploy")
    edit(harbour, "depth: 13", "depth: 12")
    assert "deploy to quay: release 2 is up" in harbour("deploy", "--plan", "plan.json", code=3).err
    harbour("plan", "--out", "plan.json")
    (served,) = harbour.folder.glob(".lading/work/deployments/quay/*/served.json")
    tags = {"lading.package": "f" * 64, "lading.model": "e" * 64}
    served.write_text(json.dumps({**json.loads(served.read_text()), "tags": tags}))
    done = harbour("deploy", "--plan", "plan.json", code=3)
    assert "deploy to quay: the target says something else (! package_digest: " in done.err


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "null", "[" * 100_000, '{"manifest": 1, "stages": []}', '{"stages": [3]}', "\x00"],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    with pytest.raises(lading.BadInput, match=r"plan\.json is not a plan"):
        lading.read_plan(file)


def test_a_plan_says_already_what_else_could_be_given(harbour: Shell) -> None:
    harbour("plan", "--out", "plan.json")
    for extra in (["--target", "raft"], ["--force"], ["lading.yaml"]):
        assert "--plan says already" in harbour("deploy", "--plan", "plan.json", *extra, code=2).err
    assert "no such file" in harbour("deploy", "--plan", "nothing.json", code=2).err


def settings(shell: Shell, *argv: str) -> dict[str, tuple[str, str]]:
    found = shell("plan", "--json", *argv).json()["settings"]
    return {setting["name"]: (setting["fate"], setting["detail"]) for setting in found}


def test_each_setting_of_another_target_is_kept_or_lost_for_a_reason(harbour: Shell) -> None:
    edit(harbour, "{depth: 11,", "{depth: 11, crew: 2, lamps: 4,")
    asked_for = ("--target", "raft", "--from", "quay")
    assert settings(harbour, *asked_for) == {
        "depth": ("lossy", "not set there: add `depth: 11` to targets.raft, or its default applies"),
        "crew": ("mapped", "as pairs, by default"),
        "lamps": ("unsupported", "'raft' has no such option"),
        "flag": ("lossy", 'not set there: add `flag: "${FLAG}"` to targets.raft, or its default applies'),
        "keeps_old_release": ("lossy", "the old release is taken down before the new one is up"),
    }
    edit(harbour, "raft: {}", "raft: {depth: 11, flag: red}")
    found = settings(harbour, *asked_for)
    assert (found["depth"], found["flag"]) == (("kept", ""), ("kept", '"red" there'))
    edit(harbour, "crew: 2", "crew: 6")
    assert settings(harbour, *asked_for)["crew"][1].startswith("not set there: add `pairs: 3` to targets.raft")
    edit(harbour, "raft: {depth: 11", "raft: {pairs: 4, depth: 11")
    assert settings(harbour, *asked_for)["crew"] == ("mapped", "as pairs, 4 there")
    edit(harbour, "crew: 6", "crew: 7")
    assert settings(harbour, *asked_for)["crew"][0] == "lossy"
    edit(harbour, "quay: {depth: 11", "quay: {depth: 13")
    assert settings(harbour, *asked_for)["depth"] == ("lossy", "'raft' does not take 13: must be at most 12")
    assert "must be at most 12" in harbour("plan", *asked_for).out


@pytest.mark.parametrize("fault", ["lading_connect:raises", "lading_status:raises"])
def test_settings_are_compared_without_a_target_in_reach(harbour: Shell, fault: str) -> None:
    asked_for = ("plan", "--target", "raft")
    harbour(*asked_for, code=6, HARBOUR_FAULT=fault)
    done = harbour(*asked_for, "--from", "quay", "--out", "plan.json", HARBOUR_FAULT=fault)
    assert "warning: raft cannot be asked, so the plan goes by the store: " in done.err
    assert "settings of 'quay' on 'raft':" in done.out
    assert "ValueError: the rope broke" in harbour("deploy", "--plan", "plan.json", code=6, HARBOUR_FAULT=fault).err
    harbour("deploy", "--plan", "plan.json")
    done = harbour(*asked_for, "--from", "quay", HARBOUR_FAULT=fault)
    assert "unchanged, if it answers its golden requests: the target cannot tell" in done.out


def test_strict_refuses_losses(harbour: Shell) -> None:
    done = harbour("plan", "--target", "raft", "--from", "quay", "--strict", "--out", "plan.json", code=3)
    assert "keeps_old_release on 'raft' (lossy)" in done.err
    assert not (harbour.folder / "plan.json").exists()
    edit(harbour, "raft: {}", "quay-two: {plugin: quay, service_name: ferry-two, depth: 11, flag: white}")
    assert harbour("plan", "--target", "quay-two", "--from", "quay", "--strict").code == 0
    assert "has no target 'pier'" in harbour("plan", "--from", "pier", code=2).err


def test_a_first_deploy_to_another_target_says_what_is_lost(harbour: Shell) -> None:
    assert "settings of" not in harbour("plan").out
    harbour("deploy")
    assert settings(harbour, "--target", "raft")["keeps_old_release"][0] == "lossy"
    done = harbour("deploy", "--target", "raft")
    assert "first deploy here · lost from 'quay': depth, flag, keeps_old_release; `lading plan" in done.err
    assert "first deploy here" not in harbour("deploy", "--target", "raft", "--force").err


def test_a_plan_in_python_shows_itself_and_survives_its_file(tmp_path: Path) -> None:
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
def test_a_change_is_found_wherever_two_records_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    made = Made("a key that these have not", old)

    def differ(other: dict[str, Any]) -> bool:
        return bool(compared("train", made, other, "train", {}))

    assert not differ(old)
    same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert differ(new) is not same
