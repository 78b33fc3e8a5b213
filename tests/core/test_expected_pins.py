"""The pins that a packager of a third party expects."""

from __future__ import annotations

from tests.conftest import Shell

PACKAGER = """\
from dataclasses import dataclass

from lading import Description, ExpectedPin, Options, PackedFiles, hookimpl

@dataclass(frozen=True, kw_only=True)
class OddOptions(Options):
    pins: tuple[str, ...] = ()
    '''The pins that are expected.'''

    def expected_pins(self, model):
        return [ExpectedPin(requirement=pin, option="pins", place="odd.txt:1: ") for pin in self.pins]

@hookimpl
def lading_describe():
    return Description(summary="expects pins", api=1, options=OddOptions)

@hookimpl
def lading_package(request):
    raise AssertionError("the pins are read first")
"""


def test_a_malformed_pin_is_reported_with_its_packager_and_its_place(shell: Shell) -> None:
    shell.write("odd.py", PACKAGER)
    info = shell.folder / "lading_odd-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[lading.plugins]\nodd = odd\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lading-odd\nVersion: 1.0\n")
    shell.env["PYTHONPATH"] = str(shell.folder)
    shell.write("model.txt", "7")
    blocks = "package: {plugin: odd, pins: [numpy=1]}\ntargets: {local: {}}\n"
    shell.write("lading.yaml", f"version: 1\nname: svc\nregister: {{file: model.txt}}\n{blocks}")
    said = shell("package", code=6).err
    assert "lading.yaml:4:" in said
    assert "odd.txt:1: plugin 'odd' (lading-odd 1.0) expects the pin 'numpy=1', which is not a requirement" in said
    assert "report this to the authors of lading-odd" in said
