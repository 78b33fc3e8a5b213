"""The trace of a request, as W3C Trace Context has it: its id is kept, and this service is a new span in it."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

HEADER = "traceparent"
_FIELDS = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)


class Trace(NamedTuple):
    """A span of a trace. `parent` is the span of the client."""

    trace_id: str
    parent: str
    span: str
    flags: str

    @property
    def header(self) -> str:
        """The field for the next service."""
        return f"00-{self.trace_id}-{self.span}-{self.flags}"


def continued(field: str) -> Trace | None:
    """The trace that a `traceparent` field begins. None if the field is malformed, as the standard asks.

    A later version may have more after the flags. Version ff, and ids of zeros, are invalid.
    """
    found = _FIELDS.fullmatch(field.strip(" \t"))
    if found is None:
        return None
    version, trace_id, parent, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not (trace_id.strip("0") and parent.strip("0")):
        return None
    return Trace(trace_id, parent, secrets.token_hex(8), f"{int(flags, 16) & 1:02x}")
