"""Golden requests: a deployment is accepted when it has answered all of them as expected."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ... import model
from ...errors import LadingError, NotSignedIn, Transient
from ...manifest import escaped, expand_all
from . import scoring

if TYPE_CHECKING:
    from ...model import GoldenRequest, Json, Release
    from .endpoint import Endpoint

GOLDEN_LIMIT = 60.0  # seconds for one golden request

UNKNOWN: Json = object()
"""The response of a request whose answer is to be recorded."""

_NO_ROWS = "if the scoring script takes other requests than rows of the training data, write a list of samples"
_RECORD_AGAIN = "if the script is meant to answer this now, `lading deploy --force` records it"


def ask_golden(endpoint: Endpoint, samples: Sequence[GoldenRequest], *, end: float | None) -> model.Verdict:
    """Send every golden request, and report which answer differs and by how much.

    `end` on the monotonic clock is the time limit of the command; one request has a limit too.
    """
    for number, sample in enumerate(samples, 1):
        try:
            answer = answer_of(endpoint, sample.request, end=end)
        except LadingError as error:
            return _refused(number, sample, error.message, error)
        if found := _compared(answer, sample):
            return _refused(number, sample, found)
    return model.Verdict(up=True)


def record_answers(
    endpoint: Endpoint, samples: Sequence[GoldenRequest], *, end: float | None
) -> tuple[model.Verdict, tuple[GoldenRequest, ...]]:
    """Send every golden request, and return them with the answers as their responses.

    An answer is refused only if it has the form of the expected response, and other values.
    """
    answered = []
    for number, sample in enumerate(samples, 1):
        try:
            answer = answer_of(endpoint, sample.request, end=end)
        except Transient as error:
            return _refused(number, sample, error.message, error), ()
        except LadingError as error:
            return _refused(number, sample, f"{error.message}; {_NO_ROWS}"), ()
        if _has_form(decoded(answer, sample.response), sample.response) and (found := _compared(answer, sample)):
            return _refused(number, sample, f"{found}; {_RECORD_AGAIN}"), ()
        answered.append(replace(sample, response=decoded(answer, None)))
    return model.Verdict(up=True), tuple(answered)


def _has_form(answer: Json, expected: Json) -> bool:
    """Whether two JSON values differ in numbers and texts at most."""
    if isinstance(answer, dict) and isinstance(expected, dict) and answer.keys() == expected.keys():
        return all(_has_form(answer[key], expected[key]) for key in expected)
    if isinstance(answer, list) and isinstance(expected, list) and len(answer) == len(expected):
        return all(map(_has_form, answer, expected))
    return (is_number(answer) and is_number(expected)) or (isinstance(answer, str) and isinstance(expected, str))


def ask_service(endpoint: Endpoint, samples: Sequence[GoldenRequest], *, end: float | None) -> model.Verdict:
    """Send every golden request. Without any, send one GET: any HTTP answer shows that something serves there."""
    if samples:
        return ask_golden(endpoint, samples, end=end)
    try:
        endpoint.reach(timeout=seconds_left(end))
    except LadingError as error:
        return refusal(error.message, error)
    return model.Verdict(up=True)


def answer_of(endpoint: Endpoint, request: Json, *, end: float | None) -> Json:
    """The answer to one request. Raises Transient if the service is not ready, and StageFailed for a wrong status."""
    return read(endpoint.ask(scoring.encode(request), timeout=seconds_left(end)))


def read(answer: scoring.Answer) -> Json:
    """The JSON of an answer. Raises Transient if the service is not ready, and StageFailed for a wrong status."""
    if answer.status in scoring.NOT_READY:
        raise Transient(f"the service answered {answer.status}: {answer.words(400)}")
    return answer.json()


def seconds_left(end: float | None) -> float:
    """The limit of one request: the usual one, or the rest until `end` on the monotonic clock."""
    return GOLDEN_LIMIT if end is None else min(GOLDEN_LIMIT, max(0.0, end - time.monotonic()))


def _compared(answer: Json, sample: GoldenRequest) -> str | None:
    try:
        return difference(decoded(answer, sample.response), sample.response, sample.tolerance)
    except (RecursionError, OverflowError) as error:  # brackets without end, or a number larger than any float
        return f"the answer cannot be compared: {error}"


def _refused(number: int, sample: GoldenRequest, why: str, error: LadingError | None = None) -> model.Verdict:
    return refusal(f"golden request {number} ({_short(sample.request)}): {why}", error)


def refusal(reason: str, error: LadingError | None) -> model.Verdict:
    """The verdict about a failed request. Without an answer, the service is not ready; only an answer can be wrong.

    NotSignedIn is raised: it is not about the release.
    """
    if isinstance(error, NotSignedIn):
        raise error
    return model.Verdict(up=False, reason=reason, answered=not isinstance(error, Transient))


def accepted(release: Release, environ: Mapping[str, str], report: Callable[[str], None]) -> tuple[GoldenRequest, ...]:
    """The golden requests that a release was accepted with, with variables replaced. Unset variables go to `report`."""
    return tuple(
        replace(
            golden,
            request=expand_all(golden.request, environ, lambda _path, message: report(message)),
            response=expand_all(golden.response, environ, lambda _path, message: report(message)),
        )
        for golden in release.golden_requests or ()
    )


def literally(golden: GoldenRequest) -> GoldenRequest:
    """A golden request, escaped so that no text in it is replaced as a variable."""
    return replace(golden, request=escaped(golden.request), response=escaped(golden.response))


def decoded(answer: Json, expected: Json) -> Json:
    """The answer for the comparison. If a script answers with JSON in a string, it is decoded a second time."""
    if isinstance(answer, str) and not isinstance(expected, str):
        try:
            return json.loads(answer)
        except ValueError:
            return answer
    return answer


def difference(actual: Json, expected: Json, tolerance: float, path: str = "response") -> str | None:
    """Describe how two JSON values differ; None if they agree. Floats are compared with a relative `tolerance`."""
    if is_number(actual) and is_number(expected):
        if math.isclose(actual, expected, rel_tol=tolerance, abs_tol=0.0):
            return None
        off = f" (off by {abs(actual - expected) / abs(expected):.2g} of it)" if expected else ""
        return f"{path} is {actual!r}, expected {expected!r}{off}"
    if isinstance(actual, dict) and isinstance(expected, dict) and actual.keys() == expected.keys():
        return _first(difference(actual[k], expected[k], tolerance, f"{path}.{k}") for k in expected)
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        pairs = enumerate(zip(actual, expected, strict=True))
        return _first(difference(a, e, tolerance, f"{path}[{i}]") for i, (a, e) in pairs)
    if type(actual) is type(expected) and actual == expected:
        return None
    return f"{path} is {_short(actual)}, expected {_short(expected)}"


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first(differences: Iterable[str | None]) -> str | None:
    return next((found for found in differences if found), None)


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
