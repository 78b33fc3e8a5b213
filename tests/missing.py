"""Skip tests, with a reason, if the machine lacks a part. They fail if CI should have installed every part."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_without(reason: str) -> NoReturn:
    """Skip the test, or fail it if `LADING_TEST_REQUIRE=all`."""
    if os.environ.get("LADING_TEST_REQUIRE") == "all":
        pytest.fail(reason)
    pytest.skip(reason)
