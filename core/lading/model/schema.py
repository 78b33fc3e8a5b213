"""The schema of a model: its inputs and outputs, as far as they are known without the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

from .options import Json

SchemaKind = Literal["number", "integer", "text", "boolean", "date", "category", ""]
"""The kind of a column; empty if it is not known. A category is a text that repeats."""


@dataclass(frozen=True, kw_only=True)
class SchemaColumn:
    """A column that a model takes. `nullable` says whether it takes a missing value there.

    `categories` are values that occur in at least ten rows of the training data. There may be others.
    """

    name: str
    kind: SchemaKind = ""
    nullable: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SchemaOutput:
    """One output of a model. `classes` are those that occur in at least ten rows. `name` may be empty."""

    name: str = ""
    kind: SchemaKind = ""
    classes: tuple[str | int | float | bool, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The input and the output of a model for one row.

    It takes `columns`, or one text (`is_text`), or an array of numbers of the shape `shape`, where None is the number
    of rows. If all three are empty, it is not known. `is_framed` says that it takes columns as a data frame.

    `example` is a row that the model has answered: an object with each column, a text, or a list. It is made up. No
    part of a schema is a cell of the training data, unless at least ten rows have it.

    `missing` are words in a file that mean a missing value, beside an empty cell and `lading.MISSING_WORDS`. The file
    of the training had `delimiter`, `decimal`, `thousands` and `encoding`; an empty text is the usual one.
    """

    columns: tuple[SchemaColumn, ...] = ()
    is_text: bool = False
    shape: tuple[int | None, ...] = ()
    outputs: tuple[SchemaOutput, ...] = ()
    is_framed: bool = False
    example: Json = None
    missing: tuple[str, ...] = ()
    delimiter: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> Schema:
        """Rebuild a schema from the JSON that `dataclasses.asdict` gives."""
        columns = tuple(SchemaColumn(**{**one, "categories": tuple(one["categories"])}) for one in document["columns"])
        outputs = tuple(SchemaOutput(**{**one, "classes": tuple(one["classes"])}) for one in document["outputs"])
        rest = {name: tuple(document.get(name, ())) for name in ("shape", "missing")}
        return cls(**{**document, "columns": columns, "outputs": outputs, **rest})

    @property
    def served(self) -> dict[str, Json]:
        """The parts that a service uses, as a document: all but the form of the file of the training."""
        form = ("delimiter", "decimal", "thousands", "encoding")
        return {name: value for name, value in asdict(self).items() if name not in form}

    @property
    def without_values(self) -> Schema:
        """The same schema without any value: no category, no class and no example."""
        columns = tuple(replace(column, categories=()) for column in self.columns)
        outputs = tuple(replace(output, classes=()) for output in self.outputs)
        return replace(self, columns=columns, outputs=outputs, example=None)


def probe(schema: Schema | None) -> Json:
    """The body of a request that the default scoring script answers with 200. None if no such request is known."""
    return None if schema is None or schema.example is None else {"data": [schema.example]}
