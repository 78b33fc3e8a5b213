"""The findings of targets before a deploy: each at its line, before any training, and only if needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Shell

BLACK = "a black flag is not allowed"


def calls(shell: Shell) -> list[str]:
    """The hooks that were called since the last read, without the observers' calls."""
    log = Path(shell.env["HOOK_LOG"])
    hooks = [json.loads(line)[0].removeprefix("lading_") for line in log.read_text().splitlines()]
    log.unlink()
    return [hook for hook in hooks if hook != "observe"]


@pytest.fixture
def capable(project: Shell) -> Shell:
    set_flag(project, "white")
    return project


def set_flag(shell: Shell, flag: str) -> None:
    file = shell.folder / "lading.yaml"
    text = file.read_text().partition("target: ")[0]
    block = f"target: capable\ntargets:\n  capable: {{flag: {flag}}}\n  roll: {{}}\n"
    file.write_text(text + block)


def test_an_error_ends_a_deploy_before_it_trains(capable: Shell) -> None:
    set_flag(capable, "black")
    done = capable("deploy", code=6)
    assert f"lading.yaml:13:19: targets.capable.flag: {BLACK}\n  choose another" in done.err
    assert calls(capable) == ["plan", "connect", "preflight"]
    assert capable("run", "list", "--json").json() == capable("history", "--json").json() == []


def test_a_deploy_checks_once_and_not_if_it_has_nothing_to_do(capable: Shell) -> None:
    set_flag(capable, "grey")
    done = capable("deploy")
    assert done.err.count("warning: lading.yaml:13:19: targets.capable.flag: a grey flag is hard to see") == 1
    assert calls(capable).count("preflight") == 1
    again = capable("deploy")
    assert "preflight" not in calls(capable)
    assert "grey flag" not in again.err
    capable("deploy", "--force")
    assert calls(capable).count("preflight") == 1
    capable("delete")


def test_of_several_targets_the_others_are_deployed(capable: Shell) -> None:
    set_flag(capable, "black")
    rows = capable("deploy", "-t", "capable", "-t", "roll", "--json", code=6).json()["deployments"]
    assert BLACK in rows[0]["error"]["message"]
    assert rows[1]["uri"].startswith("http://")
    assert "deploy" in (asked := calls(capable))
    assert asked.count("preflight") == 1
    capable("delete", "-t", "roll")


def test_a_failed_plan_of_one_target_does_not_stop_the_others(capable: Shell) -> None:
    fault = "lading_plan@capable:raises"
    rows = capable("deploy", "-t", "capable", "-t", "roll", "--json", code=6, HOOK_FAULT=fault).json()["deployments"]
    assert "failed in lading_plan" in rows[0]["error"]["message"]
    assert rows[1]["uri"].startswith("http://")
    capable("delete", "-t", "roll")


def test_a_transient_failure_is_checked_again_before_that_target_is_deployed(capable: Shell) -> None:
    capable.env["HOOK_FAULT"] = "lading_preflight:fails-once"
    rows = capable("deploy", "-t", "roll", "-t", "capable", "--json").json()["deployments"]
    assert [row["target"] for row in rows] == ["roll", "capable"]
    assert all(row["uri"].startswith("http://") for row in rows)
    capable("delete", "-t", "roll")
    capable("delete", "-t", "capable")


def test_the_command_prints_the_findings_and_has_the_exit_code_of_the_deploy(capable: Shell) -> None:
    done = capable("preflight")
    assert (done.out, "no problems found" in done.err) == ("", True)
    set_flag(capable, "black")
    done = capable("preflight", code=6)
    assert done.out == f"capable: error: lading.yaml:13:19: targets.capable.flag: {BLACK}\n  choose another\n"
    assert capable("preflight", "-t", "roll", "--json").json() == {"findings": []}
    assert not (capable.folder / ".lading").exists()


def test_a_finding_about_a_nested_option_is_at_the_item_or_at_its_parent(capable: Shell) -> None:
    text = (capable.folder / "lading.yaml").read_text().partition("  capable: ")[0]
    block = "  capable:\n    cords:\n      - {metres: 5}\n      - metres: 0\n      - {}\n"
    block += "    spare:\n      acme: {}\n      acme.2: {metres: 0}\n"
    (capable.folder / "lading.yaml").write_text(text + block)
    found = capable("preflight", "--json").json()["findings"]
    places = [each["message"].removesuffix(": a short cord") for each in found]
    assert places == [
        "lading.yaml:16:17: targets.capable.cords.1.metres",
        "lading.yaml:17:9: targets.capable.cords.2.metres",
        "lading.yaml:19:7: targets.capable.spare.acme.metres",
        "lading.yaml:20:24: targets.capable.spare.acme.2.metres",
    ]


