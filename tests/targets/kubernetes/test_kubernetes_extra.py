"""A Python without the extra `kubernetes`: each hook says what to install."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys

sys.modules["lightkube"] = sys.modules["httpx2"] = None  # as if they were not installed
import lading_kubernetes
from lading import Deployment, PluginError
from lading_kubernetes.options import KubernetesOptions

deployment = Deployment(service="salary", target="t", options=KubernetesOptions())
for hook in ("lading_status", "lading_metrics", "lading_scoring_uri", "lading_delete"):
    try:
        getattr(lading_kubernetes, hook)(deployment=deployment, context=None)
    except PluginError as error:
        print(hook, error.hint)
"""


def test_each_hook_without_lightkube_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("pip install 'lading[kubernetes]'") == 4
