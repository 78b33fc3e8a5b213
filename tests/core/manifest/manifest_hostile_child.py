"""Reads and binds the manifest named in argv, and reports how that ended, its cost and the peak memory.

The cost is CPU time, in units of what a large harmless document takes in the same process.
"""

import json
import resource
import sys
import time
from pathlib import Path

from tests.core.manifest.hostile_manifests import GROWING, HARMLESS

from lading import ManifestError, Options
from lading.manifest import read
from lading.manifest.bind import bind_draft


def problems(file: Path) -> list[str]:
    try:
        draft = read(file, {})
        bind_draft(draft, {ref.path: Options for ref in draft.sections()})
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []


def timed(file: Path) -> tuple[list[str], float]:
    """The problems, and the CPU time that finding them took."""
    started = time.process_time()
    return problems(file), time.process_time() - started


def peak_memory() -> int:
    """In bytes. On Linux `ru_maxrss` counts what the process that started this one had, too."""
    if sys.platform == "linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(file: Path) -> None:
    harmless, warm_up = file.with_name("harmless.yaml"), file.with_name("warm-up.yaml")
    warm_up.write_text(GROWING["targets"](1))
    harmless.write_text(HARMLESS)
    assert problems(warm_up)  # loads the modules that are needed
    found, cost = timed(file)
    memory = peak_memory()
    none, unit = timed(harmless)
    assert not none
    sys.stdout.write(json.dumps({"problems": found, "cost": cost / unit, "memory": memory}))


main(Path(sys.argv[1]))
