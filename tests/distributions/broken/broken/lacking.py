import lading_broken_steel  # noqa: F401 - of the extra `steel`
