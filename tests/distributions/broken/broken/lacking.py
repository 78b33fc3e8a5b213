import lading_broken_steel  # type: ignore[import-not-found]  # noqa: F401 - of the extra `steel`
