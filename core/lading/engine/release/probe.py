"""A probe: a made-up request that shows whether a release without golden requests answers at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ... import model
from ...errors import LadingError
from ...model import schema
from . import scoring
from .golden import read, refusal

if TYPE_CHECKING:
    from ...model import Json, Package
    from .endpoint import Endpoint


class Probe(NamedTuple):
    """A request for the default scoring script. If it is not `sure`, the model may refuse its values with 400."""

    body: Json
    sure: bool

    @classmethod
    def of(cls, package: Package) -> Probe | None:
        """The probe of a package. None if its script is not the default one, or if its input is not known."""
        known = package.model.schema
        if package.own_script is not False or package.model.scoring is not None or known is None:
            return None
        body = schema.probe(known)
        if body is not None:
            return cls(body, sure=True)
        width = known.shape[1] if len(known.shape) == 2 else None
        return cls({"data": [[0] * width]}, sure=False) if width else None

    def ask(self, endpoint: Endpoint, *, timeout: float) -> model.Verdict | None:
        """Send the probe. None if the answer shows nothing."""
        try:
            answer = endpoint.ask(scoring.encode(self.body), timeout=timeout)
            if answer.status == 400 and not self.sure:
                return None
            read(answer)
        except LadingError as error:
            sent = json.dumps(self.body)[:200]
            return refusal(f"a probe made from the schema ({sent}): {error.message}", error)
        return model.Verdict(up=True)
