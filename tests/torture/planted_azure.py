"""Defects for the gates of Azure."""

from __future__ import annotations

from .builds import Defect
from .gate import Harm
from .planting import Planted

REST = "lading_azureml_v2/rest.py"
AZURE = [
    Planted(
        "azure-sweep",
        {Harm.ORPHAN},
        0.01,
        Defect(
            "a model that the workspace has is not looked for",
            "lading_azureml/registering.py",
            "    for name, version in _ids(connection, model, asked):",
            "    return None\n    for name, version in _ids(connection, model, asked):",
        ),
        r"^lost .*POST .*/models$",
    ),
    Planted(
        "azure-v2-sweep",
        {Harm.ORPHAN},
        0.01,
        Defect(
            "a code asset has another name each time",
            "lading_azureml_v2/sources.py",
            "    name = str(uuid.UUID(digest[:32]))",
            "    name = str(uuid.uuid4())",
        ),
        r"^lost .*PUT .*/codes/.*/versions/",
    ),
    Planted(
        "azure-v2-sweep",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "the time that Azure asks to wait is not kept",
            REST,
            "    failure = of_answer(response.status_code, response.headers, text, host=host)",
            '    failure = of_answer(response.status_code, {"Retry-After": "0"}, text, host=host)',
        ),
        r"^throttled .*PUT .*/onlineEndpoints/[^/]+$",
    ),
    Planted(
        "azure-v2-sweep",
        {Harm.UNTRUE},
        0.01,
        Defect("an expired token is not renewed", REST, "        if response.status_code == 401:", "        if False:"),
        r"^expired .*PUT .*/onlineEndpoints/[^/]+$",
    ),
]
