"""Modules that go into the package of a model. Each of them is imported by its own name."""
