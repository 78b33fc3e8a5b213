"""The JSON schemas of a request and its answer, from what the default scoring script says of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Document = dict[str, Any]

_TYPES = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "category": {"type": "string"},
    "date": {"type": "string", "format": "date"},
}
_MOST_SHOWN = 20  # categories or classes in a description


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What an output has for each row: a value of `kind`, a list of numbers, an object of numbers, or one of these.

    `classes` are values that occur.
    """

    kind: str
    form: Literal["value", "list", "record", "any"]
    classes: list[Any] = field(default_factory=list)


def answered(schema: Mapping[str, Any]) -> list[Answered]:
    """The answers that the method of the package gives, for each output of the model."""
    return [_answered(output, schema["method"], schema["output"]) for output in schema["outputs"]]


def _answered(output: Document, method: str, form: str) -> Answered:
    if method == "predict_proba" and form != "classes":
        return Answered(kind="number", form="record" if form == "records" else "list")
    if method == "decision_function":  # of two classes it is a number, and a rare class is not recorded
        return Answered(kind="number", form="list" if len(output["classes"]) > 2 else "any")
    return Answered(kind=output["kind"], form="value", classes=output["classes"])


def input_document(schema: Document, version: str) -> Document:
    """The body of a request, as Swagger 2 or OpenAPI 3 or 3.1 writes it."""
    row = _row(schema, version)
    document: Document = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "array", "items": row},
            "method": {"type": "string", "enum": schema["methods"]},
        },
    }
    example = schema.get("example")
    return document if example is None else {**document, "example": {"data": [example]}}


def output_document(schema: Document) -> Document:
    """The answer: a list with one item for each row."""
    return {"type": "array", "items": _answer(schema)}


def _row(schema: Document, version: str) -> Document:
    if schema.get("is_text"):
        return {"type": "string"}
    if columns := schema["columns"]:
        example = schema.get("example") or {}
        properties = {column["name"]: _cell(column, version, example.get(column["name"])) for column in columns}
        return {"type": "object", "required": list(properties), "properties": properties}
    if schema.get("shape"):
        width = schema["shape"][1]
        return {"type": "array", "items": {"type": "number"}, "minItems": width, "maxItems": width}
    return {}


def _cell(column: Document, version: str, example: Any) -> Document:
    cell = {**_TYPES.get(column["kind"], {}), **_such_as(column.get("categories"))}
    if column["kind"] == "date" and "T" in str(example):  # with a time, but without the zone that date-time has
        del cell["format"]
    if not column.get("nullable") or "type" not in cell:
        return cell
    if version == "3.1":
        return {**cell, "type": [cell["type"], "null"]}
    return {**cell, "nullable" if version == "3" else "x-nullable": True}


def _answer(schema: Document) -> Document:
    outputs = list(map(_form, answered(schema)))
    if not outputs:
        return {}
    return outputs[0] if len(outputs) == 1 else {"type": "array", "items": outputs[0] if _all_equal(outputs) else {}}


def _form(answer: Answered) -> Document:
    forms: dict[str, Document] = {
        "value": {**_TYPES.get(answer.kind, {}), **_such_as(answer.classes)},
        "list": {"type": "array", "items": {"type": "number"}},
        "record": {"type": "object", "additionalProperties": {"type": "number"}},
        "any": {},
    }
    return forms[answer.form]


def _all_equal(documents: list[Document]) -> bool:
    return all(document == documents[0] for document in documents)


def _such_as(values: list[Any] | None) -> Document:
    """A description with values that occur. Other values are allowed too, because rare ones are left out."""
    return {"description": f"such as {', '.join(map(str, values[:_MOST_SHOWN]))}"} if values else {}
