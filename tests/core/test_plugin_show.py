"""`lading plugin show` and `lading target show`: a plugin's description, and its options with all nested ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Shell


def test_a_plugin_is_shown_with_its_roles_and_the_options_of_its_blocks(
    shell: Shell, install: Callable[[str], Path]
) -> None:
    shell.env["PYTHONPATH"] = str(install("thirdparty"))
    shown = shell("plugin", "show", "lading-thirdparty:roll", "--json").json()
    assert [shown[name] for name in ("plugin", "distribution", "version", "api", "roles")] == [
        *("roll", "lading-thirdparty", "2.1", 1, ["target"])
    ]
    assert "lading_deploy" in shown["hooks"]
    assert "keeps_old_release" in shown["capabilities"]
    (block,) = shown["blocks"]
    assert "Cord" in block["options"]["$defs"]
    rows = {field["option"]: field for field in block["fields"]}
    assert rows["cords[].metres"]["meaning"] == rows["spare.NAME.metres"]["meaning"] == "Its length."
    target = shell("target", "show", "roll", "--json").json()
    assert target == {**shown, "plugin": "roll"}
    assert "cords[].metres" in shell("target", "show", "roll").out
    lines = shell("plugin", "show", "sklearn").out.splitlines()
    told = [line for line in lines if line.startswith(("roles", "options under"))]
    assert told == ["roles         train, evaluate", "options under train:", "options under evaluate:"]
    assert any(line.startswith("steps[].params ") for line in lines)


def test_a_broken_plugin_is_not_shown(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("broken"))
    done = shell("plugin", "show", "leaver", code=6)
    assert (done.out, "cannot be imported: SystemExit: the plugin has ended" in done.err) == ("", True)
