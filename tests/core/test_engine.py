"""The engine with plugins of a third-party distribution: order, reuse, refusals, faults."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from tests.conftest import Done, Shell
from tests.core.conftest import MANIFEST


def calls(shell: Shell) -> list[str]:
    """The calls since the last read, each as `hook fact fact`. The observer's are separate, because it runs
    concurrently.
    """
    log = Path(shell.env["HOOK_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [" ".join([hook.removeprefix("lading_"), *map(str, facts.values())]) for hook, facts in lines]


def without_observer(lines: list[str]) -> list[str]:
    steps = [line for line in lines if not line.startswith("observe")]
    return [line for i, line in enumerate(steps) if i == 0 or line != steps[i - 1]]  # a step can be called twice


def lines_of(done: Done) -> list[dict[str, str]]:
    return [json.loads(line) for line in done.err.splitlines()]


def test_order_of_hook_calls(project: Shell) -> None:
    project("deploy", "--target", "roll", "--target", "stop")
    seen = calls(project)
    assert without_observer(seen) == [
        "gate train ",
        "connect hosting north",
        "track running north",
        "train price",
        "track finished north",
        "gate register ",
        "gate package ",
        "package rate:1",
        "register rate 1 north",
        "status roll",
        "gate deploy roll",
        "deploy roll 1 None",
        "deploy roll 1 True",
        "status roll",
        "scoring_uri roll",
        "status stop",
        "gate deploy stop",
        "deploy stop 1 None",
        "status stop",
        "scoring_uri stop",
    ]
    assert [line for line in seen if line.startswith("observe")] == [
        "observe stage.started train ",
        "observe stage.finished train ",
        "observe stage.started register ",
        "observe stage.finished register ",
        "observe stage.started package ",
        "observe stage.finished package ",
        "observe stage.started deploy roll",
        "observe release.up deploy roll",
        "observe stage.started deploy stop",
        "observe release.up deploy stop",
    ]


def test_with_nothing_to_do_only_the_target_is_queried(project: Shell) -> None:
    first = project("deploy")
    calls(project)
    assert project("deploy").out == first.out
    assert without_observer(calls(project)) == ["connect hosting north", "status roll", "scoring_uri roll"]


def test_force_repeats_a_stage_and_only_stages_that_depend_on_its_output(project: Shell) -> None:
    project("deploy")
    calls(project)
    project("train", "--force")
    assert "train price" in calls(project)
    project("deploy")
    again = calls(project)
    assert not any(line.startswith(("train", "package", "deploy")) for line in again)  # the output has the same bytes
    project("deploy", "--force")
    assert "deploy roll 2 None" in calls(project)


@pytest.mark.slow
def test_changed_data_creates_the_next_release_with_its_own_version(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "8")
    project.write("lading.yaml", MANIFEST.replace("[7]", "[8]"))
    project("deploy")
    assert project("score", "-d", "1").out.strip() == "[8.0]"
    assert [model["version"] for model in project("model", "list", "--json").json()] == [2, 1]
    project.write("lading.yaml", MANIFEST)
    project("deploy", "--model", "rate:1")
    assert project("score", "-d", "1").out.strip() == "[7.0]"


def test_a_gate_stops_a_stage_before_it_starts(project: Shell) -> None:
    done = project("deploy", "--target", "forbidden", code=3)
    assert "forbidden is closed" in done.err
    assert not any(line.startswith("deploy") for line in calls(project))


@pytest.mark.slow
def test_a_wrong_answer_leaves_the_old_release_serving(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "8")
    done = project("deploy", code=8)
    assert "golden request 1 (1): response[0] is 8.0, expected 7 (off by 0.14 of it)" in done.err
    assert "release 1 still serves" in done.err
    assert project("score", "-d", "1").out.strip() == "[7.0]"
    project.write("lading.yaml", MANIFEST.replace("response: [7]", "response: [7], tolerance: 0.2"))
    project("deploy")
    assert project("score", "-d", "1").out.strip() == "[8.0]"


@pytest.mark.slow
def test_an_altered_model_is_refused_with_both_digests_and_the_old_release_serves(project: Shell) -> None:
    project("deploy")
    (model,) = project("model", "list", "--json").json()
    file = project.folder / ".lading" / "files" / model["sha256"]
    file.chmod(0o600)
    file.write_text("8")
    done = project("deploy", "--force", code=3)
    assert model["sha256"] in done.err
    assert hashlib.sha256(b"8").hexdigest() in done.err
    assert "`lading repair`" in done.err
    assert not any(line.startswith("deploy roll 2") for line in calls(project))
    assert project("score", "-d", "1").out.strip() == "[7.0]"
    project("repair", "--yes")
    project("deploy", "--force")


def test_a_target_without_room_gets_the_previous_package_again(project: Shell) -> None:
    project("deploy", "--target", "stop")
    project.write("cost.txt", "8")
    done = project("deploy", "--target", "stop", code=8)
    assert "response[0] is 8.0" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert project("score", "--target", "stop", "-d", "1").out.strip() == "[7.0]"


def test_a_failed_release_shows_its_own_log(project: Shell) -> None:
    project.write("cost.txt", "11")
    done = project("deploy", code=8)
    assert re.search("release 1 of price on 'roll' did not come up: .*: over the limit", done.err)
    assert "server: the number is too large" in done.err


def test_a_failed_release_shows_the_line_of_the_option_to_change(project: Shell) -> None:
    project.write("cost.txt", "11")
    text = (project.folder / "lading.yaml").read_text(encoding="utf-8")
    project.write("lading.yaml", text.replace("  roll: {}", "  roll: {depth: 10}"))
    line = text.splitlines().index("  roll: {}") + 1
    expected = f"did not come up: lading.yaml:{line}:17: targets.roll.depth: over the limit"
    assert expected in project("deploy", code=8).err


def test_of_several_targets_the_others_still_run_and_the_worst_counts(project: Shell) -> None:
    done = project("deploy", "--target", "forbidden", "--target", "roll", "--json", code=3)
    failed, up = done.json()["deployments"]
    assert failed["error"]["message"] == "forbidden is closed"
    assert up["uri"].startswith("http://127.0.0.1:")


def test_a_failed_training_is_recorded_and_tracked(project: Shell) -> None:
    project.write("cost.txt", "-1")
    done = project("deploy", code=2)
    assert "cost.txt: -1.0 is below zero" in done.err
    (run,) = project("run", "list", "--json").json()
    assert (run["state"], run["error"]) == ("failed", "cost.txt: -1.0 is below zero")
    assert "track failed north" in calls(project)


def test_a_run_made_before_the_connection_was_used_is_logged_later(project: Shell) -> None:
    project("train")
    assert without_observer(calls(project)) == ["gate train ", "train price"]
    project("deploy")
    seen = without_observer(calls(project))
    assert seen[:3] == ["connect hosting north", "track finished north", "gate register "]
    (run,) = project("run", "list", "--json").json()
    assert run["tracked"][0]["tracker"] == "hosting"


def test_a_connection_can_be_used_always(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("{model: rate}", "{model: rate, to: [hosting]}\ntrack: [hosting]"))
    project("register")
    assert without_observer(calls(project))[1:] == [
        "connect hosting north",
        "track running north",
        "train price",
        "track finished north",
        "gate register ",
        "register rate 1 north",
    ]


def test_on_a_terminal_an_address_stays_and_stdout_has_only_the_result(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("{model: rate}", "{model: rate, to: [hosting]}\ntrack: [hosting]"))
    trained = project.on_a_terminal("train")
    run = trained.out.rstrip()
    assert trained.err.count(f"✓ train: logged to hosting · https://north.example/{run}") == 1
    assert project.on_a_terminal("register").out == "rate:1\n"


def test_secrets_are_redacted_and_stored_nowhere(project: Shell) -> None:
    done = project("deploy")
    assert "signing in as *** · with ***" in done.err
    assert "c4n4ry" not in done.err + done.out
    for file in (project.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"c4n4ry" not in file.read_bytes(), file


def test_a_missing_secret_names_its_variable(project: Shell) -> None:
    del project.env["HOSTING_PASSWORD"]
    assert "the environment variable HOSTING_PASSWORD is not set" in project("deploy", code=2).err


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raises", "failed in lading_train: ValueError: the connection broke"),
        ("exits", "failed in lading_train: SystemExit: 3"),
        ("wrong-type", "returned str from lading_train, not TrainedModel"),
    ],
)
def test_a_plugin_that_breaks_is_named(project: Shell, fault: str, message: str) -> None:
    done = project("deploy", code=6, HOOK_FAULT=f"lading_train:{fault}")
    assert f"plugin 'constant' (lading-thirdparty 2.1) {message}" in done.err
    project("deploy")  # no earlier release is in the way


def test_output_of_a_plugin_does_not_spoil_the_result(project: Shell) -> None:
    done = project("deploy", HOOK_FAULT="lading_train:prints")
    assert done.out.startswith("http://")
    assert "the plugin was here" in done.err


def test_an_observer_that_fails_is_reported_and_changes_nothing(project: Shell) -> None:
    done = project("deploy", HOOK_FAULT="lading_observe:raises")
    assert "warning: observer 'bell': plugin 'bell' (lading-thirdparty 2.1) failed in lading_observe" in done.err
    assert done.out.startswith("http://")


@pytest.mark.slow
def test_a_deploy_over_its_time_limit_has_an_unknown_outcome(project: Shell) -> None:
    done = project("deploy", "--timeout", "10", code=7, HOOK_FAULT="lading_deploy:hangs")
    assert "target 'roll' (lading-thirdparty 2.1) did not end lading_deploy in time" in done.err
    assert "run the same command again" in done.err
    assert "release 1" in project("deploy").err


@pytest.mark.slow
def test_delete_and_delete_again(project: Shell) -> None:
    project("deploy")
    project("delete")
    assert project("status", "--target", "roll", "--json").json()["deployments"][0]["state"] == "absent"
    assert "nothing to delete" in project("delete").err
    assert "has no scoring URI: no server runs" in project("uri", code=6).err
    project("deploy")
    assert project("score", "-d", "1").out.strip() == "[7.0]"


def test_events_in_json_lines(project: Shell) -> None:
    done = project("deploy", "--json")
    kinds = [event["kind"] for event in lines_of(done) if event["kind"] != "progress"]
    assert kinds == [
        *(["stage.started", "stage.finished"] * 3),
        "stage.started",
        "release.up",
    ]


def test_a_hooks_finding_about_an_option_is_reported_at_its_line(project: Shell) -> None:
    text = (project.folder / "lading.yaml").read_text(encoding="utf-8")
    changed = text.replace("roll: {", "roll: {disks: 12, ")
    assert changed != text
    project.write("lading.yaml", changed)
    line = next(number for number, line in enumerate(changed.splitlines(), 1) if "disks" in line)
    column = changed.splitlines()[line - 1].index("12") + 1
    expected = f"lading.yaml:{line}:{column}: targets.roll.disks: a server has slots for 9 disks"
    assert expected in project("deploy", code=2).err


def test_an_observer_reports_the_fault_of_an_option_at_its_line(project: Shell) -> None:
    text = (project.folder / "lading.yaml").read_text(encoding="utf-8")
    project.write("lading.yaml", text.replace("{plugin: bell}", "{plugin: bell, tones: [a, flat]}"))
    expected = "lading.yaml:9:39: observers.0.tones.1: a bell does not ring flat"
    assert expected in project("train").err


def test_a_fault_of_a_nested_option_is_reported_at_its_line_and_column(project: Shell) -> None:
    text = (project.folder / "lading.yaml").read_text(encoding="utf-8")
    changed = text.replace("  roll: {}\n", "  roll: {cords: [{metres: 5}, {metres: 0}]}\n")
    project.write("lading.yaml", changed)
    line = next(number for number, line in enumerate(changed.splitlines(), 1) if "cords" in line)
    column = changed.splitlines()[line - 1].index("0}]") + 1
    expected = f"lading.yaml:{line}:{column}: targets.roll.cords.1.metres: a cord has a length"
    assert expected in project("deploy", code=2).err
