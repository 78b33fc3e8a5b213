"""The test module of `lading plugin check`: what is checked is in the environment."""

from __future__ import annotations

import json
import os

from .card import SUBJECT
from .target import TargetConformance

_SUBJECT = json.loads(os.environ[SUBJECT])


class TestInstalled(TargetConformance):
    """An installed target, with the options of a manifest."""

    target = _SUBJECT["target"]
    options = _SUBJECT["options"]
    connections = _SUBJECT["connections"]
    image = _SUBJECT["image"]
    service = _SUBJECT["service"]
