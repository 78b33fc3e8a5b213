"""The plots of an evaluation in the store: a file that cannot be kept is left out, and the others are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.store.store_kit import written

from lading.store import Store


def test_a_plot_that_cannot_be_kept_is_a_remark(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [written(tmp_path / name, name.encode()) for name in ("one/a.svg", "two/a.svg", "b.svg", "c.svg")]

    def read(file: Path) -> bytes:
        if file.name == "b.svg":
            raise PermissionError(13, "Permission denied")
        return file.name.encode()

    monkeypatch.setattr(Path, "read_bytes", read)
    assert store.plots.keep("0" * 32, files, tmp_path) == [
        "the plot 'a.svg' is not kept: there is another one of that name",
        "the plot 'b.svg' is not kept: permission denied",
    ]
    assert [plot.name for plot in store.plots.of("0" * 32)] == ["a.svg", "c.svg"]


@pytest.mark.parametrize("path", ["../secret.svg", "linked/secret.svg", "inner/../../secret.svg"])
def test_a_plot_from_outside_the_folder_of_the_request_is_a_remark(store: Store, tmp_path: Path, path: str) -> None:
    folder = tmp_path / "evaluated"
    (folder / "inner").mkdir(parents=True)
    (folder / "linked").symlink_to(written(tmp_path / "secret.svg", b"c4n4ry").parent)
    for files in ([folder / path], [(tmp_path / "secret.svg").absolute()]):
        assert store.plots.keep("0" * 32, [*files, written(folder / "inner" / "a.svg", b"a")], folder) == [
            "the plot 'secret.svg' is not kept: it is not in the folder of the request"
        ]
        assert [plot.name for plot in store.plots.of("0" * 32)] == ["a.svg"]
