"""Canaries, from the command line: their share of the requests, and their end."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST, wait_for
from tests.waiting import LIMIT

from lading.store import Store

BLOCK = "  router: {}\n"
SAMPLES = "  samples: [{request: 1, response: [7]}]\n"


@pytest.fixture
def routed(project: Shell) -> Iterator[Shell]:
    """A project with release 1 up on `router`, which answers 7. The manifest asks for a model that answers 8."""
    project.write("lading.yaml", MANIFEST.replace("target: roll", "target: router").replace("  stop: {}\n", BLOCK))
    project("deploy")
    answer(project, 8)
    yield project
    project("delete", code=None)


def answer(project: Shell, number: int, expected: int | None = None) -> None:
    """Let the manifest ask for a model that answers a number, with a sample that expects it."""
    project.write("cost.txt", str(number))
    manifest = project.folder / "lading.yaml"
    lines = (line for line in manifest.read_text().splitlines(True) if "samples:" not in line)
    text = "".join(lines).replace("  plugin: constant\n", f"  plugin: constant\n{SAMPLES}", 1)
    manifest.write_text(text.replace("[7]", f"[{number if expected is None else expected}]"))


def ask(uri: str, **headers: str) -> int:
    request = urllib.request.Request(uri, b"1", {name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=LIMIT) as response:
        (found,) = json.loads(response.read())
    return int(found)


def shares(project: Shell) -> tuple[int | None, int | None, int | None]:
    """The stable release, the canary, and the weight of the canary."""
    found = project("traffic", "--json").json()
    canary = found["canary"] or {"release": None, "weight": None}
    assert found["stable"]["weight"] == 100 - (canary["weight"] or 0)
    return found["stable"]["release"], canary["release"], canary["weight"]


def states(project: Shell) -> list[str]:
    return [f"{row['number']} {row['state']}" for row in project("history", "--json").json()]


def calls(project: Shell, hook: str) -> int:
    lines = Path(project.env["HOOK_LOG"]).read_text().splitlines()
    return sum(json.loads(line)[0] == hook for line in lines)


def test_without_a_release_a_canary_is_a_plain_deploy(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("target: roll", "target: router").replace("  stop: {}\n", BLOCK))
    done = project("deploy", "--canary", "10")
    assert "nothing serves yet, so the new release gets all requests and is not a canary" in done.err
    assert shares(project) == (1, None, None)
    project("delete")


def test_a_canary_gets_exactly_its_share_until_it_is_promoted(routed: Shell) -> None:
    done = routed("deploy", "--canary", "10")
    assert "release 2 is a canary with 10 % of the requests; `lading promote` or `lading abort` ends it" in done.err
    assert "1 of 1 golden answers differs from release 1, by at most 12 %" in done.err
    uri = done.out.strip()
    assert Counter(ask(uri) for _ in range(100)) == {7: 90, 8: 10}
    assert (ask(uri, x_lane="stable"), ask(uri, x_lane="canary")) == (7, 8)
    assert shares(routed) == (1, 2, 10)
    assert states(routed) == ["2 canary", "1 up"]
    assert "canary: 10 % of the requests" in routed("status").out
    assert "the stable one; release 2, the canary, gets 10 % of the requests" in routed("why", uri).out
    assert "the canary" not in routed("why", "1").out
    rows = [row.split() for row in routed("status", "-t", "router").out.splitlines()[1:]]
    assert [row[3] for row in rows] == ["1", "2"]
    again = routed("deploy", "--canary", "50", "--json").json()["deployments"][0]
    assert (again["release"], again["reused"], again["traffic"]["canary"]["weight"]) == (2, True, 50)
    routed("promote")
    assert {ask(uri) for _ in range(20)} == {8}
    assert shares(routed) == (2, None, None)
    assert states(routed) == ["2 up", "1 superseded"]
    assert "release 2 of price on 'router' is the stable one" in routed("promote").err
    assert "unchanged" in routed("deploy").err


@pytest.mark.slow
def test_an_aborted_canary_leaves_the_stable_release(routed: Shell) -> None:
    uri = routed("deploy", "--shadow", "100").out.strip()
    assert routed("traffic", "--json").json() == {
        "stable": {"release": 1, "weight": 100},
        "canary": {"release": 2, "weight": 0},
        "shadow": 100,
    }
    routed("traffic", "--weight", "40")
    assert shares(routed) == (1, 2, 40)
    routed("abort")
    assert {ask(uri) for _ in range(20)} == {7}
    assert states(routed) == ["2 aborted", "1 up"]
    assert "aborted already" in routed("abort").err
    assert "has no canary" in routed("promote", code=2).err
    assert routed("deploy", "--canary", "5", "--json").json()["deployments"][0]["release"] == 3


@pytest.mark.slow
def test_a_canary_is_ended_without_observers_that_cannot_be_bound(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    manifest = routed.folder / "lading.yaml"
    manifest.write_text(manifest.read_text().replace("observers: [", 'observers: [{plugin: eventlog, file: "${NO}"}, '))
    for command, weight in ((("traffic", "--weight", "50"), 50), (("abort",), None)):
        assert "the observers are left out: " in routed(*command).err
        assert shares(routed)[2] == weight


@pytest.mark.slow
def test_beside_a_canary_other_releases_are_refused(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    trained = calls(routed, "lading_train")
    for argv in (("deploy",), ("deploy", "--force"), ("rollback",)):
        refused = routed(*argv, code=3).err
        assert "release 2 of price on 'router' is a canary" in refused
        assert "`lading promote` or `lading abort` first" in refused
    answer(routed, 9)
    assert "the manifest asks for another release" in routed("deploy", "--canary", "10", code=3).err
    assert calls(routed, "lading_train") == trained
    assert shares(routed) == (1, 2, 10)
    assert "release 2 is a canary, and the manifest asks for another release: `lading promote`" in routed("plan").out
    answer(routed, 8)
    assert "release 2 is a canary: `lading promote` or `lading abort` first" in routed("plan").out


def test_a_target_without_traffic_is_refused_before_the_training(routed: Shell) -> None:
    trained = calls(routed, "lading_train")
    refused = routed("deploy", "--target", "roll", "--canary", "10", code=2).err
    assert "lading.yaml:13:3: targets.roll: the target cannot serve two releases at once" in refused
    assert calls(routed, "lading_train") == trained
    assert "--canary cannot be combined with --shadow" in routed("deploy", "--canary", "1", "--shadow", "1", code=2).err


def test_a_target_that_copies_no_requests_has_no_shadow(routed: Shell) -> None:
    trained = calls(routed, "lading_train")
    routed.env["SHIFT_FAULT"] = "no-shadow"
    refused = routed("deploy", "--shadow", "10", code=2).err
    assert "lading.yaml:14:3: targets.router: the target cannot copy requests to a canary" in refused
    assert "`--canary N` gives it a share of the requests" in refused
    assert calls(routed, "lading_train") == trained
    routed("deploy", "--canary", "10")
    assert shares(routed) == (1, 2, 10)


def test_a_canary_that_answers_a_sample_wrongly_does_not_come_up(routed: Shell) -> None:
    answer(routed, 8, expected=9)
    assert "release 2 of price on 'router' did not come up" in routed("deploy", "--canary", "10", code=8).err
    assert shares(routed) == (1, None, None)
    assert states(routed) == ["2 failed", "1 up"]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["lading_deploy", "lading_shift"])
def test_a_killed_canary_is_continued_by_the_same_command(routed: Shell, step: str) -> None:
    kill_in(routed, step, "deploy", "--canary", "10")
    assert routed("deploy", "--canary", "10", "--json").json()["deployments"][0]["release"] == 2
    assert shares(routed) == (1, 2, 10)
    kill_in(routed, "lading_shift", "promote")
    routed("promote")
    assert shares(routed) == (2, None, None)


@pytest.mark.slow
def test_an_interrupted_canary_can_be_aborted(routed: Shell) -> None:
    kill_in(routed, "lading_deploy", "deploy", "--canary", "10")
    assert "the canary, is not up yet" in routed("promote", code=2).err
    routed("abort")
    assert states(routed) == ["2 aborted", "1 up"]


@pytest.mark.slow
def test_a_plain_deploy_abandons_an_interrupted_canary(routed: Shell) -> None:
    kill_in(routed, "lading_deploy", "deploy", "--canary", "10")
    routed("deploy")
    assert states(routed) == ["3 up", "2 failed", "1 superseded"]
    assert shares(routed) == (3, None, None)


def kill_in(project: Shell, hook: str, *argv: str) -> None:
    """Kill a command while a hook of the target hangs."""
    known = calls(project, hook)
    with project.start(*argv, HOOK_FAULT=f"{hook}@router:hangs") as process:
        wait_for(lambda: calls(project, hook) > known)
        process.send_signal(signal.SIGKILL)


def flags(project: Shell, whose: str = "flag") -> set[str]:
    """The option `flag` in the shifts so far, of the stable release or of the canary. They are forgotten."""
    log = Path(project.env["HOOK_LOG"])
    found = [facts[whose] for hook, facts in map(json.loads, log.read_text().splitlines()) if hook == "lading_shift"]
    log.write_text("")
    return set(found)


def paint(project: Shell, flag: str) -> None:
    """Let the block of the target have the option `flag`."""
    manifest = project.folder / "lading.yaml"
    manifest.write_text(re.sub("  router: {.*}", f'  router: {{flag: "{flag}"}}', manifest.read_text()))


@pytest.mark.slow
def test_a_shift_has_the_options_of_the_release_that_serves_after_it(routed: Shell) -> None:
    paint(routed, "green")
    routed("deploy", "--canary", "10")
    assert flags(routed) == {"white"}, "the stable release was deployed with this flag"
    paint(routed, "red")
    routed("traffic", "--weight", "50")
    assert flags(routed) == {"white"}
    routed("traffic", "--weight", "40")
    assert flags(routed, "canary") == {"green"}, "a target may have to start it again"
    routed("abort")
    assert flags(routed) == {"white"}
    paint(routed, "green")
    routed("deploy", "--canary", "10")
    paint(routed, "red")
    routed("promote")
    assert flags(routed) == {"white", "green"}


@pytest.mark.slow
def test_a_canary_does_not_need_the_variables_of_the_stable_release(routed: Shell) -> None:
    paint(routed, "${OLD}")
    routed("deploy", OLD="blue")
    answer(routed, 9)
    paint(routed, "${NEW}")
    routed.env["NEW"] = "red"
    warning = "the environment variable OLD is not set; the options of the manifest count"
    assert warning in routed("deploy", "--canary", "10").err
    assert warning in routed("traffic", "--weight", "20").err
    assert warning in routed("abort").err
    assert shares(routed) == (2, None, None)
    routed("deploy", "--canary", "10")
    paint(routed, "green")
    del routed.env["NEW"]
    assert "the environment variable NEW is not set; the options of the manifest count" in routed("promote").err
    assert shares(routed) == (4, None, None)


def test_a_shift_that_the_status_does_not_show_is_not_believed(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    refused = routed("promote", code=6, SHIFT_FAULT="lies").err
    assert "returned Done for the shares" in refused
    assert "report this to the authors of lading-thirdparty" in refused
    assert states(routed) == ["2 canary", "1 up"]


@pytest.mark.slow
def test_the_cleaning_keeps_both_packages_and_a_delete_removes_both_releases(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    assert "package" not in [item["kind"] for item in routed("gc", "--keep", "0", "--json").json()["garbage"]]
    with closing(Store.open(routed.folder / ".lading")) as store:
        assert store.journal.open("price", "router") == []
    routed("delete")
    assert states(routed) == ["2 deleted", "1 deleted"]
    assert routed("traffic", "--json").json()["stable"] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("abort", 2, "has no earlier release with another package"),
        ("delete", 0, "release 1 serves again, as release 3"),
    ],
)
def test_a_rollback_leaves_out_a_canary_that_was_never_promoted(
    routed: Shell, ending: str, code: int, words: str
) -> None:
    routed("deploy", "--canary", "10")
    routed(ending)
    refused = routed("rollback", "2", code=2).err
    assert "cannot go back to release 2: it was a canary that was never promoted" in refused
    assert words in routed("rollback", code=code).err


@pytest.mark.slow
def test_a_rollback_goes_back_to_a_promoted_canary(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    routed("promote")
    answer(routed, 9)
    routed("deploy")
    assert "release 2 serves again" in routed("rollback").err


def test_each_release_has_its_figures_once_in_the_status(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    routed.write("figures.json", '{"1": {"requests": 10}, "2": {"requests": 5}}')
    rows = routed("status", "-t", "router", "--json").json()["deployments"]
    assert [[each["release"] for each in row["releases"]] for row in rows] == [[1], [2]]


def test_a_comparison_is_shown_without_the_figures_of_the_copies(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    routed.write("figures.json", '{"silent": 1000}')
    done = routed("compare", "--json")
    assert "the figures of the copied requests cannot be read: the router is busy" in done.err
    assert (done.json()["requests"], done.json()["shadow"]) == (1, None)
