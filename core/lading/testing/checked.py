"""The test module of `lading plugin check`. Environment variables name the subject."""

from __future__ import annotations

import json
import os

import pytest

from .card import SUBJECT, named
from .platform import ThingsOf
from .target import TargetConformance

_SUBJECT = json.loads(os.environ[SUBJECT])


class TestInstalled(TargetConformance):
    """An installed target, with the options of a manifest."""

    target = _SUBJECT["target"]
    options = _SUBJECT["options"]
    connections = _SUBJECT["connections"]
    image = _SUBJECT["image"]
    service = _SUBJECT["service"]

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls) -> ThingsOf | None:
        return named(_SUBJECT["things_of"]) if _SUBJECT["things_of"] else None
