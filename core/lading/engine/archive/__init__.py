"""Packages as files: written, and read without trust."""
