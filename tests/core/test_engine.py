"""The engine over the plugins of a stranger's distribution: order, reuse, refusals, faults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.conftest import Done, Shell
from tests.core.conftest import MANIFEST


def calls(shell: Shell) -> list[str]:
    """The calls since the last look, each as `hook fact fact`; the observer's apart, for it runs beside."""
    log = Path(shell.env["HARBOUR_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [" ".join([hook.removeprefix("lading_"), *map(str, facts.values())]) for hook, facts in lines]


def without_observer(lines: list[str]) -> list[str]:
    steps = [line for line in lines if not line.startswith("observe")]
    return [line for i, line in enumerate(steps) if i == 0 or line != steps[i - 1]]  # a step may be asked for twice


def lines_of(done: Done) -> list[dict[str, str]]:
    return [json.loads(line) for line in done.err.splitlines()]


def test_order_of_hook_calls(harbour: Shell) -> None:
    harbour("deploy", "--target", "quay", "--target", "raft")
    seen = calls(harbour)
    assert without_observer(seen) == [
        "gate train ",
        "connect harbour north",
        "track running north",
        "train ferry",
        "track finished north",
        "gate register ",
        "gate package ",
        "package hull:1",
        "register hull 1 north",
        "gate deploy quay",
        "deploy quay 1 None",
        "deploy quay 1 True",
        "scoring_uri quay",
        "gate deploy raft",
        "deploy raft 1 None",
        "scoring_uri raft",
    ]
    assert [line for line in seen if line.startswith("observe")] == [
        "observe stage.started train ",
        "observe stage.finished train ",
        "observe stage.started register ",
        "observe stage.finished register ",
        "observe stage.started package ",
        "observe stage.finished package ",
        "observe stage.started deploy quay",
        "observe release.up deploy quay",
        "observe stage.started deploy raft",
        "observe release.up deploy raft",
    ]


def test_nothing_to_do_asks_the_target_alone(harbour: Shell) -> None:
    first = harbour("deploy")
    calls(harbour)
    assert harbour("deploy").out == first.out
    assert without_observer(calls(harbour)) == ["connect harbour north", "status quay", "scoring_uri quay"]


def test_force_redoes_a_stage_and_only_what_depends_on_its_output(harbour: Shell) -> None:
    harbour("deploy")
    calls(harbour)
    harbour("train", "--force")
    assert "train ferry" in calls(harbour)
    harbour("deploy")
    again = calls(harbour)
    assert not any(line.startswith(("train", "package", "deploy")) for line in again)  # the same bytes came out
    harbour("deploy", "--force")
    assert "deploy quay 2 None" in calls(harbour)


def test_changed_data_makes_the_next_release_at_its_own_version(harbour: Shell) -> None:
    harbour("deploy")
    harbour.write("tons.txt", "8")
    harbour.write("lading.yaml", MANIFEST.replace("[7]", "[8]"))
    harbour("deploy")
    assert harbour("score", "-d", "1").out.strip() == "[8.0]"
    assert [model["version"] for model in harbour("model", "list", "--json").json()] == [2, 1]
    harbour.write("lading.yaml", MANIFEST)
    harbour("deploy", "--model", "hull:1")
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"


def test_a_gate_stops_a_stage_before_it_starts(harbour: Shell) -> None:
    done = harbour("deploy", "--target", "forbidden", code=3)
    assert "forbidden is closed" in done.err
    assert not any(line.startswith("deploy") for line in calls(harbour))


def test_a_wrong_answer_leaves_the_old_release_serving(harbour: Shell) -> None:
    harbour("deploy")
    harbour.write("tons.txt", "8")
    done = harbour("deploy", code=8)
    assert "golden request 1 (1): response[0] is 8.0, expected 7 (off by 0.14 of it)" in done.err
    assert "release 1 still serves" in done.err
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"
    harbour.write("lading.yaml", MANIFEST.replace("response: [7]", "response: [7], tolerance: 0.2"))
    harbour("deploy")
    assert harbour("score", "-d", "1").out.strip() == "[8.0]"


def test_an_altered_model_is_refused_with_both_digests_and_the_old_release_serves(harbour: Shell) -> None:
    harbour("deploy")
    (model,) = harbour("model", "list", "--json").json()
    file = harbour.folder / ".lading" / "files" / model["sha256"]
    file.chmod(0o600)
    file.write_text("8")
    done = harbour("deploy", "--force", code=3)
    assert model["sha256"] in done.err
    assert hashlib.sha256(b"8").hexdigest() in done.err
    assert "`lading repair`" in done.err
    assert not any(line.startswith("deploy quay 2") for line in calls(harbour))
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"
    harbour("repair", "--yes")
    harbour("deploy", "--force")


def test_a_target_without_room_gets_the_previous_package_again(harbour: Shell) -> None:
    harbour("deploy", "--target", "raft")
    harbour.write("tons.txt", "8")
    done = harbour("deploy", "--target", "raft", code=8)
    assert "response[0] is 8.0" in done.err
    assert "release 1 serves again, as release 3" in done.err
    assert harbour("score", "--target", "raft", "-d", "1").out.strip() == "[7.0]"


def test_a_failed_release_shows_its_own_log(harbour: Shell) -> None:
    harbour.write("tons.txt", "11")
    done = harbour("deploy", code=8)
    assert "release 1 of ferry on 'quay' did not come up: ran aground" in done.err
    assert "captain: I told you so" in done.err


def test_of_several_targets_the_others_still_run_and_the_worst_counts(harbour: Shell) -> None:
    done = harbour("deploy", "--target", "forbidden", "--target", "quay", "--json", code=3)
    failed, up = done.json()["deployments"]
    assert failed["error"]["message"] == "forbidden is closed"
    assert up["uri"].startswith("http://127.0.0.1:")


def test_a_failed_training_is_recorded_and_tracked(harbour: Shell) -> None:
    harbour.write("tons.txt", "-1")
    done = harbour("deploy", code=2)
    assert "tons.txt: -1.0 is below the water line" in done.err
    (run,) = harbour("run", "list", "--json").json()
    assert (run["state"], run["error"]) == ("failed", "tons.txt: -1.0 is below the water line")
    assert "track failed north" in calls(harbour)


def test_a_run_made_before_the_connection_was_used_is_logged_later(harbour: Shell) -> None:
    harbour("train")
    assert without_observer(calls(harbour)) == ["gate train ", "train ferry"]
    harbour("deploy")
    seen = without_observer(calls(harbour))
    assert seen[:3] == ["connect harbour north", "track finished north", "gate register "]
    (run,) = harbour("run", "list", "--json").json()
    assert run["tracked"][0]["tracker"] == "harbour"


def test_a_connection_can_be_used_always(harbour: Shell) -> None:
    harbour.write("lading.yaml", MANIFEST.replace("{model: hull}", "{model: hull, to: [harbour]}\ntrack: [harbour]"))
    harbour("register")
    assert without_observer(calls(harbour))[1:] == [
        "connect harbour north",
        "track running north",
        "train ferry",
        "track finished north",
        "gate register ",
        "register hull 1 north",
    ]


def test_on_a_terminal_an_address_stays_and_the_result_is_stdouts_alone(harbour: Shell) -> None:
    harbour.write("lading.yaml", MANIFEST.replace("{model: hull}", "{model: hull, to: [harbour]}\ntrack: [harbour]"))
    trained = harbour.on_a_terminal("train")
    run = trained.out.rstrip()
    assert trained.err.count(f"✓ train: logged to harbour · https://north.example/{run}") == 1
    assert harbour.on_a_terminal("register").out == "hull:1\n"


def test_secrets_are_masked_and_kept_nowhere(harbour: Shell) -> None:
    done = harbour("deploy")
    assert "signing in as *** · with ***" in done.err
    assert "c4n4ry" not in done.err + done.out
    for file in (harbour.folder / ".lading").rglob("*"):
        assert not file.is_file() or b"c4n4ry" not in file.read_bytes(), file


def test_a_missing_secret_names_its_variable(harbour: Shell) -> None:
    del harbour.env["HARBOUR_PASSWORD"]
    assert "the environment variable HARBOUR_PASSWORD is not set" in harbour("deploy", code=2).err


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raises", "failed in lading_train: ValueError: the rope broke"),
        ("exits", "failed in lading_train: SystemExit: 3"),
        ("wrong-type", "answered lading_train with str, not TrainedModel"),
    ],
)
def test_a_plugin_that_breaks_is_named(harbour: Shell, fault: str, message: str) -> None:
    done = harbour("deploy", code=6, HARBOUR_FAULT=f"lading_train:{fault}")
    assert f"plugin 'crane' (lading-harbour 2.1) {message}" in done.err
    harbour("deploy")  # nothing is left that stands in the way


