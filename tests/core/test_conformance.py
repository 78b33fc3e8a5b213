"""The conformance kit over a stranger's targets: those that keep every rule, and those that break one each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from tests.core.conformance_kit import kit

from lading.testing import TargetConformance


class Harbour(TargetConformance):
    """What the targets of the harbour share: an account whose password must not be seen again."""

    connections: ClassVar = {"harbour": {"berth": "north"}}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}


@pytest.mark.slow
class TestQuay(Harbour):
    target = "quay"
    options: ClassVar = {"depth": 9}


@pytest.mark.slow
class TestRaft(Harbour):
    target = "raft"


@pytest.mark.slow
class TestFog(Harbour):
    target = "fog"


MODULE = """\
from lading.testing.{module} import {checks}


class Leaky({checks}):
    connections = {{"harbour": {{"berth": "north"}}}}

"""
DESCRIPTION = {
    "sleepy": set(),  # what it does wrong is not in its description
    "vague": {"options_are_documented"},
    "boastful": {"capabilities_match_hooks"},
    "modest": {"capabilities_match_hooks"},
    "mumbling": {"summary_says_what_it_is"},
}
LIFE = {"sleepy": {"hooks_do_not_sleep"}, "tattler": {"secrets_are_not_shown"}}
MORE_LIFE = {
    "chatty": {"hooks_print_nothing"},
    "twice": {"effects_are_intended_once"},
    "blind": {"status_is_of_what_runs", "what_is_up_is_left_alone"},  # the engine believes it, and deploys again
    "stiff": {"answers_can_travel"},
    "wordy": {"logs_go_on_from_their_cursor"},
    "ghost": {"absent_after_delete"},
    "mirage": {"nothing_has_no_scoring_uri", "absent_after_delete"},
}
FLOW = {
    "anchored": {"delete_ends_the_service", "delete_again_is_no_failure", "leaves_nothing_behind"},
    "careless": {"a_wrong_answer_keeps_what_served"},
    "drifting": {"update_keeps_the_uri"},
}
KILL = {
    "amnesiac": {"killed_after_its_first_step_resumes", "killed_after_its_last_step_resumes"},
    "sly": {"killed_at_its_first_intent_resumes"},
}


@pytest.mark.parametrize(
    ("module", "checks", "planted"),
    [
        ("description", "DescriptionChecks", DESCRIPTION),
        ("life", "LifeChecks", LIFE),
        pytest.param("life", "LifeChecks", MORE_LIFE, marks=pytest.mark.slow),
        pytest.param("flow", "FlowChecks", FLOW, marks=pytest.mark.slow),
        pytest.param("kill", "KillChecks", KILL, marks=pytest.mark.slow),
    ],
)
def test_the_kit_names_the_rule_that_a_target_breaks(
    module: str, checks: str, planted: dict[str, set[str]], tmp_path: Path, install: Callable[[str], Path]
) -> None:
    """A kit that cannot fail proves nothing: each of these targets breaks one rule."""
    file = tmp_path / "test_leaky.py"
    classes = (f'class Test{name.title()}(Leaky):\n    target = "{name}"\n' for name in planted)
    file.write_text(MODULE.format(module=module, checks=checks) + "\n\n".join(classes))
    paths = f"{install('harbour')}:{install('leaky')}"
    told = kit(file, PYTHONPATH=paths, HARBOUR_PASSWORD="c4n4ry")
    failed = {
        name: {each["check"] for each in told if each["group"] == f"Test{name.title()}" and each["outcome"] == "failed"}
        for name in planted
    }
    assert failed == planted
    assert all(each["reason"] for each in told if each["outcome"] != "passed")
