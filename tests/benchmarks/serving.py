"""The cost of a request, compared with Azure ML's own server, and the memory of the server beyond its model."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from statistics import median
from urllib.error import URLError

from .deploying import KIB, ask
from .environments import Bench, Environment, azureml_environment
from .measure import ENVIRONMENT, Broken, Row, alternate, ratio, ratios, run, spread
from .processes import PROC, cpu_seconds, processes_of, resident_bytes
from .reference import older

CPU = "{} rows: CPU per request"
RATE = "{} rows: requests per second"
LIMITS = {1: (0.3, 3.5), 1000: (0.5, 2)}  # by the rows of a request: most CPU, least rate
WORKER = "memory of a worker"
MEMORY = "memory of the server, one worker"
START_LIMIT = 60.0


@dataclass(frozen=True)
class Slot:
    """A few seconds of load. `seconds` are wall-clock time. `cpu` is the time of the server's processes.

    All but one percent of the requests took at most `p99` seconds.
    """

    requests: int
    seconds: float
    cpu: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_per_request(self) -> float:
        return self.cpu / self.requests


def rows(bench: Bench) -> Iterator[Row]:
    if reason := missing():
        for count, (most_cpu, least) in LIMITS.items():
            yield Row(CPU.format(count), reason, "", None, most_cpu)
            yield Row(RATE.format(count), reason, "", None, least, at_least=True)
        for what, most in ((WORKER, 25), (MEMORY, 35)):
            yield Row(what, reason, "", None, most, "MB")
    else:
        yield from _measured(bench)
        if bench.reference:
            yield from _against_reference(bench)


def missing() -> str:
    """The reason why nothing can be measured here. Empty if it can."""
    if not PROC.exists():
        return "needs Linux"
    return "" if shutil.which("wrk") else "install wrk"


def _measured(bench: Bench) -> Iterator[Row]:
    peer, folder = azureml_environment(bench), bench.model("small", KIB)
    with bench.deployment(folder / "lading.yaml", "small") as uri, _azureml(peer, folder) as azureml_uri:
        for count, (most_cpu, least) in LIMITS.items():
            slots = alternate(
                load(bench, uri, processes_of(bench.store("small")), count),
                load(bench, azureml_uri, processes_of(folder), count),
                bench.times(5),
            )
            yield from _compared(CPU.format(count), most_cpu, RATE.format(count), least, slots)
        sizes = [resident_bytes(pid) for pid in processes_of(bench.store("small"))]
    floor = _floor(bench, folder / "model.joblib")
    for what, size, most in ((WORKER, max(sizes), 25), (MEMORY, sum(sizes), 35)):
        yield Row(what, _megabytes(size), _megabytes(floor), (size - floor) / 1e6, most, "MB")


def _against_reference(bench: Bench) -> Iterator[Row]:
    """Each round has new processes, because two processes of the same program can differ by some percent."""
    other = older(bench)
    for count in (1, 1000):
        slots = alternate(_round(bench, "new", count), _round(other, "old", count), bench.times(9))
        what = f"{count} rows, new against old"
        yield from _compared(f"{what}: CPU per request", 1.03, f"{what}: requests per second", 0.97, slots)


def _round(bench: Bench, store: str, count: int) -> Callable[[], Slot]:
    """An action that deploys a service, warms it up, and returns a slot."""

    def action() -> Slot:
        with bench.deployment(bench.model("small", KIB) / "lading.yaml", store) as uri:
            send = load(bench, uri, processes_of(bench.store(store)), count)
            send()
            return send()

    return action


def _compared(cpu: str, most: float, rate: str, least: float, slots: tuple[list[Slot], list[Slot]]) -> Iterator[Row]:
    """The rows for the CPU time of a request and for the rate, each with its limit."""
    costs, their_costs = [[slot.cpu_per_request for slot in side] for side in slots]
    shown = _microseconds(costs), _microseconds(their_costs)
    yield Row(cpu, *shown, ratio(costs, their_costs), most, spread=spread(ratios(costs, their_costs)))
    rates, their_rates = [[slot.rate for slot in side] for side in slots]
    shown = f"{median(rates):.0f} /s", f"{median(their_rates):.0f} /s"
    quartiles = spread(ratios(rates, their_rates))
    yield Row(rate, *shown, ratio(rates, their_rates), least, at_least=True, spread=quartiles)


def load(bench: Bench, uri: str, pids: list[int], count: int = 1) -> Callable[[], Slot]:
    """An action that sends requests of `count` rows over 8 connections. Raises Broken if a request fails."""
    seconds = bench.times(5)

    def action() -> Slot:
        before = cpu_seconds(pids)
        printed = run(["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", bench.programs / "post.lua", uri], ROWS=str(count))
        cpu = cpu_seconds(pids) - before
        report = json.loads(printed.splitlines()[-1])
        if report["failed"]:
            raise Broken(f"{report['failed']} of {report['requests']} requests to {uri} failed")
        return Slot(report["requests"], report["microseconds"] / 1e6, cpu, report["p99"] / 1e6)

    return action


@contextmanager
def _azureml(peer: Environment, folder: Path) -> Iterator[str]:
    """Azure ML's server with one worker. Yields when it responds."""
    port = _free_port()
    argv: list[str | Path] = [
        peer.tool("azmlinfsrv"),
        "--entry_script",
        folder / "score.py",
        "--model_dir",
        folder,
        "--port",
        str(port),
    ]
    log = folder / "azureml.log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(argv, env=ENVIRONMENT, stdout=stream, stderr=stream, start_new_session=True) as server,
    ):
        try:
            uri = f"http://127.0.0.1:{port}/score"
            _wait_for_answer(uri, server, log)
            yield uri
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, SIGKILL)


def _wait_for_answer(uri: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_LIMIT
    while server.poll() is None and time.monotonic() < end:
        try:
            return ask(uri)
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise Broken(f"azureml-inference-server-http does not answer:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _floor(bench: Bench, model: Path) -> int:
    """The memory in bytes of a process that has imported scikit-learn, loaded the model and predicted once."""
    argv = [bench.ours.tool("python"), bench.programs / "floor.py", model]
    # Leaving closes stdin, which ends the process.
    with subprocess.Popen(argv, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return resident_bytes(process.pid)


def _microseconds(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e6:.0f} us"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
