"""The control API of any emulator, for tests: JSON over HTTP on its own port."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .door import Door
from .messages import Answer, Head, Refusal, as_json
from .wire import Body

Answers = Mapping[tuple[str, str], Callable[[Any], Any]]  # functions of the sent JSON, by method and path


class Control:
    """The call log and the faults. A subclass adds its own calls."""

    def __init__(self, door: Door, answers: Answers) -> None:
        self._answers: Answers = {
            ("GET", "/calls"): lambda _: door.calls.as_json(),
            ("POST", "/failures/accept"): lambda _: door.calls.accept_failures(),
            ("GET", "/faults"): lambda _: door.faults.as_json(),
            ("POST", "/faults"): door.faults.add,
            **answers,
        }

    def __call__(self, head: Head, body: Body) -> Answer:
        content = body.read()
        answer = self._answers.get((head.method, head.path))
        if answer is None:
            return as_json({"error": f"there is no {head.method} {head.path}"}, 404)
        try:
            return as_json(answer(json.loads(content) if content else None))
        except (Refusal, TypeError, ValueError) as error:
            return as_json({"error": str(error)}, 400)
