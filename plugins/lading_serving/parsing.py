"""Parse bytes into complete requests: HTTP/1.1 with httptools, within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

import httptools

from .hosts import Hosts, of_target
from .keys import HEADERS
from .messages import CONTINUE, Refused, Request, Response, Unadmitted
from .spec import Limits

PIECE = 4096  # bytes per call of the parser, because a parsed request takes much more memory than its bytes
_FRAME = 20  # bytes of the frame of a chunk: 16 digits and two line ends
_LONGEST_NUMBER = 19  # digits
_VERSIONS = frozenset({"1.0", "1.1"})
_VERSION_ERRORS = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade", "Expected HTTP/2 Connection Preface"})


class Parser:
    """Parses the input of one client.

    `phase` is idle, head or body. `body` is the received part of an incomplete body. `on_phase` is called when a phase
    begins. `on_item` is called with each complete request, and with the interim response for a client that waits for
    it. `admits` says whether a head has a key. Without one, the body is not read.
    """

    def __init__(
        self,
        limits: Limits,
        hosts: Hosts,
        on_phase: Callable[[], None],
        on_item: Callable[[Request | Response], None],
        admits: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> None:
        self.phase = "idle"
        self._admits = admits
        self._limits = limits
        self._hosts = hosts
        self._on_phase = on_phase
        self._on_item = on_item
        self._parser = httptools.HttpRequestParser(self)
        self._checked: str | None = None  # the last host, to skip repeated checks
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head: tuple[str, str, str, dict[str, str]] = ("", "", "", {})
        self._keep_alive = False
        self.body = bytearray()
        self._length = 0  # of a body with a known length
        self._reported = 0  # bytes of a request that the parser has reported
        self._unreported = 0  # bytes in a head, or around chunks of a body, that the parser has not reported

    @property
    def missing(self) -> int:
        """The missing bytes of a body with a known length."""
        return self._length - len(self.body)

    def forget_body(self) -> None:
        """Discard a refused or incomplete body, because a silent client may stay connected for long."""
        self.body = bytearray()
        self._length = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Parse more bytes. After Refused or Unadmitted is raised, nothing more can be parsed."""
        pieces = [data]
        while pieces:
            piece = pieces.pop()
            fields, phase, reported = self._fields, self.phase, self._reported
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                pieces += [piece[upgrade.args[0] :], self._without_offer()]
                continue
            except httptools.HttpParserCallbackError as error:
                raise error.__context__ or error from None
            except httptools.HttpParserError as error:
                raise _malformed(str(error)) from None
            if self.phase == "head" and self._lacks_version(piece):
                raise _malformed("Invalid HTTP version")
            if self.phase == phase != "idle" and self._fields is fields:
                self._count_unreported(len(piece), self._reported - reported)

    @property
    def takes_interim(self) -> bool:
        """Whether the client of the last request takes an interim response. Before HTTP/1.1 there was none."""
        return self._parser.get_http_version() == "1.1"

    def _lacks_version(self, data: bytes | memoryview) -> bool:
        """Whether the request line is HTTP/0.9. Such a client sends no more lines, and waits."""
        version = self._parser.get_http_version()
        return version == "0.9" or (version == "0.0" and data[-1:] == b"\n")

    def _count_unreported(self, size: int, reported: int) -> None:
        """Count the bytes that the parser does not report: incomplete fields, chunk extensions and trailers."""
        if self.phase == "head":
            self._unreported = 0 if reported else self._unreported + size
            self._check_head()
        else:
            self._unreported = max(0, self._unreported + size - reported)
            if self._unreported > self._limits.max_head:
                limit = self._limits.max_head
                raise Refused(400, f"the request's chunk extensions and trailers must not exceed {limit} bytes")

    def _without_offer(self) -> bytes:
        """Start the parser again with a head without `upgrade` fields.

        After an offer of another protocol, the parser would leave the body unread.
        """
        fields = [b"%s: %s\r\n" % field for field in self._fields if field[0].lower() != b"upgrade"]
        version = self._parser.get_http_version().encode()
        head = b"%s %s HTTP/%s\r\n%s\r\n" % (self._parser.get_method(), self._url, version, b"".join(fields))
        self._parser = httptools.HttpRequestParser(self)
        return head

    def _check_head(self) -> None:
        """Check the size of a head after each piece and at its end: that is faster than at each field."""
        if self._reported + self._unreported > self._limits.max_head:
            raise Refused(431, f"the request's head must not exceed {self._limits.max_head} bytes")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._unreported = 0
        self._on_phase()

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        self._enter("head")
        self._url = b""
        self._fields = []
        self._reported = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._reported += len(url)
        self._unreported = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == "body":
            return  # a trailer, which the checks of the head did not cover
        self._fields.append((name, value))
        self._reported += len(name) + len(value)
        self._unreported = 0  # the unreported start of this field is now reported
        if len(self._fields) > self._limits.max_fields:
            raise Refused(431, f"the request must not have more than {self._limits.max_fields} header fields")

    def on_headers_complete(self) -> None:
        self._check_head()
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise Refused(405, "this server is not a proxy")
        if self._parser.should_upgrade():
            return
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            raise _malformed("Invalid HTTP version")
        headers = self._headers()
        target = self._target(headers, version)
        path, _, query = target.decode("latin-1").partition("?")
        self._head = (method.decode(), unquote(path) if "%" in path else path, query, headers)
        if self._admits is not None and _has_body(headers) and not self._admits(headers):
            raise self._unadmitted()
        self._length = self._body_length(headers)
        if version == "1.1" and "expect" in headers:
            self._expect(headers["expect"])
        self._keep_alive = version == "1.1" and self._parser.should_keep_alive()
        self._enter("body")

    def on_chunk_header(self) -> None:
        self._reported += _FRAME

    def on_body(self, body: bytes) -> None:
        self.body += body
        self._reported += len(body)
        if len(self.body) > self._limits.max_body:
            raise self._too_large()

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return
        request = Request(*self._head, bytes(self.body), self._keep_alive)
        if self.body:
            self.forget_body()
        self._on_item(request)
        self._enter("idle")

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._fields:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").rstrip(" \t")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        return headers

    def _target(self, headers: dict[str, str], version: str) -> bytes:
        """The target without its host.

        Raises Refused for a missing host, several hosts, or the host of another service.
        """
        if "host" not in headers:
            if version == "1.1":
                raise Refused(400, "the request has no Host field")
        elif len(headers) < len(self._fields) and sum(name.lower() == b"host" for name, _ in self._fields) > 1:
            raise Refused(400, "the request has more than one Host field")
        target = self._url
        if not target.startswith(b"/") and target != b"*":
            headers["host"], target = of_target(target)
        host = headers.get("host")
        if host != self._checked and host is not None:
            self._hosts.check(host)
            self._checked = host
        return target

    def _body_length(self, headers: dict[str, str]) -> int:
        digits = headers.get("content-length", "0")
        if len(digits) > _LONGEST_NUMBER:
            raise Refused(400, f"the request's content-length must not have more than {_LONGEST_NUMBER} digits")
        if int(digits) > self._limits.max_body:
            raise self._too_large()
        return int(digits)

    def _expect(self, expectation: str) -> None:
        if expectation.lower() != "100-continue":
            raise Refused(417, "the only expectation that can be met is 100-continue")
        self._on_item(CONTINUE)

    def _unadmitted(self) -> Unadmitted:
        """The request without its body. It has no key either, so that a rotation cannot make it a valid one."""
        method, path, query, headers = self._head
        left = {name: value for name, value in headers.items() if name not in HEADERS}
        return Unadmitted(Request(method, path, query, left, b"", keep_alive=False))

    def _too_large(self) -> Refused:
        return Refused(413, f"the request's body must not exceed {self._limits.max_body} bytes")


def _has_body(headers: Mapping[str, str]) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _malformed(error: str) -> Refused:
    if error in _VERSION_ERRORS:
        return Refused(505, "the request must be HTTP/1.1 or HTTP/1.0")
    return Refused(400, f"the request is not HTTP/1.1: {error}")
