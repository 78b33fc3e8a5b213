"""The frozen types that cross the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from .context import Connection as Connection
    from .context import Context as Context
    from .context import Models as Models
    from .deploying import Candidate as Candidate
    from .deploying import DeployRequest as DeployRequest
    from .deploying import DeployStep as DeployStep
    from .deploying import Failed as Failed
    from .deploying import Pending as Pending
    from .deploying import Ready as Ready
    from .deploying import Verdict as Verdict
    from .description import API_VERSION as API_VERSION
    from .description import Capability as Capability
    from .description import Description as Description
    from .description import ImageNeed as ImageNeed
    from .description import Secret as Secret
    from .environments import Environment as Environment
    from .environments import Installs as Installs
    from .environments import Sources as Sources
    from .imaging import Image as Image
    from .imaging import ImageRequest as ImageRequest
    from .options import InputPath as InputPath
    from .options import IsInput as IsInput
    from .options import IsPath as IsPath
    from .options import Json as Json
    from .options import ManifestPath as ManifestPath
    from .options import Means as Means
    from .options import Options as Options
    from .options import Range as Range
    from .options import Text as Text
    from .questions import Keys as Keys
    from .questions import Logs as Logs
    from .questions import LogsRequest as LogsRequest
    from .records import Column as Column
    from .records import Deployment as Deployment
    from .records import Distribution as Distribution
    from .records import Event as Event
    from .records import EventKind as EventKind
    from .records import ModelReference as ModelReference
    from .records import ModelVersion as ModelVersion
    from .records import Package as Package
    from .records import Release as Release
    from .records import Run as Run
    from .records import Shown as Shown
    from .records import State as State
    from .records import Status as Status
    from .records import TrackedRun as TrackedRun
    from .services import GoldenRequest as GoldenRequest
    from .services import NoScoringUri as NoScoringUri
    from .services import ScoringUri as ScoringUri
    from .stages import ConnectRequest as ConnectRequest
    from .stages import FileContents as FileContents
    from .stages import GateRequest as GateRequest
    from .stages import Import as Import
    from .stages import InspectRequest as InspectRequest
    from .stages import PackageRequest as PackageRequest
    from .stages import PackedFiles as PackedFiles
    from .stages import RegisterRequest as RegisterRequest
    from .stages import TrainedModel as TrainedModel
    from .stages import TrainRequest as TrainRequest

__getattr__, __dir__ = lazily(
    __name__,
    {
        "context": "Connection Context Models",
        "deploying": "Candidate DeployRequest DeployStep Failed Pending Ready Verdict",
        "description": "API_VERSION Capability Description ImageNeed Secret",
        "environments": "Environment Installs Sources",
        "imaging": "Image ImageRequest",
        "options": "InputPath IsInput IsPath Json ManifestPath Means Options Range Text",
        "records": "Column Deployment Distribution Event EventKind ModelReference ModelVersion Package Release Run "
        "Shown State Status TrackedRun",
        "questions": "Keys Logs LogsRequest",
        "services": "GoldenRequest NoScoringUri ScoringUri",
        "stages": "ConnectRequest GateRequest InspectRequest PackageRequest PackedFiles RegisterRequest "
        "TrainRequest TrainedModel",
    },
)
