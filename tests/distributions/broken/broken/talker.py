"""A plugin that prints during its import and is otherwise correct."""

from .targets import Whole

print("hello")
talker = Whole()
