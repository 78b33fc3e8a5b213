"""The conformance of a gate: it answers each request, and repeats its answer for the same request."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from ..model import Json
from .gate_probe import FAILED
from .manners import MannerChecks
from .project import HOOK_LIMIT, Project, environ_in


class GateConformance(MannerChecks):
    """Subclass it in a test module, and name the plugin.

    Example:
        >>> class TestVeto(GateConformance):
        ...     plugin = "veto"
        ...     options = {"closed": ["production"]}
        ...     metrics = {"r2": 0.9}

    If a value is known only at run time, override a fixture, class-scoped or wider: `gate_options`, or `gate_environ`,
    the environment variables of the process that calls the hook.
    """

    plugin: ClassVar[str]
    """The entry-point name of the gate."""

    options: ClassVar[Mapping[str, Json]] = {}
    """Its block under `gates:`, as in a manifest, without `plugin` and with absolute paths."""

    metrics: ClassVar[Mapping[str, float]] = {"r2": 0.75}
    """The metrics of the new model and of the one that serves."""

    target: ClassVar[str] = "production"
    """The target of the requests."""

    hook_limit: ClassVar[float] = HOOK_LIMIT
    """Seconds for one call of a hook. A hook that takes longer fails its check, which names it."""

    @pytest.fixture(scope="class")
    @classmethod
    def gate_options(cls) -> Mapping[str, Json]:
        """`options`. Override it, class-scoped or wider, if a value is known only at run time."""
        return cls.options

    @pytest.fixture(scope="class")
    @classmethod
    def gate_environ(cls) -> Mapping[str, str]:
        """Extra environment variables of the process that calls the hook."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def life(
        cls,
        tmp_path_factory: pytest.TempPathFactory,
        gate_options: Mapping[str, Json],
        gate_environ: Mapping[str, str],
    ) -> Mapping[str, Any]:
        """The gate's answers to constant requests, each sent twice, as a probe saw them."""
        folder = tmp_path_factory.mktemp(f"{cls.plugin}-gate")
        environ = environ_in(folder, cls.hook_limit, gate_environ)
        project = Project(folder, f"check-{secrets.token_hex(4)}", "", {}, environ=environ)
        project.write_gate(cls.plugin, gate_options)
        order = json.dumps({"metrics": dict(cls.metrics), "target": cls.target})
        done, seen = project.probe(order, program="gate_probe")
        return {"calls": [], "leaks": [], "error": None, "answers": [], **seen, "output": done.out}

    def test_a_first_deploy_is_answered(self, life: Mapping[str, Any]) -> None:
        """If no release serves yet, `previous` is None. The gate passes, or raises Refused, BadInput or Transient."""
        _answered(life, without_previous=True)

    def test_an_update_is_answered(self, life: Mapping[str, Any]) -> None:
        """If a release serves, the gate answers too, with or without the metrics of its model."""
        answers = _answered(life, without_previous=False)
        if "passed" not in answers:
            advice = "fulfil its other conditions with gate_options or gate_environ"
            pytest.skip(f"the gate refused every request, so its comparison cannot be checked: {advice}")

    def test_the_same_request_has_the_same_answer(self, life: Mapping[str, Any]) -> None:
        """A gate gives the same answer again: people repeat a command to find out what has changed."""
        assert life["answers"], f"not reached: {life['error']}"
        for each in life["answers"]:
            first, again = each["answers"]
            assert first == again, f"for {each['request']!r} the gate returned {first!r}, and then {again!r}"


def _answered(life: Mapping[str, Any], *, without_previous: bool) -> set[str]:
    """The answers to the deploys with a release that serves, or to all other requests; each is an answer."""
    asked = [each for each in life["answers"] if each["first"] is without_previous]
    assert asked, f"not reached: {life['error']}"
    for each in asked:
        for answer in each["answers"]:
            assert not answer.startswith(FAILED), f"the request {each['request']!r}: {answer}"
    return {answer for each in asked for answer in each["answers"]}
