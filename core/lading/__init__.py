"""Lading takes a model from a manifest to a scoring URI, on any target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazily
from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .api import Outcome as Outcome
    from .api import check as check
    from .api import deploy as deploy
    from .api import deploy_each as deploy_each
    from .api import deployment as deployment
    from .api import export_package as export_package
    from .api import package as package
    from .api import register as register
    from .api import train as train
    from .catalogue import describe_model as describe_model
    from .catalogue import describe_target as describe_target
    from .catalogue import manifest_schema as manifest_schema
    from .engine.archive import Archive as Archive
    from .errors import BadInput as BadInput
    from .errors import Interrupted as Interrupted
    from .errors import LadingError as LadingError
    from .errors import Locked as Locked
    from .errors import ManifestError as ManifestError
    from .errors import NotUp as NotUp
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import PluginError as PluginError
    from .errors import Problem as Problem
    from .errors import Refused as Refused
    from .errors import StageFailed as StageFailed
    from .errors import Transient as Transient
    from .hookspecs import hookimpl as hookimpl
    from .imaging import make_image as make_image
    from .layout import lay_out as lay_out
    from .lifecycle import PastRelease as PastRelease
    from .lifecycle import gc as gc
    from .lifecycle import history as history
    from .lifecycle import repair as repair
    from .lifecycle import rollback as rollback
    from .lifecycle import trust_store as trust_store
    from .live import LiveDeployment as LiveDeployment
    from .model.context import Connection as Connection
    from .model.context import Context as Context
    from .model.context import Models as Models
    from .model.deploying import Candidate as Candidate
    from .model.deploying import DeployRequest as DeployRequest
    from .model.deploying import DeployStep as DeployStep
    from .model.deploying import Failed as Failed
    from .model.deploying import Pending as Pending
    from .model.deploying import Ready as Ready
    from .model.deploying import Verdict as Verdict
    from .model.description import API_VERSION as API_VERSION
    from .model.description import Capability as Capability
    from .model.description import Description as Description
    from .model.description import ImageNeed as ImageNeed
    from .model.description import Secret as Secret
    from .model.environments import Environment as Environment
    from .model.environments import Installs as Installs
    from .model.environments import Sources as Sources
    from .model.imaging import Image as Image
    from .model.imaging import ImageRequest as ImageRequest
    from .model.options import InputPath as InputPath
    from .model.options import IsInput as IsInput
    from .model.options import IsPath as IsPath
    from .model.options import Json as Json
    from .model.options import ManifestPath as ManifestPath
    from .model.options import Means as Means
    from .model.options import Options as Options
    from .model.options import Range as Range
    from .model.options import Text as Text
    from .model.planning import Action as Action
    from .model.planning import Change as Change
    from .model.planning import Drift as Drift
    from .model.planning import Fate as Fate
    from .model.planning import Plan as Plan
    from .model.planning import PlannedStage as PlannedStage
    from .model.planning import Setting as Setting
    from .model.questions import Keys as Keys
    from .model.questions import Logs as Logs
    from .model.questions import LogsRequest as LogsRequest
    from .model.records import Column as Column
    from .model.records import Deployment as Deployment
    from .model.records import Distribution as Distribution
    from .model.records import Event as Event
    from .model.records import EventKind as EventKind
    from .model.records import ModelReference as ModelReference
    from .model.records import ModelVersion as ModelVersion
    from .model.records import Package as Package
    from .model.records import Release as Release
    from .model.records import Run as Run
    from .model.records import Shown as Shown
    from .model.records import State as State
    from .model.records import Status as Status
    from .model.records import TrackedRun as TrackedRun
    from .model.services import GoldenRequest as GoldenRequest
    from .model.services import NoScoringUri as NoScoringUri
    from .model.services import ScoringUri as ScoringUri
    from .model.stages import ConnectRequest as ConnectRequest
    from .model.stages import FileContents as FileContents
    from .model.stages import GateRequest as GateRequest
    from .model.stages import Import as Import
    from .model.stages import InspectRequest as InspectRequest
    from .model.stages import PackageRequest as PackageRequest
    from .model.stages import PackedFiles as PackedFiles
    from .model.stages import RegisterRequest as RegisterRequest
    from .model.stages import TrainedModel as TrainedModel
    from .model.stages import TrainRequest as TrainRequest
    from .planning import plan as plan
    from .planning import read_plan as read_plan
    from .planning import write_plan as write_plan
    from .process import Command as Command
    from .process import Finished as Finished
    from .process import child_environment as child_environment
    from .process import run_command as run_command
    from .reading import Reads as Reads
    from .reading import file_stamp as file_stamp
    from .records import get_model as get_model
    from .records import get_run as get_run
    from .records import list_models as list_models
    from .records import list_runs as list_runs
    from .standing import Standing as Standing
    from .standing import statuses as statuses
    from .store.findings import Finding as Finding
    from .store.garbage import Garbage as Garbage
    from .store.report import StoreReport as StoreReport

__getattr__, __dir__ = lazily(
    __name__,
    {
        "api": "Outcome check deploy deploy_each deployment export_package package register train",
        "catalogue": "describe_model describe_target manifest_schema",
        "engine.archive": "Archive",
        "errors": "BadInput Interrupted LadingError Locked ManifestError NotUp OutcomeUnknown PluginError Problem "
        "Refused StageFailed Transient",
        "planning": "plan read_plan write_plan",
        "hookspecs": "hookimpl",
        "imaging": "make_image",
        "layout": "lay_out",
        "lifecycle": "PastRelease gc history repair rollback trust_store",
        "live": "LiveDeployment",
        "model.context": "Connection Context Models",
        "model.deploying": "Candidate DeployRequest DeployStep Failed Pending Ready Verdict",
        "model.description": "API_VERSION Capability Description ImageNeed Secret",
        "model.environments": "Environment Installs Sources",
        "model.imaging": "Image ImageRequest",
        "model.options": "InputPath IsInput IsPath Json ManifestPath Means Options Range Text",
        "model.planning": "Action Change Drift Fate Plan PlannedStage Setting",
        "model.records": "Column Deployment Distribution Event EventKind ModelReference ModelVersion Package Release "
        "Run Shown State Status TrackedRun",
        "model.questions": "Keys Logs LogsRequest",
        "model.services": "GoldenRequest NoScoringUri ScoringUri",
        "model.stages": "ConnectRequest FileContents GateRequest Import InspectRequest PackageRequest PackedFiles "
        "RegisterRequest TrainRequest TrainedModel",
        "process": "Command Finished child_environment run_command",
        "reading": "Reads file_stamp",
        "standing": "Standing statuses",
        "store.findings": "Finding",
        "store.garbage": "Garbage",
        "store.report": "StoreReport",
        "records": "get_model get_run list_models list_runs",
    },
)
__all__ = list(__dir__())  # without it a star gives what happens to be loaded
