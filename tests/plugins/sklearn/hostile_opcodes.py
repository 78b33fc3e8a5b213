"""The opcodes of hostile model files, put together by hand."""

from __future__ import annotations

import struct

from .hostile_models import text


def name(module: str, thing: str) -> bytes:
    return text(module) + text(thing) + b"\x93"


def call(module: str, thing: str, *arguments: bytes) -> bytes:
    """The opcodes that call a function with arguments, which are opcodes too."""
    return name(module, thing) + b"(" + b"".join(arguments) + b"tR"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def whole(*opcodes: bytes) -> bytes:
    return b"\x80\x04" + b"".join(opcodes) + b"."
