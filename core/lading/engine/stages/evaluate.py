"""The evaluate stage, if the manifest has the block. It measures a model and refuses one below the requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Refused
from . import cache_keys as keys
from .stage import Making
from .trained import Trained

if TYPE_CHECKING:
    from ...model import Json
    from ..session.session import Session
    from .evaluation import Evaluated


class _Evaluate(Making[Trained, "Evaluated"]):
    """Measures a model, or finds its metrics. It passes the model on if the metrics meet the manifest's
    requirements.
    """

    name = "evaluate"
    optional = True

    def applies(self, session: Session) -> bool:
        return session.manifest.evaluate is not None

    def inputs(self, session: Session, upstream: Trained | None) -> keys.Inputs:
        from .evaluation import inputs  # most manifests do not need it

        return inputs(session, upstream)

    def find(self, session: Session, stage_inputs: keys.Inputs, upstream: Trained) -> Evaluated | None:
        from .evaluation import find

        return find(session, upstream)

    def run(self, session: Session, upstream: Trained) -> Evaluated:
        from .evaluation import measure_all, settle

        return settle(session, measure_all(session, upstream))

    def reuse(self, session: Session, stage_inputs: keys.Inputs, output: Evaluated) -> None:
        from .evaluation import settle

        try:
            settle(session, output)
        except Refused as error:
            self.emitter(session)("stage.failed", detail=error.message)
            raise
        super().reuse(session, stage_inputs, output)

    def record(self, output: Evaluated) -> Json:
        return output.evaluation.verdict

    def describe(self, output: Evaluated) -> dict[str, Json]:
        metrics = {judged.metric: judged.new for judged in output.evaluation.metrics}
        shown = (f"{name} {value:.6g}" for name, value in metrics.items() if value is not None)
        return {"detail": ", ".join(list(shown)[:3]), "metrics": metrics}

    def planned(self, output: Evaluated | None) -> dict[str, str | None]:
        return {"verdict": output.evaluation.verdict if output else None}


EVALUATE = _Evaluate()
