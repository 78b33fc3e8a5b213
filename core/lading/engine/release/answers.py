"""How the answers of two releases to the same requests differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .golden import decoded, is_number

if TYPE_CHECKING:
    from ...model import GoldenRequest, Json, Release

TOLERANCE = 1e-6
"""The relative difference up to which two numbers are equal."""

OTHER = 1.0
"""The difference of two values that are not numbers, and of answers of different forms."""

_LEAST = 1e-9  # an absolute difference up to which two numbers are equal: a sum of floats misses zero by less
_MOST = 2.0


@dataclass(frozen=True, kw_only=True)
class GoldenChange:
    """How the golden answers of a release differ from those of the release before it, `previous`.

    `compared` requests are equal in both. `largest` is the largest difference, and None if none differs. Numbers differ
    relatively, and other values by 1.
    """

    previous: int
    compared: int
    different: int
    largest: float | None = None

    def __str__(self) -> str:
        digits = 3 if self.largest and self.largest >= 1 else 2
        by = "" if self.largest is None else f", by at most {100 * self.largest:.{digits}g} %"
        verb = "differs" if self.different == 1 else "differ"
        return f"{self.different} of {self.compared} golden answers {verb} from release {self.previous}{by}"


def relative(old: float, new: float) -> float:
    """The difference of two numbers, as a share of the larger one: 0 if they are equal, 2 at most.

    Numbers that differ by 1e-9 at most are equal. One that is not finite, or an integer beyond all floats, differs by 2
    from any other. The server compares the answers to copies in the same way, without this package.
    """
    if old == new:
        return 0.0
    try:
        distance, largest = abs(float(old) - float(new)), max(abs(float(old)), abs(float(new)))
    except OverflowError:
        return _MOST
    if math.isfinite(distance):
        return 0.0 if distance <= _LEAST else distance / largest
    return 0.0 if math.isnan(old) and math.isnan(new) else _MOST


def differences(old: Json, new: Json, path: str = "") -> Iterator[tuple[str, float, bool]]:
    """The values of two answers, each with its path, its difference and whether it is a number.

    `OTHER` is the difference of other values, and of parts with another form.
    """
    if is_number(old) and is_number(new):
        yield path, relative(old, new), True
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            yield from differences(old[key], new[key], f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    else:
        yield path, 0.0 if type(old) is type(new) and old == new else OTHER, False


def golden_change(previous: Release | None, release: Release) -> GoldenChange | None:
    """Compare the golden answers of two releases, as they are recorded. None if no request is equal in both."""
    if previous is None:
        return None
    before = {_key(golden): golden.response for golden in previous.golden_requests or ()}
    pairs = [(before[key], g.response) for g in release.golden_requests or () if (key := _key(g)) in before]
    if not pairs:
        return None
    found = [most_different(list(differences(decoded(old, None), decoded(new, None)))) for old, new in pairs]
    different = [largest for largest in found if largest > TOLERANCE]
    return GoldenChange(
        previous=previous.number,
        compared=len(pairs),
        different=len(different),
        largest=max(different, default=None),
    )


def _key(golden: GoldenRequest) -> str:
    return json.dumps(golden.request, sort_keys=True)


def most_different(found: Sequence[tuple[str, float, bool]]) -> float:
    """The largest difference of an answer."""
    return max((difference for _, difference, _ in found), default=0.0)
