"""Compare a plugin's description with its implementation."""

from __future__ import annotations

from .base import Base, Described


class DescriptionChecks(Base):
    """Checks that deploy nothing."""

    def test_capabilities_match_hooks(self, described: Described) -> None:
        """Each declared capability has its hook, and each hook its capability."""
        missing, undeclared = described.seen["unimplemented"], described.seen["undeclared"]
        assert not missing, f"declares what it does not implement: {', '.join(missing)}"
        assert not undeclared, f"implements what it does not declare: {', '.join(undeclared)}"

    def test_options_are_documented(self, described: Described) -> None:
        """The options have a JSON Schema in which every field has a description."""
        without = described.seen["undocumented"]
        assert not without, f"options without a docstring: {', '.join(without)}"

    def test_summary_is_one_line(self, described: Described) -> None:
        """The summary is one line."""
        summary = described.seen["summary"]
        assert summary.strip(), "the summary is empty"
        assert len(summary.splitlines()) == 1, "the summary has several lines"
