"""The planted defects for the gates with malicious files and stores. See `planted.py`."""

from __future__ import annotations

from .builds import Defect
from .gate import Harm
from .planting import Planted

HOSTILE = [
    Planted(
        "hostile-files",
        {Harm.EXECUTED},
        0.01,
        Defect(
            "inspecting loads the model",
            "lading_sklearn/inspection.py",
            "            return _describe(file, stream)",
            '            __import__("joblib").load(file)\n            return _describe(file, stream)',
        ),
        "'model os-mkdir-4'",
    ),
    Planted(
        "hostile-files",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "a name is known by its library",
            "lading_sklearn/known.py",
            '    return use is not None and (use == "call" or not called)',
            '    return found.module.partition(".")[0] in libraries()',
        ),
        "'model reexports/of-joblib'",
    ),
    Planted(
        "hostile-files",
        {Harm.ESCAPED},
        0.01,
        Defect(
            "names may lead out of the archive",
            "lading/store/tree.py",
            'not in ("", ".", "..")',
            'not in ("", ".")',
        ),
        "'archive parent'",
    ),
    Planted(
        "hostile-files",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "an archive is taken to be whole",
            "lading/engine/archive/tar.py",
            "UnicodeDecodeError, EOFError)",
            "OSError)",
        ),
        "'archive cut-off'",
    ),
    Planted(
        "hostile-files",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "the digest of a stored file is not compared",
            "lading/store/files.py",
            "        if found != sha256:",
            "        if not found:",
        ),
        "'altered in the store'",
    ),
    Planted(
        "hostile-files",
        {Harm.EXECUTED},
        0.01,
        Defect(
            "the digest of a model is not compared before it is loaded",
            "lading_serving/worker.py",
            "            _check_model(self._spec)",
            "            pass",
        ),
        "'altered where it runs'",
    ),
    Planted(
        "hostile-store",
        {Harm.ESCAPED},
        0.005,
        Defect(
            "the guard looks at what a link leads to",
            "lading/store/guard.py",
            "            status = path.lstat()",
            "            status = path.stat()",
        ),
        r": a (link to a folder|chain of links|relative link upwards) at (locks|tmp)$",
    ),
    Planted(
        "hostile-store",
        {Harm.EXECUTED},
        0.001,
        Defect(
            "what lies in the folder is taken for what was recorded",
            "lading_local/releases.py",
            "    file, sha256 = folder.spec(number), context.recorded(_fact(number))",
            "    file = folder.spec(number)\n    sha256 = sha256_of(file.read_bytes())",
        ),
        "planted release .* is trusted",
    ),
]
