"""The parts of a plugin's options.

Nothing here imports pydantic: a manifest that is already known to be valid is read without it. The constraints speak
pydantic's protocol (`__get_pydantic_core_schema__`), which is called only when a manifest is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from .constraints import Text

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .counterparts import Counterpart
    from .environments import Installs
    from .packaging import ExpectedModel, ExpectedPin, PackageProblem
else:
    from typing import TypeVar

Json = Any
"""A JSON value: None, bool, int, float, str, a list of them or a mapping of str to them."""


@dataclass(frozen=True)
class Options:
    """Base of every options type. Subclass it as a frozen dataclass with a docstring under each field.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import Annotated
        >>> @dataclass(frozen=True)
        ... class AcmeOptions(Options):
        ...     port: Annotated[int, Range(ge=0, le=65535)] = 0
        ...     '''Port to listen on; 0 picks a free one.'''
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "strict": True,
        "extra": "forbid",
        "use_attribute_docstrings": True,
    }

    deploy_only: ClassVar[tuple[str, ...]] = ("env",)
    """Names of a target's options that only a deploy needs. If a variable in such an option is not set, the other
    commands see `${NAME}` as it is written. If such an option breaks a rule of its type, they see its default, so that
    a service can be deleted whose certificate is gone. Never name an option that says where the service is: `delete`
    would look in another place.
    """

    placed_by: ClassVar[tuple[str, ...]] = ()
    """Names of a target's options that say where the service is, besides its name and its connection: `("device",)`.

    If one of them changes, the framework removes the service from its old place once the new release is up. It calls
    `lading_delete` with the old values of these options. The options of a connection can name its account like that.
    """

    @property
    def placed_at(self) -> Mapping[str, Any]:
        """The values of the options of `placed_by`. Override it if another option can stand for them: a file."""
        return {name: getattr(self, name) for name in self.placed_by}

    @classmethod
    def place_of(cls, service: str, values: Mapping[str, Json]) -> Json:
        """For a target's options: what two values must share to be one place of `service`.

        `values` has the options of `placed_by`. By default all of them count as they are. Override it if an option has
        a default that depends on the service, or if an option can change without a move.
        """
        return dict(values)

    @property
    def cannot_record(self) -> str:
        """For a trainer's options: why no golden requests can be recorded with them, in words that a hint may follow.

        Empty if they can be recorded, or if only the training can show it.
        """
        return ""

    @property
    def nothing_held_out(self) -> str:
        """For a trainer's options: why no rows were held out to evaluate on, in words that a hint may follow.

        Empty if the evaluator can find the held-out rows again.
        """
        return ""

    def unknown_metric(self, name: str, training: Options | None) -> str:
        """For an evaluator's options: why no model of `training` has the metric `name`, with the known names.

        Empty if it may have it. `training` is None for a finished model.
        """
        return ""

    @property
    def model_imports(self) -> tuple[str, ...] | None:
        """For a trainer's options: the modules that loading the model will import: `sklearn`, `steps.ranking`.

        A packager gets them without dots too. None if only the training shows them.
        """
        return None

    def model_modules(self, folder: Path) -> tuple[Path, ...]:
        """For a trainer's options: the files and folders of the project that loading the model will import.

        `folder` is that of the manifest. The trainer returns the files as `modules` of its model; the packager reports
        a folder that the package does not include.
        """
        return ()

    def model_methods(self) -> tuple[str, ...] | None:
        """For a trainer's options: the methods of the model that answer rows: `predict`, `predict_proba`.

        A packager asks it before the training. It must not run code of the user. None if only the training shows them.
        """
        return None

    def training_problems(self) -> Sequence[PackageProblem]:
        """For a trainer's options: why no model can be trained with them. Empty if nothing is known.

        `check`, `plan` and each training ask it first. It must not run code of the user or use the network.
        """
        return ()

    def package_problems(self, model: ExpectedModel) -> Sequence[PackageProblem]:
        """For a packager's options: why no package can be made of a model like this one. Empty if nothing is known.

        `check`, `plan` and each training ask it first, so that no training is wasted. It must not use the network.
        """
        return ()

    def expected_pins(self, model: ExpectedModel) -> Sequence[ExpectedPin]:
        """For a packager's options: the pins of the package of a model like this one, as far as they are known.

        `plan` and each training resolve them for the targets, like the pins of a package. It must not use the network.
        """
        return ()

    @property
    def included(self) -> tuple[Path, ...]:
        """For a packager's options: the files and folders of the project that lie beside the scoring script.

        A registry may keep them with the model, because loading the model may import them.
        """
        return ()

    @property
    def own_script(self) -> bool | None:
        """For a packager's options: whether the scoring script is the user's own.

        Otherwise it calls `predict()` of the model, so a file without such an object is refused before any release.
        None if the packager leaves this open.
        """
        return None

    @property
    def installs(self) -> Installs | None:
        """For a target or an image: how the package is installed outside the running Python, or None.

        Before a training, and before another hook of the target, the framework checks that it can be installed. With
        `here`, it checks this only before a training, and only if the running Python lacks a pin.
        """
        return None

    @classmethod
    def needs_image(cls, values: Mapping[str, Json]) -> bool:
        """For the options of a target whose description has an `image`: whether a block with `values` needs it.

        The manifest needs no block `image` for a target without this need. `values` are as written: they may have
        `${NAME}`, and they are not checked.
        """
        return True

    def counterparts(self, plugin: str, given: Mapping[str, Any]) -> Mapping[str, Counterpart]:
        """For a target's options: the fate of options in a block of another plugin, by their names there.

        `given` has the options that the other block sets. Options that the answer leaves out are compared by their
        names and by `Means`. A value may be a secret, so show only numbers and words of the other plugin.
        """
        return {}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Add the docstrings of inherited fields, because pydantic reads only those in a class's own source.

        Pydantic adds the docstring of the class from 2.13 on. It is removed, so that every version makes the same
        schema.
        """
        from pydantic import TypeAdapter

        reference: dict[str, Any] = handler(schema)
        definition = handler.resolve_ref_schema(reference)
        definition.pop("description", None)
        fields = definition["properties"]
        for base in (above for above in cls.__mro__[1:] if issubclass(above, Options) and above is not Options):
            for name, field in TypeAdapter(base).json_schema()["properties"].items():
                if "description" in field:
                    fields[name].setdefault("description", field["description"])
        return reference


if TYPE_CHECKING:  # Python has a default of a type variable from 3.13 on
    OptionsT_co = TypeVar("OptionsT_co", bound=Options, covariant=True, default=Options)
else:
    OptionsT_co = TypeVar("OptionsT_co", covariant=True)


class IsPath:
    """Marks a path that is resolved against the manifest."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"type": "str", "min_length": 1}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(schema), "format": "path"}


