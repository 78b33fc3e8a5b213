"""The imports of reading a manifest, and reading without libyaml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.core.manifest.manifest_kit import HEAD, draft, types_of
from tests.waiting import LIMIT

from lading.manifest.bind import bind_draft

HEAVY = ("asyncio", "difflib", "importlib.metadata", "jsonschema", "logging", "pydantic", "subprocess", "tempfile")
TEXT = HEAD + "targets: {local: {port: 80}}\n"


def run(code: str, *argv: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *argv]
    child = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=Path(__file__).parent
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_a_manifest_known_to_be_valid_is_read_with_light_modules(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").touch()
    (tmp_path / "lading.yaml").write_text(TEXT)
    code = (
        "import sys; from pathlib import Path; from manifest_kit import types_of\n"
        "from lading.manifest import read\nfrom lading.manifest.bind import bind_draft\n"
        "draft = read(Path(sys.argv[1]), {}); types = types_of(draft); draft.fingerprint(types)\n"
        "manifest = bind_draft(draft, types, known_valid=True); print(manifest.targets['local'].options.port)\n"
        f"print(sorted(set(sys.modules) & {set(HEAVY)!r}))"
    )
    assert run(code, str(tmp_path / "lading.yaml")) == "80\n[]\n"


def test_a_pyyaml_without_libyaml_reads_the_same(tmp_path: Path) -> None:
    text = TEXT + "package:\n  samples:\n    - {request: [1, 'a', *x], response: &y 1}\n".replace("*x", "&x b")
    found = draft(tmp_path, text)
    expected = bind_draft(found, types_of(found))
    code = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "from pathlib import Path; from manifest_kit import types_of; import yaml\n"
        "from lading.manifest import read\nfrom lading.manifest.bind import bind_draft\n"
        "draft = read(Path(sys.argv[1]), {}); print(yaml.__with_libyaml__, repr(bind_draft(draft, types_of(draft))))"
    )
    assert run(code, str(found.file)) == f"False {expected!r}\n"


def test_a_pyyaml_without_libyaml_refuses_the_same(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "from pathlib import Path; from manifest_kit import problems\n"
        "for text in ('[' * 5000, 'a: [1,\\nb: 2\\n', 'a:\\n\\tb: 1\\n', 'a: *b', '---\\n---\\n', 'a: {b: ${C}}'):\n"
        "    print(*problems(Path(sys.argv[1]), text), sep='\\n')"
    )
    assert run(code, str(tmp_path)).splitlines() == [
        "1:65: nested deeper than 64 levels",
        "3:1: not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence from line 1",
        "2:1: a tab cannot indent or start a value: use spaces",
        "1:4: not YAML: found undefined alias 'b'",
        "2:1: a second document: a manifest holds one",
        '1:9: a variable between { } or [ ] needs quotes: "${NAME}"',
    ]
