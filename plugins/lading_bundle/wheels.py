"""Read what a wheel contains: its requirements, and the modules that it provides."""

from __future__ import annotations

import zipfile
from email.parser import HeaderParser
from pathlib import Path

from lading import Distribution


def contents(file: Path, name: str, version: str) -> Distribution:
    """The distribution in a wheel, as if it were installed. Raises ValueError if it is not one, or another one."""
    try:
        with zipfile.ZipFile(file) as wheel:
            members = wheel.namelist()
            metadata = next((one for one in members if one.count("/") == 1 and one.endswith(".dist-info/METADATA")), "")
            text = wheel.read(metadata).decode() if metadata else ""
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise ValueError(f"it cannot be read ({error})") from None
    headers = HeaderParser().parsestr(text)
    if not headers["Name"]:
        raise ValueError(f"it has no metadata of {name} {version}")
    return Distribution(
        version=version,
        requires=tuple(headers.get_all("Requires-Dist", ())),
        modules=tuple(sorted({_module(one) for one in members} - {""})),
    )


def _module(member: str) -> str:
    """The module that a file of a wheel belongs to. Empty for a file that is not code."""
    first, slash, _rest = member.partition("/")
    if slash:
        return first if first.isidentifier() else ""
    stem = first.partition(".")[0]
    return stem if first.endswith((".py", ".so", ".pyd")) and stem.isidentifier() else ""
