"""Lading takes a model from a manifest to a scoring URI, on any target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import __version__ as __version__
from .base.lazy import lazily

if TYPE_CHECKING:
    from .base.digests import slow_digest as slow_digest
    from .base.headers import retry_after as retry_after
    from .base.matching import matching_files as matching_files
    from .base.missing import MISSING_WORDS as MISSING_WORDS
    from .base.missing import NamedWords as NamedWords
    from .base.numerals import number_of as number_of
    from .base.numerals import plain_number as plain_number
    from .base.process import Command as Command
    from .base.process import Finished as Finished
    from .base.process import child_environment as child_environment
    from .base.process import run_command as run_command
    from .base.reading import Reads as Reads
    from .base.reading import file_stamp as file_stamp
    from .base.scripts import parse_script as parse_script
    from .base.scripts import script_problem as script_problem
    from .base.variables import check_env_sizes as check_env_sizes
    from .base.words import plain_words as plain_words
    from .engine.archive.archive import Archive as Archive
    from .engine.release.ejecting import Ejection as Ejection
    from .engine.release.preflight import Preflight as Preflight
    from .errors import BadInput as BadInput
    from .errors import Interrupted as Interrupted
    from .errors import KeyNotReadable as KeyNotReadable
    from .errors import LadingError as LadingError
    from .errors import Locked as Locked
    from .errors import ManifestError as ManifestError
    from .errors import NotSignedIn as NotSignedIn
    from .errors import NotUp as NotUp
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import PluginError as PluginError
    from .errors import Problem as Problem
    from .errors import Refused as Refused
    from .errors import StageFailed as StageFailed
    from .errors import Transient as Transient
    from .model.constraints import Duration as Duration
    from .model.constraints import Means as Means
    from .model.constraints import Range as Range
    from .model.constraints import Text as Text
    from .model.context import Connection as Connection
    from .model.context import Context as Context
    from .model.context import Models as Models
    from .model.counterparts import Counterpart as Counterpart
    from .model.counterparts import CounterpartRule as CounterpartRule
    from .model.counterparts import Fate as Fate
    from .model.deploying import Candidate as Candidate
    from .model.deploying import DeleteStep as DeleteStep
    from .model.deploying import DeployRequest as DeployRequest
    from .model.deploying import DeployStep as DeployStep
    from .model.deploying import Done as Done
    from .model.deploying import Ejected as Ejected
    from .model.deploying import Failed as Failed
    from .model.deploying import Pending as Pending
    from .model.deploying import Ready as Ready
    from .model.deploying import ShiftRequest as ShiftRequest
    from .model.deploying import ShiftStep as ShiftStep
    from .model.deploying import Verdict as Verdict
    from .model.description import API_VERSION as API_VERSION
    from .model.description import Capability as Capability
    from .model.description import Description as Description
    from .model.description import ImageNeed as ImageNeed
    from .model.description import Secret as Secret
    from .model.distributions import Distribution as Distribution
    from .model.environments import Environment as Environment
    from .model.environments import Installs as Installs
    from .model.environments import Sources as Sources
    from .model.evaluating import EvaluateRequest as EvaluateRequest
    from .model.evaluating import Evaluation as Evaluation
    from .model.evaluating import Judged as Judged
    from .model.evaluating import Measured as Measured
    from .model.figures import Compared as Compared
    from .model.figures import Figures as Figures
    from .model.figures import Latency as Latency
    from .model.figures import Metrics as Metrics
    from .model.figures import ReleaseMetrics as ReleaseMetrics
    from .model.findings import FindingSeverity as FindingSeverity
    from .model.findings import PlanFindings as PlanFindings
    from .model.findings import PlanRequest as PlanRequest
    from .model.findings import PreflightRequest as PreflightRequest
    from .model.findings import TargetFinding as TargetFinding
    from .model.findings import TargetFindings as TargetFindings
    from .model.findings import UpRelease as UpRelease
    from .model.gating import GateRequest as GateRequest
    from .model.gating import PreviousRelease as PreviousRelease
    from .model.imaging import Image as Image
    from .model.imaging import ImageRequest as ImageRequest
    from .model.listing import Listed as Listed
    from .model.listing import Listing as Listing
    from .model.listing import ListRequest as ListRequest
    from .model.options import InputFiles as InputFiles
    from .model.options import InputPath as InputPath
    from .model.options import IsInput as IsInput
    from .model.options import IsPath as IsPath
    from .model.options import Json as Json
    from .model.options import ManifestPath as ManifestPath
    from .model.options import MayNameInput as MayNameInput
    from .model.options import Options as Options
    from .model.options import Requirements as Requirements
    from .model.packaging import ExpectedModel as ExpectedModel
    from .model.packaging import ExpectedPin as ExpectedPin
    from .model.packaging import PackageProblem as PackageProblem
    from .model.parts import ModelPart as ModelPart
    from .model.planning import Action as Action
    from .model.planning import Change as Change
    from .model.planning import Drift as Drift
    from .model.planning import Plan as Plan
    from .model.planning import PlanEffect as PlanEffect
    from .model.planning import PlanFinding as PlanFinding
    from .model.planning import PlannedStage as PlannedStage
    from .model.planning import Setting as Setting
    from .model.questions import InvokeAnswer as InvokeAnswer
    from .model.questions import InvokeRequest as InvokeRequest
    from .model.questions import Keys as Keys
    from .model.questions import Logs as Logs
    from .model.questions import LogsRequest as LogsRequest
    from .model.records import EVENT_KINDS as EVENT_KINDS
    from .model.records import Column as Column
    from .model.records import Deployment as Deployment
    from .model.records import Event as Event
    from .model.records import EventKind as EventKind
    from .model.records import EventMeaning as EventMeaning
    from .model.records import ModelReference as ModelReference
    from .model.records import ModelVersion as ModelVersion
    from .model.records import Package as Package
    from .model.records import Release as Release
    from .model.records import Shown as Shown
    from .model.records import State as State
    from .model.records import Status as Status
    from .model.requirements import judge_metrics as judge_metrics
    from .model.requirements import metrics_table as metrics_table
    from .model.runs import Run as Run
    from .model.runs import TrackedRun as TrackedRun
    from .model.schema import Schema as Schema
    from .model.schema import SchemaColumn as SchemaColumn
    from .model.schema import SchemaKind as SchemaKind
    from .model.schema import SchemaOutput as SchemaOutput
    from .model.served import Served as Served
    from .model.services import GoldenRequest as GoldenRequest
    from .model.services import NoScoringUri as NoScoringUri
    from .model.services import ScoringUri as ScoringUri
    from .model.stages import ConnectRequest as ConnectRequest
    from .model.stages import FileContents as FileContents
    from .model.stages import Import as Import
    from .model.stages import InspectRequest as InspectRequest
    from .model.stages import PackageRequest as PackageRequest
    from .model.stages import PackedFiles as PackedFiles
    from .model.stages import RegisterRequest as RegisterRequest
    from .model.stages import TrainedModel as TrainedModel
    from .model.stages import TrainRequest as TrainRequest
    from .model.traffic import ReleaseWeight as ReleaseWeight
    from .model.traffic import RolloutState as RolloutState
    from .model.traffic import Share as Share
    from .model.traffic import Traffic as Traffic
    from .plugin.catalogue import describe_model as describe_model
    from .plugin.catalogue import describe_plugin as describe_plugin
    from .plugin.catalogue import manifest_schema as manifest_schema
    from .plugin.layout import copy_model as copy_model
    from .plugin.layout import install_lines as install_lines
    from .plugin.layout import laid_out_files as laid_out_files
    from .plugin.layout import lay_out as lay_out
    from .plugin.layout import model_files as model_files
    from .plugin.spec import hookimpl as hookimpl
    from .python.checking import check as check
    from .python.comparing import Comparison as Comparison
    from .python.comparing import Difference as Difference
    from .python.comparing import diff as diff
    from .python.deploying import deploy as deploy
    from .python.deploying import deploy_each as deploy_each
    from .python.deploying import deployment as deployment
    from .python.deploying import evaluate as evaluate
    from .python.deploying import export_package as export_package
    from .python.deploying import package as package
    from .python.deploying import register as register
    from .python.deploying import train as train
    from .python.ejecting import eject as eject
    from .python.images import make_image as make_image
    from .python.listing import FoundService as FoundService
    from .python.listing import list_services as list_services
    from .python.live import LiveDeployment as LiveDeployment
    from .python.outcomes import Outcome as Outcome
    from .python.planning import plan as plan
    from .python.planning import read_plan as read_plan
    from .python.planning import write_plan as write_plan
    from .python.preflight import preflight as preflight
    from .python.provenance import Provenance as Provenance
    from .python.provenance import why as why
    from .python.records import get_model as get_model
    from .python.records import get_run as get_run
    from .python.records import list_models as list_models
    from .python.records import list_plots as list_plots
    from .python.records import list_runs as list_runs
    from .python.releases import History as History
    from .python.releases import PastRelease as PastRelease
    from .python.releases import gc as gc
    from .python.releases import history as history
    from .python.releases import repair as repair
    from .python.releases import rollback as rollback
    from .python.releases import trust_store as trust_store
    from .python.reporting import report as report
    from .python.standing import Standing as Standing
    from .python.standing import statuses as statuses
    from .python.traffic import abort as abort
    from .python.traffic import compare as compare
    from .python.traffic import promote as promote
    from .python.traffic import traffic as traffic
    from .store.findings import Finding as Finding
    from .store.garbage import Garbage as Garbage
    from .store.report import StoreReport as StoreReport

__getattr__, __dir__ = lazily(
    __name__,
    {
        "python.checking": "check",
        "python.comparing": "Comparison Difference diff",
        "python.deploying": "deploy deploy_each deployment evaluate export_package package register train",
        "plugin.catalogue": "describe_model describe_plugin manifest_schema",
        "engine.archive.archive": "Archive",
        "errors": "BadInput Interrupted KeyNotReadable LadingError Locked ManifestError NotSignedIn NotUp "
        "OutcomeUnknown PluginError Problem Refused StageFailed Transient",
        "python.planning": "plan read_plan write_plan",
        "plugin.spec": "hookimpl",
        "python.images": "make_image",
        "plugin.layout": "copy_model install_lines laid_out_files lay_out model_files",
        "python.releases": "History PastRelease gc history repair rollback trust_store",
        "python.listing": "FoundService list_services",
        "python.live": "LiveDeployment",
        "python.outcomes": "Outcome",
        "engine.release.ejecting": "Ejection",
        "engine.release.preflight": "Preflight",
        "python.ejecting": "eject",
        "python.preflight": "preflight",
        "python.provenance": "Provenance why",
        "model.constraints": "Duration Means Range Text",
        "model.context": "Connection Context Models",
        "model.counterparts": "Counterpart CounterpartRule Fate",
        "model.deploying": "Candidate DeleteStep DeployRequest DeployStep Done Ejected Failed Pending Ready "
        "ShiftRequest ShiftStep Verdict",
        "model.description": "API_VERSION Capability Description ImageNeed Secret",
        "model.distributions": "Distribution",
        "model.environments": "Environment Installs Sources",
        "model.evaluating": "EvaluateRequest Evaluation Judged Measured",
        "model.figures": "Compared Figures Latency Metrics ReleaseMetrics",
        "model.findings": "FindingSeverity PlanFindings PlanRequest PreflightRequest TargetFinding TargetFindings "
        "UpRelease",
        "model.gating": "GateRequest PreviousRelease",
        "model.imaging": "Image ImageRequest",
        "model.listing": "Listed Listing ListRequest",
        "model.options": "InputFiles InputPath IsInput IsPath Json ManifestPath MayNameInput Options Requirements",
        "model.packaging": "ExpectedModel ExpectedPin PackageProblem",
        "model.parts": "ModelPart",
        "model.planning": "Action Change Drift Plan PlanEffect PlanFinding PlannedStage Setting",
        "model.records": "EVENT_KINDS Column Deployment Event EventKind EventMeaning ModelReference "
        "ModelVersion Package Release Shown State Status",
        "model.questions": "InvokeAnswer InvokeRequest Keys Logs LogsRequest",
        "model.requirements": "judge_metrics metrics_table",
        "model.runs": "Run TrackedRun",
        "model.schema": "Schema SchemaColumn SchemaKind SchemaOutput",
        "model.served": "Served",
        "model.services": "GoldenRequest NoScoringUri ScoringUri",
        "model.stages": "ConnectRequest FileContents Import InspectRequest PackageRequest "
        "PackedFiles RegisterRequest TrainRequest TrainedModel",
        "base.digests": "slow_digest",
        "model.traffic": "ReleaseWeight RolloutState Share Traffic",
        "base.headers": "retry_after",
        "base.words": "plain_words",
        "base.matching": "matching_files",
        "base.missing": "MISSING_WORDS NamedWords",
        "base.numerals": "number_of plain_number",
        "base.process": "Command Finished child_environment run_command",
        "base.reading": "Reads file_stamp",
        "base.scripts": "parse_script script_problem",
        "base.variables": "check_env_sizes",
        "python.reporting": "report",
        "python.standing": "Standing statuses",
        "python.traffic": "abort compare promote traffic",
        "store.findings": "Finding",
        "store.garbage": "Garbage",
        "store.report": "StoreReport",
        "python.records": "get_model get_run list_models list_plots list_runs",
    },
)
__all__ = list(__dir__())  # without it a star gives what happens to be loaded
