"""Seals of secret values, for the tags of a service.

A seal shows whether a value has changed. It has a salt and is slow to compute, so a value is hard to guess from it.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping

from lading import slow_digest

_SALT = 8  # bytes


def seal(values: Mapping[str, str]) -> str:
    """A new seal of the values; empty without values."""
    return _sealed(values, os.urandom(_SALT).hex()) if values else ""


def fits(found: str | None, values: Mapping[str, str]) -> bool:
    """Whether a seal is of these values. A missing one fits, because older versions made none."""
    if found is None or not values:
        return not found or not values
    expected = _sealed(values, found.partition(":")[0])
    return hmac.compare_digest(expected.encode(), found.encode())  # anybody can edit a tag, so it may not be ASCII


def _sealed(values: Mapping[str, str], salt: str) -> str:
    return f"{salt}:{slow_digest(json.dumps(values, sort_keys=True), salt=salt)}"
