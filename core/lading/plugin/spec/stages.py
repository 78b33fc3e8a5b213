"""What makes a model and a package of it: a description, a connection, and the stages before a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import (
        Connection,
        ConnectRequest,
        Context,
        Description,
        Image,
        ImageRequest,
        InspectRequest,
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
        digests and keeps the file. `reads` are the files that the training read beside those that the options name: a
        change of one trains again. In a training process in Python `lading.Reads` collects them.

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
