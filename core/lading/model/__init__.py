"""The frozen types that cross the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from .constraints import Duration as Duration
    from .constraints import Means as Means
    from .constraints import Range as Range
    from .constraints import Text as Text
    from .context import Connection as Connection
    from .context import Context as Context
    from .context import Models as Models
    from .counterparts import Counterpart as Counterpart
    from .counterparts import CounterpartRule as CounterpartRule
    from .counterparts import Fate as Fate
    from .deploying import Candidate as Candidate
    from .deploying import DeleteStep as DeleteStep
    from .deploying import DeployRequest as DeployRequest
    from .deploying import DeployStep as DeployStep
    from .deploying import Done as Done
    from .deploying import Ejected as Ejected
    from .deploying import Failed as Failed
    from .deploying import Pending as Pending
    from .deploying import Ready as Ready
    from .deploying import ShiftRequest as ShiftRequest
    from .deploying import ShiftStep as ShiftStep
    from .deploying import Verdict as Verdict
    from .description import API_VERSION as API_VERSION
    from .description import Capability as Capability
    from .description import Description as Description
    from .description import ImageNeed as ImageNeed
    from .description import Secret as Secret
    from .distributions import Distribution as Distribution
    from .environments import Environment as Environment
    from .environments import Installs as Installs
    from .environments import Sources as Sources
    from .evaluating import EvaluateRequest as EvaluateRequest
    from .evaluating import Evaluation as Evaluation
    from .evaluating import Judged as Judged
    from .evaluating import Measured as Measured
    from .figures import Compared as Compared
    from .figures import Figures as Figures
    from .figures import Latency as Latency
    from .figures import Metrics as Metrics
    from .figures import ReleaseMetrics as ReleaseMetrics
    from .findings import FindingSeverity as FindingSeverity
    from .findings import PlanFindings as PlanFindings
    from .findings import PlanRequest as PlanRequest
    from .findings import PreflightRequest as PreflightRequest
    from .findings import TargetFinding as TargetFinding
    from .findings import TargetFindings as TargetFindings
    from .findings import UpRelease as UpRelease
    from .gating import GateRequest as GateRequest
    from .gating import PreviousRelease as PreviousRelease
    from .imaging import Image as Image
    from .imaging import ImageRequest as ImageRequest
    from .listing import Listed as Listed
    from .listing import Listing as Listing
    from .listing import ListRequest as ListRequest
    from .options import InputFiles as InputFiles
    from .options import InputPath as InputPath
    from .options import IsInput as IsInput
    from .options import IsPath as IsPath
    from .options import Json as Json
    from .options import ManifestPath as ManifestPath
    from .options import MayNameInput as MayNameInput
    from .options import Options as Options
    from .options import Requirements as Requirements
    from .packaging import ExpectedModel as ExpectedModel
    from .packaging import ExpectedPin as ExpectedPin
    from .packaging import PackageProblem as PackageProblem
    from .parts import ModelPart as ModelPart
    from .planning import Action as Action
    from .planning import Change as Change
    from .planning import Drift as Drift
    from .planning import Plan as Plan
    from .planning import PlanEffect as PlanEffect
    from .planning import PlanFinding as PlanFinding
    from .planning import PlannedStage as PlannedStage
    from .planning import Setting as Setting
    from .questions import InvokeAnswer as InvokeAnswer
    from .questions import InvokeRequest as InvokeRequest
    from .questions import Keys as Keys
    from .questions import Logs as Logs
    from .questions import LogsRequest as LogsRequest
    from .records import EVENT_KINDS as EVENT_KINDS
    from .records import Column as Column
    from .records import Deployment as Deployment
    from .records import Event as Event
    from .records import EventKind as EventKind
    from .records import EventMeaning as EventMeaning
    from .records import ModelReference as ModelReference
    from .records import ModelVersion as ModelVersion
    from .records import Package as Package
    from .records import Release as Release
    from .records import Shown as Shown
    from .records import State as State
    from .records import Status as Status
    from .requirements import judge_metrics as judge_metrics
    from .requirements import metrics_table as metrics_table
    from .runs import Run as Run
    from .runs import TrackedRun as TrackedRun
    from .schema import Schema as Schema
    from .schema import SchemaColumn as SchemaColumn
    from .schema import SchemaKind as SchemaKind
    from .schema import SchemaOutput as SchemaOutput
    from .served import Served as Served
    from .services import GoldenRequest as GoldenRequest
    from .services import NoScoringUri as NoScoringUri
    from .services import ScoringUri as ScoringUri
    from .stages import ConnectRequest as ConnectRequest
    from .stages import FileContents as FileContents
    from .stages import Import as Import
    from .stages import InspectRequest as InspectRequest
    from .stages import PackageRequest as PackageRequest
    from .stages import PackedFiles as PackedFiles
    from .stages import RegisterRequest as RegisterRequest
    from .stages import TrainedModel as TrainedModel
    from .stages import TrainRequest as TrainRequest
    from .traffic import ReleaseWeight as ReleaseWeight
    from .traffic import RolloutState as RolloutState
    from .traffic import Share as Share
    from .traffic import Traffic as Traffic

__getattr__, __dir__ = lazily(
    __name__,
    {
        "constraints": "Duration Means Range Text",
        "context": "Connection Context Models",
        "counterparts": "Counterpart CounterpartRule Fate",
        "deploying": "Candidate DeleteStep DeployRequest DeployStep Done Ejected Failed Pending Ready ShiftRequest "
        "ShiftStep Verdict",
        "description": "API_VERSION Capability Description ImageNeed Secret",
        "distributions": "Distribution",
        "environments": "Environment Installs Sources",
        "evaluating": "EvaluateRequest Evaluation Judged Measured",
        "figures": "Compared Figures Latency Metrics ReleaseMetrics",
        "findings": "FindingSeverity PlanFindings PlanRequest PreflightRequest TargetFinding TargetFindings UpRelease",
        "gating": "GateRequest PreviousRelease",
        "imaging": "Image ImageRequest",
        "listing": "Listed Listing ListRequest",
        "options": "InputFiles InputPath IsInput IsPath Json ManifestPath MayNameInput Options Requirements",
        "records": "EVENT_KINDS Column Deployment Event EventKind EventMeaning ModelReference "
        "ModelVersion Package Release Shown State Status",
        "packaging": "ExpectedModel ExpectedPin PackageProblem",
        "parts": "ModelPart",
        "planning": "Action Change Drift Plan PlanEffect PlanFinding PlannedStage Setting",
        "questions": "InvokeAnswer InvokeRequest Keys Logs LogsRequest",
        "requirements": "judge_metrics metrics_table",
        "runs": "Run TrackedRun",
        "schema": "Schema SchemaColumn SchemaKind SchemaOutput",
        "served": "Served",
        "services": "GoldenRequest NoScoringUri ScoringUri",
        "stages": "ConnectRequest FileContents Import InspectRequest PackageRequest "
        "PackedFiles RegisterRequest TrainRequest TrainedModel",
        "traffic": "ReleaseWeight RolloutState Share Traffic",
    },
)
