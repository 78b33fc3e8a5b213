"""The JSON Schema of a manifest, for completion and descriptions in an editor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Json, Options
from .blocks import BLOCKS, BlockKind, Shape
from .words import BLOCK_NAME, REFERENCE, SCHEMA_KEY

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": REFERENCE}
_ADDRESS = {"type": "string", "description": "The path or the address of this schema. Only editors read it."}
_RULES = frozenset(("pattern", "maxLength", "enum", "const"))
_BOUNDS = ("minLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_CONVERTED = ("integer", "number", "boolean")

_Key = tuple[str, str]
_Schema = dict[str, Any]


def options_schema(options: type[Options]) -> _Schema:
    """The JSON Schema (draft 2020-12) of the options of one plugin."""
    from pydantic import TypeAdapter

    return {"$schema": DIALECT, **_or_reference(_described(TypeAdapter(options).json_schema()))}


def schema(plugins: Mapping[str, Mapping[str, type[Options]]]) -> _Schema:
    """The JSON Schema (draft 2020-12) of a manifest. `plugins` has the options types by role and name.

    A block has the options of the plugin under its `plugin` key. Without that key, a target or connection has the
    options of the plugin with its own name. `train`, `package` and `image` have those of their default plugin. A block
    of an unknown plugin may hold anything.
    """
    return _Manifest(plugins).schema()


class _Manifest:
    def __init__(self, plugins: Mapping[str, Mapping[str, type[Options]]]) -> None:
        from .core import RESERVED, Core

        self._plugins = plugins
        types: dict[_Key, type[Options]] = {
            (role, name): plugins[role][name] for role in plugins for name in plugins[role]
        }
        blocks: dict[_Key, type[Options]] = {(role, ""): block for role, block in RESERVED.items()}
        self._objects, self._definitions = _objects({**types, **blocks, ("", ""): Core})

    def schema(self) -> _Schema:
        core = self._objects["", ""]
        described = {key: {"description": core["properties"][key]["description"]} for key in core["properties"]}
        properties = {key: {**described[key], **block} for key, block in self._blocks().items()}
        options = {
            f"{role}.{name}": self._options(role, name) for role, names in self._plugins.items() for name in names
        }
        return {
            "$schema": DIALECT,
            **core,
            "title": "Lading manifest",
            "properties": {SCHEMA_KEY: _ADDRESS, **core["properties"], **properties},
            "$defs": {**self._definitions, **options},
        }

    def _blocks(self) -> dict[str, _Schema]:
        return {kind.key: self._of_kind(kind) for kind in BLOCKS}

    def _of_kind(self, kind: BlockKind) -> _Schema:
        if kind.shape is Shape.NAMED:
            return self._named(kind.role)
        block = self._block(kind.role, kind.default)
        return {"items": block} if kind.shape is Shape.LISTED else block

    def _named(self, role: str) -> _Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": BLOCK_NAME},
            "properties": {name: self._block(role, name) for name in self._plugins.get(role, {}) if ":" not in name},
            "additionalProperties": self._block(role),
        }

    def _block(self, role: str, default: str = "") -> _Schema:
        """The schema of a block: its reserved keys, and the options of its plugin, or of the default plugin."""
        names = self._plugins.get(role, {})
        choices = [
            _choice({"required": ["plugin"], "properties": {"plugin": {"const": name}}}, role, name) for name in names
        ]
        if default in names:
            choices.append(_choice({"not": {"required": ["plugin"]}}, role, default))
        reserved = self._objects[role, ""]
        required = {"required": reserved["required"]} if "required" in reserved else {}
        conditions = {"allOf": choices} if choices else {}
        return {"type": ["object", "null"], "properties": reserved["properties"], **required, **conditions}

    def _options(self, role: str, name: str) -> _Schema:
        options = self._objects[role, name]
        reserved = dict.fromkeys(self._objects[role, ""]["properties"], True)
        return {**options, "properties": {**options.get("properties", {}), **reserved}}


def _choice(condition: _Schema, role: str, name: str) -> _Schema:
    return {"if": {"type": "object", **condition}, "then": {"$ref": f"#/$defs/{role}.{name}"}}


def _objects(types: Mapping[_Key, type[Options]]) -> tuple[dict[_Key, _Schema], _Schema]:
    """The schema of each type, and the definitions that the types share."""
    from pydantic import TypeAdapter

    found, shared = TypeAdapter.json_schemas([(key, "validation", TypeAdapter(type_)) for key, type_ in types.items()])
    definitions = _or_reference(_described(shared)["$defs"])
    objects = {key: definitions[schema["$ref"].rpartition("/")[2]] for (key, _), schema in found.items()}
    return objects, definitions


def _described(document: _Schema) -> _Schema:
    """Add the missing descriptions of fields. Pydantic omits a description that equals that of the field's type."""
    definitions = document.get("$defs", {})
    for schema in (document, *definitions.values()):
        for field in schema.get("properties", {}).values():
            definition = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
            if "description" in definition:
                field.setdefault("description", definition["description"])
    return document


def _or_reference(node: Json) -> Json:
    """The schema with references allowed for numbers, booleans and constrained text. Their values are checked later."""
    if isinstance(node, list):
        return [_or_reference(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") not in _CONVERTED and not (_RULES & node.keys() and _is_text(node)):
        return {key: _or_reference(item) for key, item in node.items()}
    rest = {key: item for key, item in node.items() if key not in ("type", *_RULES, *_BOUNDS)}
    return {**rest, "anyOf": [{key: item for key, item in node.items() if key not in rest}, _REFERENCE]}


def _is_text(node: Mapping[str, Json]) -> bool:
    choices = node.get("enum")
    return node.get("type") == "string" or (
        isinstance(choices, list) and any(isinstance(item, str) for item in choices)
    )
