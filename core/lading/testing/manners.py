"""What every hook of a plugin must do, whatever it is for: no sleep, no print, no secret, an answer that can travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MannerChecks:
    """The fixture `life` of a subclass is what a probe saw of the plugin's calls."""

    def test_life_runs_to_its_end(self, life: Mapping[str, Any]) -> None:
        """No hook fails."""
        assert life["error"] is None, life["error"]

    def test_hooks_do_not_sleep(self, life: Mapping[str, Any]) -> None:
        """No hook sleeps: it answers or raises Transient, and the framework waits."""
        _all_or_none(life, "slept", "sleeps at {}: return, and be called again")

    def test_hooks_print_nothing(self, life: Mapping[str, Any]) -> None:
        """No hook writes to stdout: it has `context.progress`."""
        _all_or_none(life, "printed", "prints {!r}: use `context.progress`")
        assert not life["output"], (
            f"its import, or a process that it started, wrote to stdout: {life['output'][:200]!r}"
        )

    def test_answers_can_travel(self, life: Mapping[str, Any]) -> None:
        """Every answer can be pickled and written as JSON; keys cannot, on purpose."""
        _all_or_none(life, "unfit", "gives an answer that cannot travel: {}")

    def test_secrets_are_not_shown(self, life: Mapping[str, Any]) -> None:
        """No secret that a hook was given is in an answer, an intent, the store or a log."""
        assert not life["leaks"], "; ".join(life["leaks"])


def _all_or_none(life: Mapping[str, Any], name: str, words: str) -> None:
    assert life["calls"], f"no hook was called: {life['error']}"
    found = [f"{call['hook']} {words.format(call[name])}" for call in life["calls"] if call[name]]
    assert not found, "; ".join(dict.fromkeys(found))
