"""The service's OpenAPI description, in the three versions of Azure ML's server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .messages import JSON
from .script import Script
from .typed import input_document, output_document

Document = dict[str, Any]

_VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
_HTML = "text/html"
_ANY_INPUT: Document = {"type": "object", "example": {}}
_ANY_OUTPUT: Document = {"example": {}}  # because a list of predictions is not an object
_BEARER = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "For example: Bearer abc123"}


class SwaggerError(Exception):
    """The requested version of the description does not exist."""


class Swaggers:
    """The descriptions of a script: a `swagger*.json` in the app's root if there is one, otherwise generated."""

    def __init__(self, root: Path, env: Mapping[str, str], script: Script) -> None:
        self._root = root
        self._script = script
        self._name = env.get("SERVICE_NAME", "ML service")
        self._service_version = env.get("SERVICE_VERSION", "1.0")
        prefix = env.get("SERVICE_PATH_PREFIX", "").strip("/")
        self._prefix = f"/{prefix}" if prefix else ""

    def get(self, version: str) -> Document:
        """The description in a version.

        Raises SwaggerError if the version is unknown or cannot express the schemas of `run`.
        """
        offered = [each for each in ("2", "3", "3.1") if self._offers(each)]
        if version not in _VERSIONS:
            raise SwaggerError(f"Swagger version [{version}] is not valid. Supported versions: [{', '.join(offered)}].")
        if _VERSIONS[version] not in offered:
            raise SwaggerError(
                f"Swagger version [{version}] is not supported for the scoring script."
                f" Supported swagger versions: [{', '.join(offered)}]."
            )
        return self._written(_VERSIONS[version]) or self._generated(_VERSIONS[version])

    def _offers(self, version: str) -> bool:
        schemas = self._script.schemas
        if schemas is None or self._written(version):
            return True
        aliases = {name for name, canonical in _VERSIONS.items() if canonical == version}
        return not aliases.isdisjoint(schemas.get_supported_versions(self._script.run))

    def _written(self, version: str) -> Document | None:
        for name in ("swagger.json", "swagger2.json") if version == "2" else (f"swagger{version}.json",):
            if (file := self._root / name).is_file():
                document: Document = json.loads(file.read_bytes())
                return document
        return None

    def _generated(self, version: str) -> Document:
        given, answered = self._schemas(version)
        schemas = {
            "ServiceInput": given,
            "ServiceOutput": answered,
            "ErrorResponse": {"type": "object", "properties": {"message": {"type": "string"}}},
        }
        return self._version_2(schemas) if version == "2" else self._version_3(version, schemas)

    def _schemas(self, version: str) -> tuple[Document, Document]:
        schemas = self._script.schemas
        if self._script.lading_schema is not None:
            known = self._script.lading_schema()
            return input_document(known, version), output_document(known)
        if schemas is None:
            return _ANY_INPUT, _ANY_OUTPUT
        return schemas.get_input_schema(self._script.run), schemas.get_output_schema(self._script.run)

    def _version_2(self, schemas: Document) -> Document:
        return {
            "swagger": "2.0",
            "info": self._info(),
            "schemes": ["https"],
            "consumes": [JSON],
            "produces": [JSON],
            "securityDefinitions": {"Bearer": _BEARER},
            "paths": self._paths(_Version2()),
            "definitions": schemas,
        }

    def _version_3(self, version: str, schemas: Document) -> Document:
        return {
            "openapi": "3.1.0" if version == "3.1" else "3.0.3",
            "info": self._info(),
            "security": [{"Bearer": []}],
            "paths": self._paths(_Version3()),
            "components": {"schemas": schemas, "securitySchemes": {"Bearer": _BEARER}},
        }

    def _info(self) -> Document:
        return {"title": self._name, "description": f"How to call {self._name}", "version": self._service_version}

    def _paths(self, words: _Version2) -> Document:
        health = {
            "operationId": "ServiceHealthCheck",
            "description": "Answers while the service is up",
            **words.healthy("Always 'Healthy'"),
        }
        score = {
            "operationId": "RunMLService",
            "description": "Run the model on the request",
            "security": [{"Bearer": []}],
            **words.body("The input of the model"),
            "responses": words.responses(words.json("The answer of the model", "ServiceOutput")),
        }
        swagger = {
            "operationId": "GetSwaggerSpec",
            "description": "Return this description",
            "parameters": [{"name": "version", "in": "query", "required": False, **words.version([2, 3])}],
            "responses": words.responses(words.document("This description")),
        }
        return {
            f"{self._prefix}/": {"get": health},
            f"{self._prefix}/score": {"post": score},
            f"{self._prefix}/swagger.json": {"get": swagger},
        }


class _Version2:
    """The parts of a description in Swagger 2."""

    def json(self, description: str, schema: str) -> Document:
        return {"description": description, "schema": {"$ref": f"#/definitions/{schema}"}}

    def document(self, description: str) -> Document:
        return {"description": description, "schema": {"type": "object"}}

    def healthy(self, description: str) -> Document:
        good = {"description": description, "schema": {"type": "string"}, "examples": {_HTML: "Healthy"}}
        return {"produces": [_HTML, JSON], "responses": self.responses(good)}

    def body(self, description: str) -> Document:
        return {"parameters": [{"name": "serviceInputPayload", "in": "body", **self.json(description, "ServiceInput")}]}

    def version(self, known: list[int]) -> Document:
        return {"type": "integer", "enum": known}

    def responses(self, good: Document) -> Document:
        return {"200": good, "default": self.json("The service failed", "ErrorResponse")}


class _Version3(_Version2):
    """The parts of a description in OpenAPI 3."""

    def json(self, description: str, schema: str) -> Document:
        content = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
        return {"description": description, "content": content}

    def document(self, description: str) -> Document:
        return {"description": description, "content": {JSON: {"schema": {"type": "object"}}}}

    def healthy(self, description: str) -> Document:
        content = {_HTML: {"schema": {"type": "string", "example": "Healthy"}}}
        return {"responses": self.responses({"description": description, "content": content})}

    def body(self, description: str) -> Document:
        return {"requestBody": self.json(description, "ServiceInput")}

    def version(self, known: list[int]) -> Document:
        return {"schema": super().version(known)}
