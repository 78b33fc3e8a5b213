"""Check a manifest from Python. No target is asked, and no store is needed."""

from __future__ import annotations

import os
from pathlib import Path

from ..engine.session.binding import bind_all
from ..engine.stages.expected import judge_manifest
from ..engine.stages.finished import check_finished
from ..manifest import read
from ..store import MANIFEST, find_manifest


def check(manifest: str | Path = MANIFEST) -> tuple[str, ...]:
    """Check every block of a manifest. Raises ManifestError with every problem. Returns notes on what was
    not checked.

    Raises Refused for a finished model that imports a name which is neither known to be harmless nor trusted, and NotUp
    for one that the default scoring script cannot serve. A model that a run of the manifest's store has trained needs
    no trust. Raises ManifestError or Refused too if the packager knows that it cannot make a package.
    """
    draft = read(find_manifest(manifest), os.environ)
    bound, notes = bind_all(draft)
    judge_manifest(bound, draft, check_finished(bound, os.environ))
    return notes
