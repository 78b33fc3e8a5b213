"""The Python API, for notebooks and for the command line."""
