"""The hooks that make a model and its package: a description, a connection, and the stages before a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import (
        Connection,
        ConnectRequest,
        Context,
        Description,
        EvaluateRequest,
        Image,
        ImageRequest,
        InspectRequest,
        Measured,
        ModelReference,
        PackageRequest,
        PackedFiles,
        Pending,
        RegisterRequest,
        TrainedModel,
        TrainRequest,
    )


@hookspec(firstresult=True)
def lading_describe() -> Description | None:
    """Describe the plugin: its options type and capabilities. Every plugin implements it.

    Example:
        >>> @hookimpl
        ... def lading_describe():
        ...     return Description(summary="a server at Acme", api=1, options=AcmeOptions)

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
        ...     return Acme(request.options.address)

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
        The file and the facts about it, with golden requests if `request.samples` asks for them. The engine
        digests and keeps the file. `reads` are the files that the training read beside those that the options name: a
        change of one trains again. In a training process in Python `lading.Reads` collects them.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_inspect(request: InspectRequest) -> TrainedModel | None:
    """Describe a finished model without loading it. For trainers; called if the manifest has no training.

    Example:
        >>> @hookimpl
        ... def lading_inspect(request):
        ...     version = read_version(request.file)
        ...     return TrainedModel(file=request.file, framework="scikit-learn", framework_version=version)

    Returns:
        The facts in the file or folder. `framework_version` is empty if the file does not have it. `contents` is None
        if the trainer cannot determine what loading it would import.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_evaluate(request: EvaluateRequest, context: Context) -> Measured | None:
    """Measure one model on given rows. Called for the new model, and for the one that it is compared with.

    The framework compares the metrics with the manifest's requirements; an evaluator does not refuse. A model file is
    loaded in a child process only.

    Example:
        >>> @hookimpl
        ... def lading_evaluate(request, context):
        ...     error = weigh_in_a_child_process(request.file, request.data)
        ...     return Measured(metrics={"error": error}, greater_is_better={"error": False})

    Returns:
        The metrics, the most important one first.

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
        ...     return ModelReference(registry="acme", name=request.name, version=version)

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
    """Take one idempotent step towards an image of the package; called again until the image exists.

    A container of the image serves the package on port 5001 and needs no other input. An image of the same package,
    options and tags is reused, not made again.

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
