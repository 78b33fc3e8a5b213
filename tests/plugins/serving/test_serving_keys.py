"""A protected service answers only requests with a valid key, except for health checks."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import ECHO, HEAD, Answer, Service, ask, connect, exchange, status
from tests.plugins.serving.split_kit import CHOICE, shift

from lading_serving.keys import Guard, guard_of

PRIMARY, SECONDARY = "primary-key-of-the-tests", "secondary-key-of-the-tests"
BROWSER = {"accept": "text/html,*/*;q=0.8"}
BEARER = {"authorization": f"Bearer {PRIMARY}"}
SEES_HEADERS = """
    def init():
        pass

    def run(raw_data, request_headers):
        return sorted(name for name in request_headers if name in ("Authorization", "X-Lading-Key", "X-Other"))
"""


def write(file: Path, *keys: str) -> Path:
    """Replace the file of digests in one step."""
    scratch = file.with_suffix(".new")
    scratch.write_text("".join(f"{sha256(key.encode()).hexdigest()}  key\n" for key in keys))
    return scratch.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "digests", PRIMARY, SECONDARY)


def protected(service: Service, file: Path, script: str = ECHO, **env: str) -> str:
    page = '{"service": "salary", "facts": {}}'
    return service.serve(script=script, env={"LADING_KEYS": str(file), "LADING_PAGE": page, **env})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a protected service, for all tests that only ask."""
    folder = tmp_path_factory.mktemp("protected")
    service = Service(folder / "service")
    yield protected(service, write(folder / "digests", PRIMARY, SECONDARY))
    service.stop()


def of(uri: str, headers: dict[str, str], path: str = "", method: str = "POST", body: bytes | None = b"{}") -> Answer:
    return ask(uri, body, method, {"content-type": "application/json", **headers}, path)


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer  {SECONDARY} "},
        {"x-lading-key": SECONDARY},
        {"authorization": "Bearer of-a-proxy", "X-LADING-KEY": PRIMARY},
    ],
)
def test_each_valid_key_opens_the_service(uri: str, headers: dict[str, str]) -> None:
    assert of(uri, headers).json == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {PRIMARY[:-1]}"},
        {"authorization": f"Bearer {PRIMARY}x"},
        {"authorization": PRIMARY},
        {"authorization": f"Basic {PRIMARY}"},
        {"authorization": "Bearer " + "x" * 30_000},
        {"authorization": "Bearer \xe9\xff"},
        {"x-lading-key": ""},
        {"x-lading-key": f"Bearer {PRIMARY}"},
        {"x_lading_key": PRIMARY},
        {"authorization": f"Bearer {sha256(PRIMARY.encode()).hexdigest()}"},
    ],
)
def test_every_other_request_gets_the_same_refusal(uri: str, headers: dict[str, str]) -> None:
    answer = of(uri, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json == {
        "message": "a valid key is required: send `Authorization: Bearer KEY` or `X-Lading-Key: KEY`"
    }


def test_two_fields_of_one_name_are_no_key(uri: str) -> None:
    field = f"Authorization: Bearer {PRIMARY}\r\n".encode()
    twice = HEAD + field + field + b"Content-Length: 2\r\n\r\n{}"
    mixed = HEAD + field + b"Authorization: Bearer other\r\nContent-Length: 2\r\n\r\n{}"
    assert [status(exchange(uri, each)) for each in (twice, mixed)] == [401, 401]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/score"),
        ("HEAD", "/score"),
        ("OPTIONS", "/score"),
        ("PUT", "/score"),
        ("POST", "/score/"),
        ("POST", "//score"),
        ("POST", "/%2fscore"),
        ("POST", "/%73core"),
        ("POST", "http://localhost/score"),
        ("POST", "/v2/health/../../score"),
        ("POST", "/v2/health/live"),
        ("GET", "/v2/health/live/"),
        ("GET", "/v2/models/rate"),
        ("GET", "/openapi.json"),
        ("GET", "/swagger.json"),
        ("GET", "/metrics"),
        ("GET", "/nowhere"),
        ("POST", "/"),
        ("OPTIONS", "/"),
        ("OPTIONS", "*"),
    ],
)
def test_every_other_path_needs_a_key(uri: str, method: str, path: str) -> None:
    assert of(uri, {}, path, method).status == 401
    assert of(uri, BEARER, path, method).status != 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready"])
def test_health_checks_need_no_key(uri: str, path: str, method: str) -> None:
    assert of(uri, {}, path, method, None).status == 200


def test_metrics_can_be_open(service: Service, file: Path) -> None:
    uri = protected(service, file, LADING_OPEN_METRICS="1")
    assert of(uri, {}, "/metrics", "GET").status != 401
    assert of(uri, {}, "/metrics", "POST").status == 401


def test_the_page_asks_for_a_key_and_has_nothing_of_the_model_without_one(uri: str) -> None:
    locked = of(uri, BROWSER, "/", "GET", None)
    assert (locked.status, locked.headers["www-authenticate"]) == (401, "Bearer")
    assert b'id="key"' in locked.body
    assert b"salary" not in locked.body
    shown = of(uri, {**BROWSER, **BEARER}, "/", "GET", None)
    assert shown.status == 200
    assert b'"service": "salary"' in shown.body
    assert shown.headers["cache-control"] == "no-store"
    assert of(uri, BROWSER, "/", "HEAD", None).body == b""