def test_a_finding_shows_no_secret(capable: Shell) -> None:
    file = capable.folder / "lading.yaml"
    file.write_text(file.read_text().replace("flag: white", 'flag: "${COLOUR}"'))
    for argv in (["preflight"], ["preflight", "--json"], ["deploy"]):
        done = capable(*argv, code=6, COLOUR="s3cr3t-flag")
        assert "${COLOUR} is not allowed" in done.out + done.err
        assert "s3cr3t" not in done.out + done.err


def test_a_failed_preflight_is_a_finding_too(capable: Shell) -> None:
    fault = "lading_preflight@capable:raises"
    (found,) = capable("preflight", "--json", code=6, HOOK_FAULT=fault).json()["findings"]
    assert (found["severity"], "failed in lading_preflight: ValueError" in found["message"]) == ("error", True)
    assert "failed in lading_preflight" in capable("deploy", code=6, HOOK_FAULT=fault).err
    assert "train" not in calls(capable)


def test_a_change_that_a_target_refuses_ends_a_deploy_before_it_trains(capable: Shell) -> None:
    capable("deploy")
    capable.write("cost.txt", "7.0")
    file = capable.folder / "lading.yaml"
    file.write_text(file.read_text().replace("{flag: white}", "{flag: white, disks: 2}"))
    said = "lading.yaml:13:33: targets.capable.disks: a disk cannot move"
    assert f"      refused: {said}\n        buy one\n" in capable("plan").out
    calls(capable)
    planned = capable("plan", "--json").json()["stages"][-1]
    assert [(each["effect"], each["message"]) for each in planned["findings"]] == [
        ("gap", "the 0 CPUs are released first"),
        ("refused", said),
    ]
    assert f"{said}\n  buy one" in capable("deploy", code=3).err
    log = [json.loads(line) for line in Path(capable.env["HOOK_LOG"]).read_text().splitlines()]
    assert [facts["signed_in"] for hook, facts in log if hook == "lading_plan"] == [False, False]
    assert "train" not in calls(capable)
    assert len(capable("run", "list", "--json").json()) == 1
    capable("delete")


@pytest.mark.slow
def test_a_moved_service_is_removed_from_its_old_place(capable: Shell) -> None:
    capable("deploy")
    file = capable.folder / "lading.yaml"
    first = file.read_text()
    file.write_text(first.replace("{flag: white}", "{flag: white, service_name: second}"))
    planned = capable("plan").out
    place = "lading.yaml:13:40: targets.capable.service_name: price, the old place,"
    assert f"moved: {place} is removed once second is up" in planned
    rows = capable("status", "--target", "capable", "--json").json()["deployments"]
    assert [(row["service"], row["state"]) for row in rows] == [("second", "absent"), ("price", "running")]
    assert rows[1]["detail"] == "at its old place, which the next `lading deploy` clears"

    stuck = capable("deploy", DELETE_FAULT="stuck").err
    assert "price, the old place, is not cleared yet: price on 'capable' could not be deleted" in stuck
    assert "its old place is not cleared yet" in capable("plan").out
    assert "clearing the old place · price" in capable("deploy").err
    rows = capable("status", "--target", "capable", "--json").json()["deployments"]
    assert [(row["service"], row["state"]) for row in rows] == [("second", "running")]
    assert "nothing to do" in capable("plan").out
    file.write_text(first)
    assert "moved:" in capable("plan").out
    capable("delete")  # of `price`, which is nowhere, and of `second` at the old place
    rows = capable("status", "--target", "capable", "--json").json()["deployments"]
    assert [(row["service"], row["state"]) for row in rows] == [("price", "absent")]
    assert "moved:" not in capable("plan").out


@pytest.mark.slow
def test_keep_old_place_leaves_the_old_service_up(capable: Shell) -> None:
    capable("deploy")
    file = capable.folder / "lading.yaml"
    first = file.read_text()
    file.write_text(first.replace("{flag: white}", "{flag: white, service_name: second, keep_old_place: true}"))
    assert "targets.capable.service_name: price, the old place, stays there" in capable("plan").out
    capable("deploy")
    capable("delete")
    file.write_text(first)
    assert capable("score", "-d", "1").json() == [7.0]
    capable("delete")
