"""The manifest: YAML text to a `Manifest`, or to every problem at once at its line and column."""

from .draft import Draft, find_manifest, read
from .json_schema import options_schema, schema
from .records import DEFAULT_TARGET, Manifest, Path_, Register, Section, SectionRef

__all__ = [
    "DEFAULT_TARGET",
    "Draft",
    "Manifest",
    "Path_",
    "Register",
    "Section",
    "SectionRef",
    "find_manifest",
    "options_schema",
    "read",
    "schema",
]
