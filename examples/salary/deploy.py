"""Deploy the salary model to this machine, send it a request, and delete it."""

from __future__ import annotations

from pathlib import Path

import lading

MANIFEST = Path(__file__).parents[2] / "manifests" / "salary.yaml"

deployment = lading.deploy(MANIFEST, on_event=lambda event: print(event.stage, event.kind))
print(deployment.score({"data": [[21]]}))
deployment.delete()
