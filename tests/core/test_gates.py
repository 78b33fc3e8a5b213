"""The view of a gate before a deploy: the run, the model, the release that serves, and the plan."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.conftest import ROOT, Shell
from tests.waiting import LIMIT

from lading.engine.plan import gated
from lading.errors import Refused

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
evaluate: {plugin: assay}
register: {model: rate}
package: {plugin: constant}
connections: {hosting: {region: north}}
gates: [GATE]
target: roll
targets: {roll: {}, stop: {}}
"""
MakeProject = Callable[[str], Shell]


@pytest.fixture
def make_project(shell: Shell, install: Callable[[str], Path]) -> MakeProject:
    """A project with a gate. Its model is the number 7, which is also its error in an evaluation."""

    def make_project(gate: str) -> Shell:
        shell.env |= {"PYTHONPATH": f"{install('thirdparty')}:{install('notworse')}", "HOSTING_PASSWORD": "c4n4ry"}
        shell.write("lading.yaml", MANIFEST.replace("GATE", gate))
        shell.write("cost.txt", "7")
        return shell

    return make_project


def rows(text: str) -> list[list[str]]:
    """The cells of the indented lines of a message."""
    return [line.split() for line in text.splitlines() if line.startswith("  ")]


@pytest.mark.slow
def test_the_gate_of_the_page_refuses_a_worse_model(make_project: MakeProject) -> None:
    page = (ROOT / "docs" / "observers.md").read_text(encoding="utf-8")
    source = ROOT / "tests" / "distributions" / "notworse" / "notworse.py"
    code = source.read_text(encoding="utf-8")
    assert f"```python\n{code}```" in page
    assert sum(bool(line.strip()) for line in code.splitlines()) == 10
    shell = make_project("{plugin: notworse}")
    shell("deploy")
    shell.write("cost.txt", "8")
    assert "error 8.0 is worse than 7.0 of release 1" in shell("deploy", code=3).err
    assert shell("score", "-d", "1").out.strip() == "[7.0]"
    shell.write("cost.txt", "6")
    shell("deploy")
    assert "error 7.0 is worse than 6.0 of release 2" in shell("rollback", code=3).err
    shell("deploy", "--target", "stop")  # no release serves there


