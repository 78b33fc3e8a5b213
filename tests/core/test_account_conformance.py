"""Run the conformance kit on third-party registries and trackers: one follows every rule, others break some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.conformance_kit import kit

MODULE = """\
import json
from pathlib import Path

import pytest

from lading.testing import KeptRun, KeptVersion, RegistryConformance, TrackerConformance


class Leaky:
    @pytest.fixture(scope="class")
    def account_connection(self, tmp_path_factory):
        return {"folder": str(tmp_path_factory.mktemp("ledger"))}

    @pytest.fixture(scope="class")
    def pages(self, account_connection):
        def pages(kind, name):
            files = Path(account_connection["folder"], kind, name).glob("*.json")
            return [(file.stem, json.loads(file.read_text())) for file in files]

        return pages


class Registry(Leaky, RegistryConformance):
    @pytest.fixture(scope="class")
    def versions_of(self, pages):
        return lambda model: [KeptVersion(version, **kept) for version, kept in pages("models", model)]


class Tracker(Leaky, TrackerConformance):
    @pytest.fixture(scope="class")
    def runs_of(self, pages):
        return lambda run: [KeptRun(id, **kept) for id, kept in pages("runs", run)]


"""
REGISTRIES = {
    "ledger": set[str](),
    "noisy": {"hooks_do_not_sleep", "hooks_print_nothing"},
    "forgetful": {
        "a_folder_is_one_version",
        "killed_while_registering_makes_one_version",
        "the_same_bytes_are_one_version",
    },
    "mute": {"description_and_tags_arrive", "killed_while_registering_makes_one_version"},
    "loose": {"the_run_is_linked"},
    "misnaming": {"the_answer_names_the_version"},
    "single": {"a_folder_is_one_version"},
    "torn": {"killed_while_registering_makes_one_version"},
}
TRACKERS = {
    "ledger": set[str](),
    "gossip": {"secrets_are_not_shown"},
    "doubling": {"a_run_is_logged_once", "a_finished_run_is_complete", "a_failed_run_has_its_error"},
    "cheerful": {"a_failed_run_has_its_error"},
    "early": {"an_earlier_run_is_complete", "killed_while_logging_makes_one_run"},
    "album": set[str](),
    "careless": {"the_files_of_a_run_are_kept"},
    "hasty": {"killed_while_logging_makes_one_run"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "planted"), [("Registry", REGISTRIES), ("Tracker", TRACKERS)])
def test_the_kit_names_the_rule_that_an_account_breaks(
    kind: str, planted: dict[str, set[str]], tmp_path: Path, install: Callable[[str], Path]
) -> None:
    """A kit that cannot fail proves nothing. Each account except the first breaks a rule."""
    file = tmp_path / "test_leaky.py"
    classes = (f'class Test{name.title()}({kind}):\n    plugin = "{name}"\n' for name in planted)
    file.write_text(MODULE + "\n\n".join(classes))
    told = kit(file, PYTHONPATH=f"{install('thirdparty')}:{install('leaky')}", HOSTING_PASSWORD="c4n4ry")
    failed = {
        name: {each["check"] for each in told if each["group"] == f"Test{name.title()}" and each["outcome"] == "failed"}
        for name in planted
    }
    assert failed == planted
    assert all(each["reason"] for each in told if each["outcome"] != "passed")


@pytest.mark.slow
def test_a_kit_without_a_view_of_the_account_reports_it(tmp_path: Path) -> None:
    file = tmp_path / "test_blind.py"
    file.write_text(
        "from lading.testing import RegistryConformance\n\n\n"
        'class TestStore(RegistryConformance):\n    plugin = "store"\n    connection = None\n'
    )
    told = {each["check"]: each for each in kit(file)}
    assert "override the fixture `versions_of`" in told["description_and_tags_arrive"]["reason"]
    assert told["hooks_print_nothing"]["outcome"] == "passed"
