"""Malformed requests, from a grammar and by mutation. The same seed and number give the same request."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

HOST = b"Host: localhost\r\n"
POST = b"POST /score HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
GOOD = POST + b"Content-Length: 3\r\n\r\n[7]"
OFFER = GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"smuggled"
MUTATED = 0.4  # share of all cases
HEAVY = 0.004  # share of the rest: cases that cost as much as hundreds of others
TARGET = b"http://[]:@/?#%a1.localhost"


class Case(NamedTuple):
    """Bytes to send.

    `statuses` are those of the responses, in order. None means that any complete responses are correct.

    `absent` must not be in the responses.
    """

    kind: str
    data: bytes
    statuses: tuple[int, ...] | None = None
    absent: bytes = b""


Rule = Callable[[Random], Case]


def case(seed: int, number: int) -> Case:
    random = Random(f"{seed}/{number}")
    rule = random.choice(HEAVY_RULES if random.random() < HEAVY else RULES)
    made = rule(random)
    if random.random() < MUTATED and rule not in HEAVY_RULES:
        return Case(f"mutated {made.kind}", _mutated(random, made.data))
    return made


def _mutated(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.choice((1, 1, 2, 8, 64)))
        part = random.choice((b"", random.randbytes(end - at), bytes(changed[at:end]) * 2, random.choice(PARTS)))
        changed[at:end] = part
    return bytes(changed)


PARTS = (b"\r\n", b"\n", b"\0", b" ", b":", b"\xff", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"chunked", GOOD, OFFER)


def _good(random: Random) -> Case:
    before = random.randint(1, 5)
    return Case("good", GOOD * before + GET + b"\r\n\r\n", (200,) * (before + 1))


def _malformed_target(random: Random) -> Case:
    known = (b"http://", b"http://a:99999/", b"http:///a", b"http://[::1/", b"http://a@b@c/", b"http://?", b"ftp://a/")
    line, before = b"GET %s HTTP/1.1\r\n" % random.choice(known), random.randint(0, 2)
    return Case("malformed target", GOOD * before + line + HOST + b"\r\n", (200,) * before + (400,))


def _bare_target(_random: Random) -> Case:
    return Case("bare target", b"GET http:// HTTP/1.1\r\n\r\n", (400,))


def _strange_target(random: Random) -> Case:
    rest = bytes(random.choice(TARGET) for _ in range(random.randint(0, 12)))
    scheme = random.choice((b"http://", b"https://", b"ws:", b"*", b"/", b"//"))
    return Case("strange target", b"GET %s%s HTTP/1.1\r\n" % (scheme, rest) + HOST + b"\r\n")


def _length(random: Random) -> Case:
    digits = random.choice((b"0", b"9", b"1")) * random.choice((20, 100, 4301, 5000, 9000))
    return Case("length", POST + b"Content-Length: %s\r\n\r\n" % digits, (400,))


def _bad_length(random: Random) -> Case:
    value = random.choice(
        (b"-1", b"+3", b"0x3", b"3, 3", b"3 3", b"3\r\nContent-Length: 3", b"3\r\nTransfer-Encoding: chunked")
    )
    return Case("bad length", POST + b"Content-Length: %s\r\n\r\n[7]" % value, (400,))


def _too_large(random: Random) -> Case:
    size = random.randint(16 * 1024 * 1024 + 1, 10**18)
    return Case("too large", POST + b"Content-Length: %d\r\n\r\n[7]" % size, (413,))


def _chunks(random: Random) -> Case:
    extension = b";" + b"e" * random.randint(1, 40) if random.random() < 0.5 else b""
    chunks = b"".join(b"1%s\r\n%c\r\n" % (extension, byte) for byte in b"[7]")
    trailer = random.choice((b"", b"X-A: 1\r\n", b"Content-Type: text/html\r\n"))
    return Case("chunks", CHUNKED + chunks + b"0\r\n" + trailer + b"\r\n" + GOOD, (200, 200))


def _trailer(_random: Random) -> Case:
    return Case("trailer", CHUNKED + b"3\r\n[7]\r\n0\r\nX-Request-Id: " + SMUGGLED + b"\r\n\r\n", (200,), SMUGGLED)


def _bad_chunk(random: Random) -> Case:
    chunk = random.choice((b"g\r\n", b"-1\r\n", b"f" * 17 + b"\r\n", b"3\r\n[7]xx", b"3[7]\r\n", b" 3\r\n[7]\r\n"))
    return Case("bad chunk", CHUNKED + chunk + b"\r\n0\r\n\r\n", (400,))


def _long_extension(random: Random) -> Case:
    size = random.randint(45_000, 90_000)
    rest = random.choice(
        (
            b"3;" + b"e" * size + b"\r\n[7]\r\n0\r\n\r\n",
            b"".join(b"1;%s\r\n \r\n" % (b"e" * 500) for _ in range(size // 500)) + b"3\r\n[7]\r\n0\r\n\r\n",
            b"3\r\n[7]\r\n0\r\nX-Long: " + b"e" * size + b"\r\n\r\n",
            b"3\r\n[7]\r\n0\r\n" + b"X-Many: 1\r\n" * (size // 10) + b"\r\n",
        )
    )
    return Case("long extension", CHUNKED + rest, (400,))


def _no_host(random: Random) -> Case:
    line = random.choice((b"GET / HTTP/1.1\r\n", b"GET http://localhost/ HTTP/1.1\r\n"))
    return Case("no host", line + random.choice((b"\r\n", b"X-Host: localhost\r\n\r\n")), (400,))


def _two_hosts(random: Random) -> Case:
    second = random.choice((b"Host: localhost\r\n", b"host: a\r\n", b"HOST:\r\n", b"X: y\r\nHost: localhost\r\n"))
    return Case("two hosts", GET + second + b"\r\n", (400,))


def _other_host(random: Random) -> Case:
    name = random.choice(
        (b"evil.example", b"localhost.evil.example", b"192.0.2.1", b"[::2]", b"0.0.0.0", b"127.0.0.1.a")
    )
    port = random.choice((b"", b":80", b":%d" % random.randint(1, 65535)))
    line, host = b"GET / HTTP/1.1\r\n", b"Host: %s%s\r\n\r\n" % (name, port)
    absolute = b"GET http://%s%s/ HTTP/1.1\r\n" % (name, port) + HOST + b"\r\n"
    return Case("other host", random.choice((line + host, absolute, b"GET / HTTP/1.0\r\n" + host)), (421,))


def _own_host(random: Random) -> Case:
    host = random.choice((b"127.0.0.1", b"LOCALHOST:1", b"localhost:65535"))
    return Case("own host", b"GET / HTTP/1.1\r\nHost: %s\r\n\r\nGET / HTTP/1.0\r\n\r\n" % host, (200, 200))


def _version(random: Random) -> Case:
    version = random.choice((b"", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/3.0", b" HTTP/9.9"))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return Case("version", random.choice((b"GET /" + version + b"\r\n" + HOST + b"\r\n", preface)), (505,))


def _expect(random: Random) -> Case:
    expected = random.choice((b"200-ok", b"x", b"100-continue, x", b"continue"))
    return Case("expect", POST + b"Expect: %s\r\nContent-Length: 3\r\n\r\n[7]" % expected, (417,))


def _continue(random: Random) -> Case:
    before = random.randint(0, 3)
    waiting = POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n[7]"
    return Case("continue", GOOD * before + waiting, (200,) * before + (100, 200))


def _pipeline(random: Random) -> Case:
    before = random.randint(1, 20)
    bad = random.choice(
        (b"nonsense\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"\0\r\n\r\n", b"GET / HTTP/1.1\r\nA b\r\n\r\n")
    )
    return Case("pipeline", GOOD * before + bad, (200,) * before + (400,))


def _offers(random: Random) -> Case:
    times = random.randint(1, 8)
    return Case("offers", OFFER * times + GOOD, (200,) * (times + 1))


def _many_offers(random: Random) -> Case:
    times = random.randint(600, 1000)
    return Case("many offers", OFFER * times, (200,) * times)


def _head(random: Random) -> Case:
    field = random.choice((b"A: b\0c\r\n", b"A : b\r\n", b"A\r\n", b"A: b\r\n c\r\n", b": b\r\n", b"A: b\nB: c\r\n"))
    return Case("head", GET + field + b"\r\n", (400,))


def _large_head(random: Random) -> Case:
    rest = random.choice((b"X: " + b"y" * 40_000, b"X: y\r\n" * 120, b"X-%s: y\r\n" % (b"y" * 40_000)))
    return Case("large head", GET + rest + b"\r\n\r\n", (431,))


def _part(random: Random) -> Case:
    return Case("part", GOOD[: random.randrange(len(GOOD))], ())


def _noise(random: Random) -> Case:
    start = random.choice((b"", GET, POST, b"\x16\x03\x01", CHUNKED))
    return Case("noise", start + random.randbytes(random.randint(0, 200)))


RULES: tuple[Rule, ...] = (
    _good, _malformed_target, _bare_target, _strange_target, _length, _bad_length, _too_large, _chunks, _trailer,
    _bad_chunk, _no_host, _two_hosts, _other_host, _own_host, _version, _expect, _continue, _pipeline, _offers,
    _head, _part, _noise,
)  # fmt: skip
HEAVY_RULES: tuple[Rule, ...] = (_many_offers, _long_extension, _large_head)