def test_a_requirement_of_the_approval_gate_shows_what_serves(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 8", error: ">= 0"}}')
    shell("deploy")
    shell.write("cost.txt", "9")
    err = shell("deploy", code=3).err
    assert "to 'roll' is refused: weight 9 (required < 8)" in err
    assert rows(err)[:4] == [
        ["metric", "required", "new", "serving"],
        ["weight", "<", "8", "9", "7"],
        ["error", ">=", "0", "9", "7"],
        ["cost", "9", "7"],
    ]
    assert shell("score", "-d", "1").out.strip() == "[7.0]"
    first = shell("deploy", "--target", "stop", code=3).err
    assert ["weight", "<", "8", "9"] in rows(first)


def test_a_requirement_that_no_run_recorded_names_the_metrics_that_exist(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {r2: ">= 0.9"}}')
    err = shell("deploy", code=2).err
    assert "lading.yaml:8:42: gates.0.require.r2: the model has no metric r2; it has cost, weight, error" in err
    assert shell("history", "--json").json() == []


def test_an_approver_reads_the_metrics_and_the_plan(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, file: approved.txt}")
    shell.write("approved.txt", "yes")
    shell("deploy")
    shell.write("approved.txt", "")
    shell.write("cost.txt", "9")
    planned = shell("plan").out
    refusal = shell("deploy", code=3).err
    assert "release 1 (rate:1) serves now" in refusal
    assert ["weight", "9", "7"] in rows(refusal)
    trained = next(line for line in planned.splitlines() if "cost.txt" in line or "train.data" in line)
    assert trained.strip() in refusal
    deployed = [line.split() for line in refusal.splitlines() if "deploy to roll" in line]
    assert ["~", "deploy", "to", "roll", "its", "inputs", "changed"] in deployed
    assert "stop" not in refusal
    assert "to approve this package: " in refusal


@pytest.mark.slow
def test_a_command_receives_the_question(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, command: [./ask.sh]}")
    file = shell.write("ask.sh", '#!/bin/sh\nprintf "%s\\n" "$LADING_QUESTION" > question.txt\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    question = shell.folder / "question.txt"
    shell("deploy")
    first = question.read_text()
    assert re.search(r"^  \+ +train +for the first time$", first, re.MULTILINE)
    assert re.search(r"^  \+ +deploy to roll +for the first time$", first, re.MULTILINE)
    assert "serves now" not in first
    shell.write("cost.txt", "8")
    shell("deploy")
    assert "release 1 (rate:1) serves now" in question.read_text()
    shell("rollback")
    back = question.read_text()
    assert "release 2 (rate:2) serves now" in back
    assert ["weight", "7", "8"] in rows(back)
    assert "train" not in back
    assert "deploy to roll" in back
    question.unlink()
    shell("deploy", "--model", "rate:1")  # it already serves, so no approval is needed
    assert not question.exists()


def test_a_gate_sees_that_a_deploy_is_forced(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, command: [./ask.sh]}")
    file = shell.write("ask.sh", '#!/bin/sh\nprintf "%s\\n" "$LADING_QUESTION" > question.txt\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    shell("deploy")
    shell("deploy", "--force")
    question = (shell.folder / "question.txt").read_text()
    assert re.search(r"^  ~ +deploy to roll +asked for with --force$", question, re.MULTILINE)


def test_a_plan_that_cannot_be_made_is_tried_and_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def make_plan(session: object, **_stages: object) -> None:
        tried.append(session)
        raise Refused("the store is locked")

    monkeypatch.setattr(gated, "make_plan", make_plan)
    warnings: list[str] = []
    session: Any = SimpleNamespace(events=SimpleNamespace(emit=lambda _kind, *, detail: warnings.append(detail)))
    plan = gated.GatedPlan(session, whole=True)
    package: Any = object()
    assert [plan(None, ""), plan(None, ""), plan(package, "roll"), plan(package, "stop")] == [None] * 4
    assert warnings == ["the gates get no plan: the store is locked"]
    assert len(tried) == 1


def finish(shell: Shell, evaluate: str = "") -> None:
    """Name a finished model in the manifest in place of the training, with another evaluation or none."""
    manifest = shell.folder / "lading.yaml"
    lines = manifest.read_text().replace("register: {model: rate}", "register: {model: rate, file: rate.txt}")
    kept = "".join(line for line in lines.splitlines(True) if not line.startswith(("train", "evaluate")))
    manifest.write_text(kept + evaluate)
    shell.write("rate.txt", "7")


def test_a_finished_model_that_is_not_evaluated_has_no_metrics(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 8"}}')
    finish(shell)
    assert (
        "the model has no metric weight; it has none, because its run is not known and it was not evaluated"
        in shell("deploy", code=2).err
    )


def test_a_gate_sees_the_evaluation_of_a_finished_model(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 80"}}')
    finish(shell, "evaluate: {plugin: assay, data: cost.txt}\n")
    done = shell("deploy", "--json")
    (up,) = [event for event in map(json.loads, done.err.splitlines()) if event["kind"] == "release.up"]
    assert up["fields"]["metrics"]["weight"] == 7.0
    shell.write("rate.txt", "90")
    err = shell("deploy", code=3).err
    assert "weight 90 (required < 80)" in err
    assert ["weight", "<", "80", "90", "7"] in rows(err)


def test_a_gate_sees_the_newest_evaluation_of_a_finished_model(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 80"}}')
    finish(shell, "evaluate: {plugin: assay, data: cost.txt, unit: 20}\n")
    assert "weight 140 (required < 80)" in shell("deploy", code=3).err
    finish(shell, "evaluate: {plugin: assay, data: cost.txt, unit: 10}\n")
    shell("deploy")


def test_a_gate_judges_the_newest_run_of_the_same_bytes(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 80"}}')
    manifest = shell.folder / "lading.yaml"
    with_evaluation = manifest.read_text()
    manifest.write_text(with_evaluation.replace("evaluate: {plugin: assay}\n", ""))
    assert "it has cost" in shell("deploy", code=2).err
    manifest.write_text(with_evaluation.replace("plugin: assay", "plugin: assay, unit: 10"))
    shell("train", "--force")
    shell("deploy")
    manifest.write_text(with_evaluation.replace("plugin: assay", "plugin: assay, unit: 20"))
    assert "weight 140 (required < 80)" in shell("deploy", "--force", code=3).err


def test_without_a_gate_no_plan_is_made(make_project: MakeProject) -> None:
    shell = make_project("{plugin: approval, variable: APPROVED, targets: [stop]}")
    log = shell.folder / "calls.jsonl"
    shell.env["HOOK_LOG"] = str(log)

    def hooks(*argv: str) -> list[str]:
        log.unlink(missing_ok=True)
        shell(*argv)
        return [json.loads(line)[0] for line in log.read_text().splitlines()]

    asked = hooks("deploy")
    assert asked.index("lading_status") < asked.index("lading_deploy")
    again = hooks("deploy")
    assert again == ["lading_connect", "lading_status", "lading_scoring_uri"]
    manifest = shell.folder / "lading.yaml"
    manifest.write_text("".join(line for line in manifest.read_text().splitlines(True) if "gates" not in line))
    asked = hooks("deploy", "--force")
    assert asked.index("lading_deploy") < asked.index("lading_status")


def test_a_gate_sees_everything_known_without_the_target(make_project: MakeProject) -> None:
    shell = make_project('{plugin: approval, require: {weight: "< 8"}}')
    shell.write("cost.txt", "9")
    done = shell("deploy", code=3, HOOK_FAULT="lading_status:raises")
    assert "roll cannot be asked, so the plan relies on the store" in done.err
    assert "weight 9 (required < 8)" in done.err


def test_a_gate_answers_even_if_no_plan_can_be_made(make_project: MakeProject) -> None:
    shell = make_project("")
    shell.write("lading.yaml", MANIFEST.replace("roll", "capable").replace("GATE", "{plugin: notworse}"))
    shell.write("cost.txt", "7")
    shell("deploy")
    shell.write("cost.txt", "6")
    shell("deploy")
    done = shell("rollback", code=3, HOOK_FAULT="lading_plan:raises")
    assert "warning: the gates get no plan: " in done.err
    assert "error 7.0 is worse than 6.0 of release 2" in done.err
    shell("delete")


def test_a_rollback_without_gates_loads_nothing_of_a_plan(make_project: MakeProject) -> None:
    shell = make_project("")
    for cost in ("7", "6"):
        shell.write("cost.txt", cost)
        shell("deploy")
    code = "import sys; from lading import rollback; rollback(); sys.exit('lading.engine.plan.gated' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=shell.folder, env=shell.env, check=True, timeout=LIMIT)
    shell("delete")
