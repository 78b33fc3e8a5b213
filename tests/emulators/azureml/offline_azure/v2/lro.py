"""The threads' side of a long-running operation."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Lro:
    """`polled` is set after enough queries, and `finished` at the end."""

    polled: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
