"""Read a manifest: from YAML text to a `Manifest`, or to a list of all problems with line and column."""

from .draft import Draft, parse, read
from .records import (
    DEFAULT_PLUGINS,
    DEFAULT_TARGET,
    EvaluateKeys,
    FinishedModel,
    Manifest,
    NoWorseThan,
    Path_,
    Register,
    RegisterSchema,
    Section,
    SectionRef,
)
from .references import escaped, expand_all
from .source import read_bytes
from .words import REFERENCE

__all__ = [
    "DEFAULT_PLUGINS",
    "DEFAULT_TARGET",
    "REFERENCE",
    "Draft",
    "EvaluateKeys",
    "FinishedModel",
    "Manifest",
    "NoWorseThan",
    "Path_",
    "Register",
    "RegisterSchema",
    "Section",
    "SectionRef",
    "escaped",
    "expand_all",
    "parse",
    "read",
    "read_bytes",
]
