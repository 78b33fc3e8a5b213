"""The JSON schemas of a request and its answer, from what the default scoring script says of its model."""

from __future__ import annotations

from typing import Any

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
        properties = {column["name"]: _cell(column, version) for column in columns}
        return {"type": "object", "required": list(properties), "properties": properties}
    if schema.get("shape"):
        width = schema["shape"][1]
        return {"type": "array", "items": {"type": "number"}, "minItems": width, "maxItems": width}
    return {}


def _cell(column: Document, version: str) -> Document:
    cell = {**_TYPES.get(column["kind"], {}), **_such_as(column.get("categories"))}
    if not column.get("nullable") or "type" not in cell:
        return cell
    if version == "3.1":
        return {**cell, "type": [cell["type"], "null"]}
    return {**cell, "nullable" if version == "3" else "x-nullable": True}


def _answer(schema: Document) -> Document:
    outputs = [{**_TYPES.get(output["kind"], {}), **_such_as(output["classes"])} for output in schema["outputs"]]
    if schema["method"] == "predict_proba" and schema["output"] != "classes":
        records: Document = {"type": "object", "additionalProperties": {"type": "number"}}
        lists: Document = {"type": "array", "items": {"type": "number"}}
        outputs = [records if schema["output"] == "records" else lists] * len(outputs)
    if schema["method"] == "decision_function" or not outputs:
        return {}
    return outputs[0] if len(outputs) == 1 else {"type": "array", "items": outputs[0] if _all_equal(outputs) else {}}


def _all_equal(documents: list[Document]) -> bool:
    return all(document == documents[0] for document in documents)


def _such_as(values: list[Any] | None) -> Document:
    """A description with values that occur. Other values are allowed too, because rare ones are left out."""
    return {"description": f"such as {', '.join(map(str, values[:_MOST_SHOWN]))}"} if values else {}
