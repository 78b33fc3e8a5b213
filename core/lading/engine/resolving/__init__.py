"""The resolver: whether requirements can be installed together, for the Python and platform of another machine.

It runs `uv` if that is available, otherwise pip. If neither reaches a package index, it compares the metadata of the
distributions installed here, and the answer says so. Only wheels are considered, so nothing is built and no setup
script runs.
"""

from __future__ import annotations

from .choosing import Choice as Choice
from .choosing import Resolver as Resolver
from .question import Conflict as Conflict
from .question import Question as Question
from .question import Resolution as Resolution
