"""The contract between Lading and its plugins, one hook after another.

A plugin is a module (or any object) named by an entry point in the group `lading.targets` or `lading.plugins`. It
implements `lading_describe` and the hooks of its role, marked with `@lading.hookimpl`. Arguments are passed by name:
an implementation may leave out those it does not need. Every hook but `lading_observe` and `lading_gate` answers with
exactly one value; `None` is an error that names the hook and the plugin. Raise a `lading.LadingError` for an expected
failure.

An argument is added here without a default, for pluggy offers to implementations only those that have none. One that
is to go is given to `warn_on_impl_args` first, with a warning that says what to do instead and names its last version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .model import (
        Connection,
        ConnectRequest,
        Context,
        Deployment,
        DeployRequest,
        DeployStep,
        Description,
        Event,
        GateRequest,
        Image,
        ImageRequest,
        InspectRequest,
        Keys,
        Logs,
        LogsRequest,
        ModelReference,
        NoScoringUri,
        PackageRequest,
        PackedFiles,
        Pending,
        RegisterRequest,
        Run,
        ScoringUri,
        Status,
        TrackedRun,
        TrainedModel,
        TrainRequest,
    )

PROJECT = "lading"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def lading_describe() -> Description | None:
    """Say what the plugin is: its options type and capabilities. Every plugin implements it.

    Example:
        >>> @hookimpl
        ... def lading_describe():
        ...     return Description(summary="a crane in the harbour", options=HarbourOptions)

    Returns:
        The description; it must not depend on anything but the code.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_connect(request: ConnectRequest, context: Context) -> Connection | None:
    """Sign in to an account that a family of plugins shares. Called once per command, when first needed.

    Example:
        >>> @hookimpl
        ... def lading_connect(request):
        ...     return Harbour(request.options.address)

    Returns:
        Any object; the plugins of the family find it as `context.connection`.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_train(request: TrainRequest, context: Context) -> TrainedModel | None:
    """Fit a model and write it into `request.folder`.

    Example:
        >>> @hookimpl
        ... def lading_train(request, context):
        ...     file = request.folder / "model.joblib"
        ...     joblib.dump(fit(request.options), file)
        ...     return TrainedModel(file=file, framework="scikit-learn", framework_version="1.7.2")

    Returns:
        The file and what was learnt about it, with golden requests where `request.samples` asks for them. The engine
        digests and keeps the file.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_inspect(request: InspectRequest) -> TrainedModel | None:
    """Describe a finished model file without loading it. Implemented by trainers, asked where nothing is trained.

    Example:
        >>> @hookimpl
        ... def lading_inspect(request):
        ...     version = read_version(request.file)
        ...     return TrainedModel(file=request.file, framework="scikit-learn", framework_version=version)

    Returns:
        What the file says of itself; `framework_version` is empty where it does not say, `contents` None where the
        trainer cannot tell what loading it would import.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_register(request: RegisterRequest, context: Context) -> ModelReference | None:
    """Register a model version. Called once per registry, the store's own first.

    Example:
        >>> @hookimpl
        ... def lading_register(request, context):
        ...     known = context.connection.find(sha256=request.sha256)
        ...     version = known or context.connection.upload(request.name, request.file)
        ...     return ModelReference(registry="harbour", name=request.name, version=version)

    Returns:
        The version; the same for the same bytes under the same name.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_package(request: PackageRequest, context: Context) -> PackedFiles | None:
    """Write everything but the model that scoring needs into `request.folder`.

    Example:
        >>> @hookimpl
        ... def lading_package(request):
        ...     app = request.folder / "azureml-app"
        ...     app.mkdir()
        ...     shutil.copy(request.options.scoring_script, app / "score.py")
        ...     return PackedFiles(scoring_script="score.py", python="3.11", requirements=("scikit-learn==1.7.2",))

    Returns:
        The scoring script and the pins. The engine digests and keeps the folder.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_image(request: ImageRequest, context: Context) -> Image | Pending | None:
    """Take one idempotent step towards the package being an image; called again until there is one.

    A container of the image serves the package on port 5001 and nothing else has to be given to it. What the same
    package, options and tags gave before is found and not made again.

    Example:
        >>> @hookimpl
        ... def lading_image(request, context):
        ...     crate = find(request.tags)
        ...     if crate is None:
        ...         context.intend(f"crate/{request.service}/{request.package.digest}")
        ...         crate = nail_together(request.package, request.tags, progress=context.progress)
        ...     return Image(reference=crate.name, digest=crate.digest, platform="linux/amd64")

    Returns:
        The image, or Pending with the time to come back after.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep | None:
    """Take one idempotent step towards `request.package` being served; called again until it ends.

    A step reads what is there, does the next thing that is missing, and returns without waiting. A target that keeps
    the old release serving answers `Candidate` first, and is called with `request.verdict` once the framework has asked
    the golden requests there; others answer `Ready` and are asked where they serve.

    Example:
        >>> @hookimpl
        ... def lading_deploy(request, context):
        ...     crane = find(request.deployment.service)
        ...     if crane is None or crane.digest != request.package.digest:
        ...         context.intend(f"crane/{request.deployment.service}")
        ...         lift(request.package, tags=request.tags)
        ...         return Pending("lifting")
        ...     return Ready() if crane.up else Pending("starting")

    Returns:
        Pending, Candidate, Ready or Failed.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | None:
    """Say where a deployment answers.

    Example:
        >>> @hookimpl
        ... def lading_scoring_uri(deployment):
        ...     crane = find(deployment.service)
        ...     return ScoringUri(crane.uri) if crane else NoScoringUri("no crane of that name")

    Returns:
        The address, or the reason why there is none. It never raises for a deployment that does not exist.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_status(deployment: Deployment, context: Context) -> Status | None:
    """Read what the target says of a deployment. Capability `status`.

    Example:
        >>> @hookimpl
        ... def lading_status(deployment):
        ...     crane = find(deployment.service)
        ...     return Status(State.RUNNING, package_digest=crane.digest) if crane else Status(State.ABSENT)

    Returns:
        The state, with the digests from the target's own tags.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_logs(request: LogsRequest, context: Context) -> Logs | None:
    """Read the log of a deployment. Capability `logs`. Following is the framework's: it asks again with the cursor.

    Example:
        >>> @hookimpl
        ... def lading_logs(request):
        ...     return Logs(lines=find(request.deployment.service).lines[-request.tail :])

    Returns:
        The lines, and the cursor to go on from.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys | None:
    """Read the keys that a request must carry as `Authorization: Bearer`. Capability `keys`.

    `rotate` is `primary` or `secondary` where that one is to be made anew first, and is only asked of a target with the
    capability `rotate_keys`.

    Example:
        >>> @hookimpl
        ... def lading_keys(deployment):
        ...     return Keys(primary=Secret(find(deployment.service).key))

    Returns:
        The keys, as secrets.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_delete(deployment: Deployment, context: Context) -> Status | None:
    """Take one idempotent step towards the deployment being gone. Capability `delete`.

    Example:
        >>> @hookimpl
        ... def lading_delete(deployment):
        ...     remove(deployment.service)
        ...     return Status(State.ABSENT)

    Returns:
        The state after the step; it is called again until that is `absent`.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_track(request: Run, context: Context) -> TrackedRun | None:
    """Keep a run where people look at runs. Called at its start and at its end with the whole run; idempotent.

    Example:
        >>> @hookimpl
        ... def lading_track(request, context):
        ...     page = context.connection.upsert(request.id, metrics=request.metrics)
        ...     return TrackedRun(tracker="harbour", id=page.id, url=page.url)

    Returns:
        The id there and the page to open.

    History:
        since api 1
    """


@hookspec
def lading_observe(event: Event, options: Any, context: Context) -> None:
    """Be told what happens. An observer that fails is reported, and changes nothing else.

    Example:
        >>> @hookimpl
        ... def lading_observe(event):
        ...     if event.kind == "release.up":
        ...         ring_the_bell(event.service)

    Returns:
        Nothing.

    History:
        since api 1
    """


@hookspec
def lading_gate(request: GateRequest, context: Context) -> None:
    """Be asked before a stage. Raise `lading.Refused` to stop it.

    Example:
        >>> @hookimpl
        ... def lading_gate(request):
        ...     if request.target == "production" and is_friday():
        ...         raise Refused("no deploy to production on a Friday")

    Returns:
        Nothing.

    History:
        since api 1
    """
