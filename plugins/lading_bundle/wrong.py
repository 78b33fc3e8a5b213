"""A fault in an environment or a scoring script, on its way to the report of all of them."""

from __future__ import annotations

from lading import BadInput, LadingError, PackageProblem, Refused


class Wrong(Exception):
    """A reason why a package cannot be made."""

    def __init__(self, message: str, *, hint: str = "", option: str = "", refused: bool = False) -> None:
        super().__init__(message)
        self.problem = PackageProblem(message=message, hint=hint, option=option, refused=refused)


def failure(problem: PackageProblem) -> LadingError:
    """The failure of the packager for a problem."""
    hint = problem.hint or None
    if problem.refused:
        return Refused(problem.message, hint=hint)
    return BadInput(problem.message, hint=hint, option=problem.option)