def test_what_a_plugin_prints_does_not_spoil_the_result(harbour: Shell) -> None:
    done = harbour("deploy", HARBOUR_FAULT="lading_train:prints")
    assert done.out.startswith("http://")
    assert "harbour was here" in done.err


def test_an_observer_that_fails_is_reported_and_changes_nothing(harbour: Shell) -> None:
    done = harbour("deploy", HARBOUR_FAULT="lading_observe:raises")
    assert "warning: observer 'bell': plugin 'bell' (lading-harbour 2.1) failed in lading_observe" in done.err
    assert done.out.startswith("http://")


@pytest.mark.slow
def test_a_deploy_that_hangs_past_its_time_has_an_unknown_outcome(harbour: Shell) -> None:
    done = harbour("deploy", "--timeout", "10", code=7, HARBOUR_FAULT="lading_deploy:hangs")
    assert "target 'quay' (lading-harbour 2.1) did not end lading_deploy in time" in done.err
    assert "run the same command again" in done.err
    assert "release 1" in harbour("deploy").err


def test_delete_and_delete_again(harbour: Shell) -> None:
    harbour("deploy")
    harbour("delete")
    assert harbour("status", "--target", "quay", "--json").json()["deployments"][0]["state"] == "absent"
    assert "nothing to delete" in harbour("delete").err
    assert "has no scoring URI: no ship is moored" in harbour("uri", code=6).err
    harbour("deploy")
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"


def test_events_in_json_lines(harbour: Shell) -> None:
    done = harbour("deploy", "--json")
    kinds = [event["kind"] for event in lines_of(done) if event["kind"] != "progress"]
    assert kinds == [
        *(["stage.started", "stage.finished"] * 3),
        "stage.started",
        "release.up",
    ]


def test_what_a_hook_finds_wrong_with_an_option_is_told_at_its_line(harbour: Shell) -> None:
    text = (harbour.folder / "lading.yaml").read_text(encoding="utf-8")
    changed = text.replace("quay: {", "quay: {lamps: 12, ")
    assert changed != text
    harbour.write("lading.yaml", changed)
    line = next(number for number, line in enumerate(changed.splitlines(), 1) if "lamps" in line)
    column = changed.splitlines()[line - 1].index("12") + 1
    expected = f"lading.yaml:{line}:{column}: targets.quay.lamps: a berth has posts for 9 lamps"
    assert expected in harbour("deploy", code=2).err
