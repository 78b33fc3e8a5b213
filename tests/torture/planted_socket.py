"""The planted defects for the gate `socket-bytes`: each removes one guard of the scoring server's sockets."""

from __future__ import annotations

from .builds import Defect
from .gate import Harm
from .planting import Planted

SERVER, CONNECTION = "lading_serving/server.py", "lading_serving/connection.py"
PARSING, HOSTS = "lading_serving/parsing.py", "lading_serving/hosts.py"
UNGUARDED = Defect(
    "an error in one connection ends the worker",
    SERVER,
    "        except Exception as error:\n            self._faults",
    "        except EOFError as error:\n            self._faults",
)
ANY_TARGET = Defect(
    "a malformed target is taken apart",
    HOSTS,
    '    if not found:\n        raise Refused(400, "the req',
    '    if False:\n        raise Refused(400, "the req',
)


def planted(defect: Defect, focus: str = "bytes", *also: Defect, harm: Harm = Harm.GAP, share: float = 0.01) -> Planted:
    return Planted("socket-bytes", {harm}, share, defect, focus, also)


PLANTED_SOCKET = [
    planted(UNGUARDED, "bytes", ANY_TARGET),
    planted(Defect("bytes that waited end a worker", SERVER, UNGUARDED.line, UNGUARDED.broken), "queue", ANY_TARGET),
    planted(ANY_TARGET, harm=Harm.UNTRUE),
    planted(
        Defect(
            "a length may have any number of digits",
            PARSING,
            "        if len(digits) > _LONGEST_NUMBER:",
            "        if not digits:",
        ),
        harm=Harm.UNTRUE,
    ),
    planted(
        Defect(
            "each offer to upgrade is parsed one call deeper",
            PARSING,
            "                pieces += [piece[upgrade.args[0] :], self._without_offer()]",
            "                self.feed(self._without_offer() + bytes(piece[upgrade.args[0] :]))",
        ),
        "bytes",
        Defect("all that was read is parsed at once", PARSING, "PIECE = 4096", "PIECE = 1 << 20"),
        harm=Harm.UNTRUE,
        share=0.03,
    ),
    planted(
        Defect(
            "answers that are not read have no bound",
            SERVER,
            "        while self.unread - ",
            "        while self.unread < 0 and self.unread - ",
        ),
        "readers",
    ),
    planted(
        Defect(
            "a client may take any time to read",
            CONNECTION,
            "            return limits.write_timeout",
            "            return math.inf",
        ),
        "readers",
    ),
    planted(
        Defect("idle connections keep their descriptors", SERVER, "[:_CLOSED_FOR_SCRIPT]:", "[:0]:"),
        "descriptors",
    ),
    planted(
        Defect(
            "accepting goes on without a descriptor",
            SERVER,
            "        if not idle:",
            "        if idle is None:",
        ),
        "descriptors",
    ),
    planted(
        Defect(
            "HTTP/1.1 needs no host",
            PARSING,
            '            if version == "1.1":',
            "            if not version:",
        )
    ),
    planted(
        Defect(
            "a request may have two hosts",
            PARSING,
            "        elif len(headers) < len(self._fields) and",
            "        elif not headers and",
        )
    ),
    planted(
        Defect(
            "any host is answered for",
            HOSTS,
            "        if not self._checks or name in self._known:",
            "        if name == name:",
        )
    ),
    planted(
        Defect(
            "trailers are merged into the head",
            PARSING,
            "        request = Request(*self._head, ",
            "        request = Request(*self._head[:3], self._headers(), ",
        ),
        "bytes",
        Defect("trailers are fields", PARSING, '        if self.phase == "body":', "        if not self.phase:"),
    ),
    planted(
        Defect(
            "chunk extensions have no bound",
            PARSING,
            "            if self._unreported > self._limits.max_head:",
            "            if self._unreported < 0:",
        ),
        share=0.03,
    ),
    planted(
        Defect(
            "any expectation is met",
            PARSING,
            '        if expectation.lower() != "100-continue":',
            "        if not expectation:",
        )
    ),
    planted(
        Defect(
            "any version of HTTP is answered",
            PARSING,
            "        if version not in _VERSIONS:",
            "        if not version:",
        )
    ),
]
