"""Refusals in the words of the service."""

from __future__ import annotations

import json
import re

from ..messages import Refusal
from ..routing import Visit
from .rights import PROVIDER

NAME = re.compile("[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")


def invalid(field: str, message: str, code: str = "InferencingClientCallFailed") -> Refusal:
    """A validation error. The reason is in the details, as JSON in a text."""
    errors = {"errors": {field: [message]}, "title": "One or more validation errors occurred."}
    return Refusal(400, "BadRequest", "The request is invalid.", [(code, json.dumps(errors))])


def absent(visit: Visit, resource: str) -> Refusal:
    kind = f"{PROVIDER}/{visit.workspace.name}/{resource}"
    group = visit.workspace.resource_group
    return Refusal(404, "ResourceNotFound", f"The Resource '{kind}' under resource group '{group}' was not found.")


def conflict(message: str) -> Refusal:
    return Refusal(409, "Conflict", message)
