"""Rules for every hook of a plugin: no sleep, no print, no secret, and an answer that can be serialized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MannerChecks:
    """The fixture `life` of a subclass has a probe's observations of the plugin's calls."""

    def test_the_lifecycle_completes(self, life: Mapping[str, Any]) -> None:
        """No hook fails."""
        assert life["error"] is None, life["error"]

    def test_hooks_do_not_sleep(self, life: Mapping[str, Any]) -> None:
        """No hook sleeps: it answers or raises Transient, and the framework waits."""
        _all_or_none(life, "slept", "sleeps at {}: return, and the framework calls it again")

    def test_hooks_print_nothing(self, life: Mapping[str, Any]) -> None:
        """No hook writes to stdout. Hooks report through `context.progress`."""
        _all_or_none(life, "printed", "prints {!r}: use `context.progress`")
        assert not life["output"], (
            f"its import, or a process that it started, wrote to stdout: {life['output'][:200]!r}"
        )

    def test_answers_can_be_serialized(self, life: Mapping[str, Any]) -> None:
        """Every answer can be pickled and written as JSON. Keys cannot, on purpose."""
        _all_or_none(life, "unfit", "gives an answer that cannot be serialized: {}")

    def test_secrets_are_not_shown(self, life: Mapping[str, Any]) -> None:
        """No secret given to a hook appears in an answer, an intent, the store or a log."""
        assert not life["leaks"], "; ".join(life["leaks"])


def _all_or_none(life: Mapping[str, Any], name: str, words: str) -> None:
    assert life["calls"], f"no hook was called: {life['error']}"
    found = [f"{call['hook']} {words.format(call[name])}" for call in life["calls"] if call[name]]
    assert not found, "; ".join(dict.fromkeys(found))
