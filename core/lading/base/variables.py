"""The limit of the environment variables that a program can be given."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 131_071  # bytes of `NAME=VALUE`: Linux limits one text of the environment to 32 pages, with its last zero


def check_env_sizes(env: Mapping[str, str]) -> None:
    """Check the option `env` of a target. Raises ValueError for a variable that is longer than Linux accepts."""
    for name, value in env.items():
        size = len(f"{name}={value}".encode("utf-8", "surrogateescape"))
        if size > _LONGEST:
            raise ValueError(f"env: {name} has {size} bytes, and Linux accepts at most {_LONGEST}")