class IsInput(IsPath):
    """Marks a path that a stage reads. It must exist, and its digest is part of the cache key.

    With `pattern` it may also be a pattern for several files. `names` gives the files that the text of this file names.
    They are inputs too.
    """

    def __init__(self, *, pattern: bool = False, names: Callable[[Path], Iterable[Path]] | None = None) -> None:
        self.pattern = pattern
        self.names = names

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**super().__get_pydantic_json_schema__(schema, handler), "exists": True}


class MayNameInput:
    """Marks a text that may name a file which a stage reads, among other words.

    `find` gives the path in the text, or an empty text. The file is an input like an `InputPath`, and a plugin receives
    the text with the absolute path.
    """

    def __init__(self, find: Callable[[str], str]) -> None:
        self.find = find


ManifestPath = Annotated[Path, IsPath()]
"""A file or folder named in a manifest, relative to it, that need not exist. A plugin receives it absolute."""

InputPath = Annotated[Path, IsInput()]
"""A file or folder like a `ManifestPath`, which must exist because a stage reads it."""

InputFiles = Annotated[Path, IsInput(pattern=True)]
"""An `InputPath`, or a pattern for files such as `parts/*.csv`. `lading.matching_files` gives the files."""

REQUIREMENT = r"^(>=|<=|==|>|<) *[-+]?([0-9]{1,99}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?$"
"""An operator and a number with so few digits that it is finite."""

Requirements = Mapping[str, Annotated[str, Text(pattern=REQUIREMENT)]]
"""The requirement on each metric: `r2: ">= 0.9"`. `lading.judge_metrics` compares metrics with it."""
