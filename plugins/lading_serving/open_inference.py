"""Version 2 of the Open Inference Protocol: the same scoring script, with tensors instead of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from .datatypes import KNOWN, wrong_value
from .messages import JSON, Refused, Request, Response, json_response
from .typed import Answered, answered

_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "text": "BYTES", "category": "BYTES"}
_REQUEST = {"id", "parameters", "inputs", "outputs"}
_INPUT = {"name", "shape", "datatype", "parameters", "data"}
_OUTPUT = {"name", "parameters"}
_ROWS = "rows"  # the name of the input of a model that knows no columns, and of rows of all columns


class OpenInference:
    """Translates the requests and the answers of one model. `schema` is what its scoring script says of it."""

    def __init__(self, schema: Mapping[str, Any], env: Mapping[str, str]) -> None:
        folder = Path(env["AZUREML_MODEL_DIR"])
        self.name, self._version = folder.parent.name, folder.name
        self._schema = schema

    @property
    def paths(self) -> tuple[str, str]:
        """The two addresses of the model."""
        return f"/v2/models/{self.name}", f"/v2/models/{self.name}/versions/{self._version}"

    def metadata(self) -> Response:
        """The inputs and outputs of the model."""
        columns, shape = self._schema["columns"], self._schema.get("shape")
        inputs = [_tensor(column["name"], column["kind"], [-1]) for column in columns]
        if not inputs:
            is_text = self._schema.get("is_text")
            inputs = [
                _tensor(_ROWS, "text" if is_text else "number", [-1] if is_text else [-1, *(shape or [None, -1])[1:]])
            ]
        outputs = [_output(name, answer) for name, answer in zip(self._outputs(), answered(self._schema), strict=True)]
        document = {"name": self.name, "versions": [self._version], "platform": "sklearn"}
        return json_response({**document, "inputs": inputs, "outputs": outputs})

    def request(self, request: Request) -> Request:
        """The request for the scoring script. Raises Refused for a body that is not one of the protocol."""
        body = _body(request)
        inputs = [_Tensor(given, f"inputs[{number}]") for number, given in enumerate(body["inputs"])]
        columns = [tensor.name for tensor in inputs]
        self._wanted(body)
        if len(inputs) == 1 and not self._is_column(inputs[0]):
            content: dict[str, Any] = {"data": inputs[0].rows()}
        else:
            content = {"columns": columns, "data": [list(row) for row in zip(*_columns(inputs), strict=True)]}
        method = (body.get("parameters") or {}).get("method")
        content |= {} if method is None else {"method": method}
        return request._replace(body=json.dumps(content).encode(), headers={**request.headers, "content-type": JSON})

    def _is_column(self, tensor: _Tensor) -> bool:
        """Whether the only input of a request is a column by its name.

        Otherwise it is rows, and may have any name: a row of one value needs the shape [rows, 1] then.
        """
        schema, names = self._schema, [column["name"] for column in self._schema["columns"]]
        if tensor.width != 1 or tensor.name in names:
            return tensor.width == 1
        if names and not schema.get("is_text"):
            return tensor.name != _ROWS and len(tensor.shape) == 1
        return tensor.name != _ROWS and not (schema.get("is_text") or schema.get("shape"))

    def response(self, request: Request, response: Response) -> Response:
        """The answer of the scoring script as tensors, or its error."""
        content = json.loads(response.body)
        if response.status != 200:
            return _error(response.status, content.get("message", ""), response)
        body = json.loads(request.body)
        identity, wanted = body.get("id"), self._wanted(body)
        outputs = [tensor for tensor in self._tensors(content) if not wanted or tensor["name"] in wanted]
        document = {"model_name": self.name, "model_version": self._version, "outputs": outputs}
        answer = json_response({**document, **({} if identity is None else {"id": identity})})
        answer.headers = response.headers
        return answer

    def _outputs(self) -> list[str]:
        """The names of the outputs. Those that have none are called by their number."""
        return [output["name"] or f"output-{number}" for number, output in enumerate(self._schema["outputs"])]

    def _wanted(self, body: Mapping[str, Any]) -> set[str]:
        """The names of the outputs that a request selects. Raises Refused for one that the model does not have."""
        known = self._outputs()
        asked = body.get("outputs") or []
        if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
            raise Refused(400, "outputs: a list of objects is expected")
        for number, each in enumerate(asked):
            _check_keys(each, _OUTPUT, f"outputs[{number}]")
            if each.get("name") not in known:
                raise Refused(400, f"outputs[{number}]: the model has {', '.join(known)}, not {each.get('name')}")
            if each.get("parameters") not in (None, {}, {"binary_data": False}):
                raise Refused(400, f"outputs[{number}]: its parameters are not supported")
        return {each["name"] for each in asked}

    def _tensors(self, answers: list[Any]) -> list[dict[str, Any]]:
        names = self._outputs()
        rows = all(isinstance(answer, list) and len(answer) == len(names) for answer in answers)
        if len(names) > 1 and rows:
            return [_filled(name, [answer[place] for answer in answers]) for place, name in enumerate(names)]
        return [_filled(names[0], answers)]


def unknown_path() -> Response:
    """The answer for an address of the protocol that is not served."""
    return json_response({"error": "this service has no such model or address"}, 404)


def refused(refusal: Refused) -> Response:
    """A refusal in the form of the protocol."""
    return _error(refusal.status, str(refusal), refusal.response)


def _error(status: int, message: str, response: Response) -> Response:
    answer = json_response({"error": message}, status)
    answer.headers = response.headers
    return answer


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list) or not body["inputs"]:
        raise Refused(400, "the body is expected to be an object with a list of inputs")
    _check_keys(body, _REQUEST, "the body")
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict) or parameters.keys() - {"method"}:
        raise Refused(400, "parameters: the only known one is method")
    return body


def _check_keys(content: Mapping[str, Any], known: set[str], place: str) -> None:
    for name in sorted(content.keys() - known):
        raise Refused(400, f"{place} has the unknown key {name}")


class _Tensor:
    """An input of a request, with flat data."""

    def __init__(self, given: Any, place: str) -> None:
        if not isinstance(given, dict):
            raise Refused(400, f"{place}: an object is expected")
        _check_keys(given, _INPUT, place)
        if (datatype := given.get("datatype")) not in list(KNOWN):
            raise Refused(400, f"{place}: {datatype} is not a datatype of the protocol")
        shape = given.get("shape")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise Refused(400, f"{place}: the shape is expected to be a list of sizes")
        name = given.get("name")
        if not isinstance(name, str):
            raise Refused(400, f"{place}: a name is expected")
        self.name, self.shape = name, shape
        self.data = list(_flat(given.get("data")))
        if len(self.shape) not in (1, 2) or len(self.data) != prod(self.shape):
            raise Refused(
                400, f"{place}: {len(self.data)} values do not have the shape {self.shape}, or it is not rows"
            )
        if wrong := wrong_value(self.data, datatype):
            raise Refused(400, f"{place}: {wrong} (input {name})")

    @property
    def width(self) -> int:
        """The values of a row. A row of one dimension has one."""
        return self.shape[1] if len(self.shape) == 2 else 1

    def rows(self) -> list[Any]:
        """The data as a list of rows."""
        return [self.data[at : at + self.width] for at in range(0, len(self.data), self.width)] if self.width else []


def _columns(inputs: list[_Tensor]) -> Iterator[list[Any]]:
    """The data of inputs that have one column each, and the same number of rows."""
    for tensor in inputs:
        if tensor.shape[1:] not in ([], [1]) or tensor.shape[0] != inputs[0].shape[0]:
            raise Refused(400, f"the input {tensor.name} has the shape {tensor.shape}, not one column of as many rows")
        yield tensor.data


def _flat(data: Any) -> Iterator[Any]:
    """The values of data in rows or in one list."""
    for item in data if isinstance(data, list) else [data]:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def _tensor(name: str, kind: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": _DATATYPES.get(kind, "BYTES" if kind == "date" else "FP64"), "shape": shape}


def _output(name: str, answer: Answered) -> dict[str, Any]:
    if answer.form == "record":  # an object is sent as its JSON text
        return _tensor(name, "text", [-1])
    return _tensor(name, answer.kind, [-1, -1] if answer.form == "list" else [-1])


def _filled(name: str, answers: list[Any]) -> dict[str, Any]:
    """An output of the protocol: numbers, truth values or texts. An object becomes its JSON text."""
    width = len(answers[0]) if isinstance(answers[0], list) else None
    is_matrix = width is not None and all(isinstance(each, list) and len(each) == width for each in answers)
    data = list(_flat(answers)) if is_matrix else answers
    shape = [len(answers), len(data) // len(answers)] if is_matrix else [len(answers)]
    types = set(map(type, data))
    datatype = (
        "BOOL" if types == {bool} else "INT64" if types == {int} else "FP64" if types <= {int, float} else "BYTES"
    )
    if datatype == "BYTES":
        data = [each if isinstance(each, str) else json.dumps(each) for each in data]
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
