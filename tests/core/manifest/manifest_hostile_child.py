"""Read and bind the manifest named in argv, and report the result, the cost and the peak memory.

The cost is CPU time. Its unit is the time of a large harmless document in the same process.
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
    """The problems, and the CPU time for finding them."""
    started = time.process_time()
    return problems(file), time.process_time() - started


def peak_memory() -> int:
    """In bytes. On Linux, `ru_maxrss` also counts the memory of the parent process before the fork."""
    if sys.platform == "linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(file: Path) -> None:
    harmless, warm_up = file.with_name("harmless.yaml"), file.with_name("warm-up.yaml")
    warm_up.write_text(GROWING["targets"](1))
    harmless.write_text(HARMLESS)
    assert problems(warm_up)  # loads the needed modules
    found, cost = timed(file)
    memory = peak_memory()
    none, unit = timed(harmless)
    assert not none
    sys.stdout.write(json.dumps({"problems": found, "cost": cost / unit, "memory": memory}))


main(Path(sys.argv[1]))
