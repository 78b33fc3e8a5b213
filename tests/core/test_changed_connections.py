"""A connection whose block changes may lead to another account: that one gets the models and the runs too."""

from __future__ import annotations

from tests.conftest import Shell
from tests.core.conftest import MANIFEST
from tests.core.test_engine import calls, without_observer

ALWAYS = MANIFEST.replace("{model: rate}", "{model: rate, to: [hosting]}\ntrack: [hosting]")
MOVED = ALWAYS.replace("region: north", "region: south")


def test_another_account_under_the_same_name_gets_the_model_and_the_run(project: Shell) -> None:
    project.write("lading.yaml", ALWAYS)
    project("register")
    calls(project)
    project.write("lading.yaml", MOVED)
    planned = project("plan").out
    assert "is registered there" in planned
    assert "is logged there" in planned
    calls(project)
    project("register")
    assert without_observer(calls(project)) == [
        "connect hosting south",
        "track finished south",
        "register rate 1 south",
    ]
    project("register")
    assert without_observer(calls(project)) == []


def test_the_account_of_before_gets_the_model_when_it_comes_back(project: Shell) -> None:
    for manifest in (ALWAYS, MOVED):
        project.write("lading.yaml", manifest)
        project("register")
    calls(project)
    project.write("lading.yaml", ALWAYS)
    project("register")
    assert "register rate 1 north" in calls(project)


def test_a_forced_register_asks_each_registry_again(project: Shell) -> None:
    project.write("lading.yaml", ALWAYS)
    project("register")
    calls(project)
    project("register", "--force")
    assert "register rate 1 north" in calls(project)
