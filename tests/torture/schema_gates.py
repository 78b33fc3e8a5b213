"""Requests to a live service, generated from its own description or for the default script."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from .gate import Figures, Found, Gate, Harm, Trial
from .live import live

EXAMPLES = 300  # per kind; at least a sixth of them
VERSIONS = ("2", "3", "3.1")
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

CELLS = st.integers() | st.floats() | st.none() | st.booleans() | st.text(max_size=3)
ROWS = st.lists(st.lists(CELLS, max_size=3) | st.dictionaries(st.sampled_from("xy"), CELLS, max_size=2), max_size=3)
RIGHT = st.lists(st.tuples(st.floats(-99, 99)), min_size=1, max_size=3)
KNOWN = st.fixed_dictionaries({"data": RIGHT | ROWS | CELLS}).map(lambda body: json.dumps(body).encode())
"""Bodies that the default script accepts. Its description allows any object. Some contain NaN in Python's spelling."""


class Interview:
    """Sends requests, and keeps the responses that contradict the description, each kind once."""

    def __init__(self, examples: int) -> None:
        self.asked = 0
        self.found: dict[str, Found] = {}
        quiet = list(HealthCheck)
        self._settings = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=quiet)

    def hold(self, cases: st.SearchStrategy[schemathesis.Case[Any]]) -> None:
        self._settings(given(cases)(self._ask))()

    def _ask(self, case: schemathesis.Case[Any]) -> None:
        self.asked += 1
        response = case.call()
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            harm = Harm.GAP if response.status_code >= 500 else Harm.UNTRUE
            for failure in failures.exceptions:
                kind = f"{response.status_code} to {case.operation.label}: {type(failure).__name__}"
                self.found[kind] = Found(harm, f"{kind}: {failure}: {case.as_curl_command()}")


def _described(trial: Trial) -> Figures:
    interview = Interview(max(EXAMPLES // 6, trial.size(EXAMPLES)))
    with live(trial) as (_project, uri):
        for version in VERSIONS:
            described = schemathesis.openapi.from_url(f"{uri.removesuffix('score')}swagger.json?version={version}")
            score = described["/score"]["POST"]
            interview.hold(described["/"]["GET"].as_strategy())
            interview.hold(score.as_strategy())
        interview.hold(st.builds(score.Case, body=KNOWN, media_type=st.just("application/json")))
    return Figures(interview.asked, interview.asked, tuple(interview.found.values()))


GATES = (Gate("schema", "no answer is a 5xx, or other than the server describes it", _described),)
