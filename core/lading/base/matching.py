"""Find the files that a pattern names, such as `parts/*.csv`."""

from __future__ import annotations

from pathlib import Path


def file_pattern(folder: Path, text: str) -> Path:
    """The absolute pattern of a text that is relative to `folder`.

    The characters of the folder have no meaning, nor do those of the first parts of the text that are folders with
    exactly these names.
    """
    from glob import escape

    parts, literal = Path(text).parts, folder
    while parts and (literal / parts[0]).exists():
        literal, parts = literal / parts[0], parts[1:]
    return Path(escape(str(literal)), *parts)


def is_pattern(text: str) -> bool:
    """Whether a text has characters of a pattern: `*`, `?` or `[`."""
    return any(mark in text for mark in "*?[")


def matching_files(path: Path) -> list[Path]:
    """The files that an option of the type `InputFiles` names, in order of their names.

    A path that exists is itself the only one. `**` stands for folders at any depth.
    """
    if path.exists():
        return [path]
    from glob import glob  # not needed by most commands

    return sorted(file for file in map(Path, glob(str(path), recursive=True)) if file.is_file())  # noqa: PTH207