def test_a_refusal_under_v2_has_the_form_of_the_protocol(uri: str) -> None:
    assert "a valid key is required" in of(uri, {}, "/v2/models/rate/infer").json["error"]


def test_the_script_gets_neither_field(service: Service, file: Path) -> None:
    uri = protected(service, file, SEES_HEADERS)
    assert of(uri, {**BEARER, "x-lading-key": PRIMARY, "x-other": "1"}).json == ["X-Other"]


def test_a_canary_that_asks_for_no_key_does_not_open_the_service(service: Service, file: Path) -> None:
    uri = protected(service, file)
    service.add(2, ECHO)
    service.desire(serving=1, candidate=2)
    service.until(2, "ready")
    shift(service, 100)
    assert of(uri, {}).status == of(uri, {CHOICE: "canary"}).status == 401
    assert of(uri, BEARER).headers[CHOICE] == "canary"


def test_a_body_without_a_key_is_not_read(uri: str) -> None:
    with connect(uri) as sock:
        sock.sendall(HEAD + b"Content-Length: 16000000\r\n\r\n")
        assert b"HTTP/1.1 401" in sock.recv(65536)
    waiting = exchange(uri, HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert (status(waiting), waiting.count(b"HTTP/1.1")) == (401, 1)
    chunked = exchange(uri, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n")
    assert status(chunked) == 401
    assert b"connection: close" in chunked


def test_a_health_check_with_a_body_is_answered_without_it(uri: str) -> None:
    answer = exchange(uri, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16000000\r\n\r\n")
    assert answer.endswith(b"Healthy")


def test_a_connection_stays_open_after_a_refusal_without_a_body(uri: str) -> None:
    get = b"GET /score HTTP/1.1\r\nHost: localhost\r\n"
    last = get + f"Authorization: Bearer {PRIMARY}\r\nConnection: close\r\n\r\n".encode()
    answers = exchange(uri, get + b"\r\n" + get + b"\r\n" + last)
    assert answers.count(b"HTTP/1.1 401") == 2
    assert answers.count(b"HTTP/1.1 200") == 1


def test_requests_behind_one_without_a_key_are_not_answered(uri: str) -> None:
    key = f"Authorization: Bearer {PRIMARY}\r\n".encode()
    valid = HEAD + key + b"Content-Length: 2\r\n\r\n{}"
    smuggled = HEAD + b"Content-Length: %d\r\n\r\n" % len(valid) + valid
    answers = exchange(uri, valid + smuggled + valid)
    assert answers.count(b"HTTP/1.1 200") == 1
    assert answers.count(b"HTTP/1.1 401") == 1


def test_a_preflight_request_of_a_browser_needs_no_key_and_does_not_run_the_script(
    service: Service, file: Path
) -> None:
    script = "def init(): pass\ndef run(raw_data): raise SystemExit"
    uri = protected(service, file, script, AML_CORS_ORIGINS="https://a.example")
    asks = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = of(uri, {**asks, "access-control-request-headers": "authorization"}, "", "OPTIONS", None)
    assert answer.status == 200
    assert answer.headers["access-control-allow-headers"] == "authorization"
    refused = of(uri, {"origin": "https://a.example"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "https://a.example")
    assert of(uri, {"origin": "https://a.example"}, "", "OPTIONS").status == 401


def test_a_new_key_is_valid_at_once_in_every_worker(service: Service, file: Path) -> None:
    uri = service.serve(env={"LADING_KEYS": str(file)}, workers=2)
    pids = service.workers()
    write(file, "a new key", SECONDARY)
    for _ in range(20):
        assert of(uri, {"x-lading-key": "a new key"}).status == 200
        assert of(uri, {"x-lading-key": SECONDARY}).status == 200
        assert of(uri, BEARER).status == 401
    assert service.workers() == pids


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("")])
def test_the_known_keys_stay_valid_while_the_file_is_replaced(file: Path, spoil: object) -> None:
    guard = Guard(file)
    assert callable(spoil)
    spoil(file)
    assert guard.holds_key(BEARER)
    write(file, "another")
    assert not guard.holds_key(BEARER)


@pytest.mark.parametrize("text", ["", "no digest\n", f"{sha256(b'x').hexdigest()[:-1]}\n"])
def test_a_service_without_digests_does_not_start(service: Service, tmp_path: Path, text: str) -> None:
    file = tmp_path / "digests"
    file.write_text(text)
    service.add(1, env={"LADING_KEYS": str(file)})
    service.desire(candidate=1)
    assert "no digest of a key" in service.until(1, "failed")["reason"]


def test_an_environment_without_the_variable_is_open() -> None:
    assert guard_of({}) is None
    assert guard_of({"LADING_KEYS": ""}) is None


def test_a_script_cannot_open_the_service_by_mistake(service: Service, file: Path) -> None:
    uri = protected(service, file, "import os\ndef init(): os.environ.pop('LADING_KEYS')\ndef run(raw_data): return 1")
    assert of(uri, {}).status == 401


def test_each_request_is_compared_with_each_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, compared = Guard(file), []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("lading_serving.keys.hmac.compare_digest", counted)
    for headers in (BEARER, {}, {"authorization": "Bearer wrong"}, {"x-lading-key": SECONDARY}):
        compared.clear()
        guard.holds_key(headers)
        assert compared == [(32, 32)] * 4
