"""The manifest: YAML text to a `Manifest`, or to every problem at once at its line and column."""

from .draft import Draft, parse, read
from .json_schema import options_schema, schema
from .records import DEFAULT_TARGET, Manifest, Path_, Register, Section, SectionRef
from .references import escaped, expand_all
from .source import read_bytes
from .words import REFERENCE

__all__ = [
    "DEFAULT_TARGET",
    "REFERENCE",
    "Draft",
    "Manifest",
    "Path_",
    "Register",
    "Section",
    "SectionRef",
    "escaped",
    "expand_all",
    "options_schema",
    "parse",
    "read",
    "read_bytes",
    "schema",
]
