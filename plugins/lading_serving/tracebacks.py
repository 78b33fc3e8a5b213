"""The traceback of a scoring script's error. It begins at the first frame of the script's own files."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

_HIDDEN = "__tracebackhide__"  # a script with this name is not the user's own
_OURS = str(Path(__file__).parent)
_NO_CLASS = re.compile(r"'(?P<name>\w+)' on <module '(?P<module>[\w.]+)'")


def shown(error: BaseException) -> str:
    """The error with the traceback that its author can use. It has no frames if none is in the author's files."""
    for each in _chain(error):
        each.__traceback__ = _own_part(each.__traceback__)
    return "".join(traceback.format_exception(error))


def remedy(error: BaseException) -> str:
    """How to repair the package after this error; empty if that is not known."""
    for each in _chain(error):
        if isinstance(each, ModuleNotFoundError) and each.name:
            top = each.name.partition(".")[0]
            return f"add the distribution that has {top} under package.environment, or {top}.py under package.include"
        if isinstance(each, AttributeError) and (name := _missing_in_main(each)):
            return (
                f"{name} was defined in the program that saved the model: move it into a module, save the model again,"
                " and name the module under package.include"
            )
    return ""


def _missing_in_main(error: AttributeError) -> str:
    """The name that an unpickler did not find in the running program; empty for another error."""
    main = sys.modules["__main__"]
    if error.obj is main:
        return str(error.name)
    found = _NO_CLASS.search(str(error))
    spec = getattr(main, "__spec__", None)  # `python -m` gives the module its name there
    return found["name"] if found and found["module"] in {"__main__", spec and spec.name} else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that its traceback shows before it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            inner = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            waiting += [*inner, each.__cause__ or (None if each.__suppress_context__ else each.__context__)]


def _own_part(found: TracebackType | None) -> TracebackType | None:
    while found is not None and not _is_own(found.tb_frame):
        found = found.tb_next
    return found


def _is_own(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    root = str(Path(os.environ.get("AML_APP_ROOT", os.sep)).absolute())
    return _is_below(file, root) and not (
        _is_below(file, _OURS) or _is_below(file, sys.prefix) or _HIDDEN in frame.f_globals
    )


def _is_below(file: str, folder: str) -> bool:
    return file.startswith(folder.rstrip(os.sep) + os.sep)
