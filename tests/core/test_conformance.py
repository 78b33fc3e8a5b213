"""Run the conformance kit on third-party targets: some follow every rule, each other breaks one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from tests.core.conformance_kit import kit

from lading.testing import TargetConformance


class ThirdParty(TargetConformance):
    """The shared parts of the targets of `thirdparty`: an account whose password must not be shown."""

    connections: ClassVar = {"hosting": {"region": "north"}}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}


@pytest.mark.slow
class TestRoll(ThirdParty):
    target = "roll"
    options: ClassVar = {"depth": 9}


@pytest.mark.slow
class TestStop(ThirdParty):
    target = "stop"


@pytest.mark.slow
class TestOpaque(ThirdParty):
    target = "opaque"


MODULE = """\
from lading.testing.{module} import {checks}


class Leaky({checks}):
    connections = {{"hosting": {{"region": "north"}}}}

"""
DESCRIPTION = {
    "sleepy": set(),  # its description does not show its fault
    "vague": {"options_are_documented"},
    "boastful": {"capabilities_match_hooks"},
    "modest": {"capabilities_match_hooks"},
    "mumbling": {"summary_is_one_line"},
}
LIFE = {"sleepy": {"hooks_do_not_sleep"}, "tattler": {"secrets_are_not_shown"}}
MORE_LIFE = {
    "chatty": {"hooks_print_nothing"},
    "twice": {"effects_are_intended_once"},
    "blind": {
        "status_describes_the_running_release",
        "an_unchanged_service_is_not_deployed_again",
    },  # the engine believes it and deploys again
    "stiff": {"answers_can_be_serialized"},
    "wordy": {"logs_continue_from_their_cursor"},
    "stale": {"the_list_shows_the_deployed_service"},
    "ghost": {"absent_after_delete", "the_lifecycle_completes", "leaves_nothing_behind"},  # its deletes end with 6
    "mirage": {"a_missing_service_has_no_scoring_uri", "absent_after_delete"},
}
FLOW = {
    "undeletable": {"delete_ends_the_service", "deleting_twice_succeeds", "leaves_nothing_behind"},
    "careless": {"a_wrong_answer_keeps_the_old_release"},
    "drifting": {"update_keeps_the_uri"},
}
KILL = {
    "amnesiac": {"killed_after_its_first_step_resumes", "killed_after_its_last_step_resumes"},
    "sly": {"killed_at_its_first_intent_resumes"},
}
CANARY = {
    "plain": set(),
    "eager": {"a_canary_without_weight_gets_no_request"},
    "lopsided": {"a_canary_gets_its_share"},
    "lenient": {"a_share_for_an_absent_release_changes_nothing"},
}
MORE_CANARY = {
    "backward": {
        "an_abort_leaves_the_stable_release",
        "a_promoted_canary_serves_alone",
        "a_shift_loses_no_request",  # the server that answers in its place is stopped in the end
    },
    "losing": {"a_shift_loses_no_request"},
    "uncounted": {"metrics_count_the_requests_of_each_release"},
}


@pytest.mark.parametrize(
    ("module", "checks", "planted"),
    [
        ("description", "DescriptionChecks", DESCRIPTION),
        ("life", "LifeChecks", LIFE),
        pytest.param("life", "LifeChecks", MORE_LIFE, marks=pytest.mark.slow),
        pytest.param("flow", "FlowChecks", FLOW, marks=pytest.mark.slow),
        pytest.param("kill", "KillChecks", KILL, marks=pytest.mark.slow),
        pytest.param("canary", "CanaryChecks", CANARY, marks=pytest.mark.slow),
        pytest.param("canary", "CanaryChecks", MORE_CANARY, marks=pytest.mark.slow),
    ],
)
def test_the_kit_names_the_rule_that_a_target_breaks(
    module: str, checks: str, planted: dict[str, set[str]], tmp_path: Path, install: Callable[[str], Path]
) -> None:
    """A kit that cannot fail proves nothing. Each of these targets breaks one rule."""
    file = tmp_path / "test_leaky.py"
    classes = (f'class Test{name.title()}(Leaky):\n    target = "{name}"\n' for name in planted)
    file.write_text(MODULE.format(module=module, checks=checks) + "\n\n".join(classes))
    paths = f"{install('thirdparty')}:{install('leaky')}"
    told = kit(file, PYTHONPATH=paths, HOSTING_PASSWORD="c4n4ry")
    failed = {
        name: {each["check"] for each in told if each["group"] == f"Test{name.title()}" and each["outcome"] == "failed"}
        for name in planted
    }
    assert failed == planted
    assert all(each["reason"] for each in told if each["outcome"] != "passed")


HANGING = """\
from lading.testing.{module} import {checks}


class TestHanging({checks}):
    target = "roll"
    hook_limit = 1.0
    connections = {{"hosting": {{"region": "north"}}}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "checks", "check"),
    [("life", "LifeChecks", "the_lifecycle_completes"), ("flow", "FlowChecks", "deploy_answers_a_golden_request")],
)
def test_the_kit_names_a_hook_that_does_not_return(
    module: str, checks: str, check: str, tmp_path: Path, install: Callable[[str], Path]
) -> None:
    file = tmp_path / "test_hanging.py"
    file.write_text(HANGING.format(module=module, checks=checks))
    only = tmp_path / f"{file.name}::TestHanging::test_{check}"
    environ = {"HOSTING_PASSWORD": "c4n4ry", "HOOK_FAULT": "lading_deploy:hangs"}
    (told,) = kit(only, PYTHONPATH=str(install("thirdparty")), **environ)
    assert told["outcome"] == "failed"
    assert "did not end lading_deploy in time" in told["reason"]
