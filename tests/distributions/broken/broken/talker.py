"""Prints while it is imported, and is fine otherwise."""

from .targets import Whole

print("ahoy")
talker = Whole()
