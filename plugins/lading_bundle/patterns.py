"""The patterns of entries and files of an environment."""

from __future__ import annotations

import re

MARKER = re.compile(r"\s+;\s*|;\s+")
PARTS = re.compile(r"(?:(?P<name>[A-Za-z0-9][\w.\-]*) *(?P<extras>\[[^\]]*\])? *@ *)?(?P<address>.+)")
WHEEL = re.compile(r"(?P<path>.+?\.whl)(?P<extras>\[[^\]]*\])?(?P<fragment>#\S*)?")
NESTED = re.compile(r"(?:-r|--requirement)[= ]*(?P<file>[^\s-].*)")
NAMED_WHEEL = re.compile(r"(?<![^\s'\"@])(?:file:(?://)?)?([^\s'\":@]+\.whl)")
