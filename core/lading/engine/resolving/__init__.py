"""The one resolver: whether requirements can be installed together, for the Python and platform of another machine.

`uv` is asked if it is here, else pip. If neither reaches a package index, the metadata of what is installed here is
compared instead, and the answer says so. Only wheels are looked at, so that nothing is built and no setup script runs.
"""

from __future__ import annotations

from .choosing import Choice as Choice
from .choosing import Resolver as Resolver
from .question import Conflict as Conflict
from .question import Question as Question
from .question import Resolution as Resolution
