"""Automatic deployments, their metrics, and queries."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from offline_azure.messages import Answer, Refusal, WrongShape, as_json
from offline_azure.state import Record, now

from . import rollout
from .content import check_content, check_layer, is_layer
from .query import Query, QueryError, parse_condition, parse_query
from .state import Configuration, Hub
from .visits import Visit, check_etag, fields, routes

configurations = routes()
ROUTES = (configurations,)
IDENTIFIER = re.compile(r"[a-z0-9\-:+%_#*?!(),=@;']{1,128}")
MOST = 100
PAGE = 100
REQUIRED = {"id", "schemaVersion", "content", "targetCondition", "priority"}
OPTIONAL = {"labels", "metrics", "contentType", "etag", "systemMetrics", "createdTimeUtc", "lastUpdatedTimeUtc"}
AGENTS = "select deviceId from devices.modules where moduleId = '$edgeAgent'"
APPLIED = AGENTS + " and configurations.[[{}]].status = 'Applied'"
REPORTED = APPLIED + " and properties.desired.$version = properties.reported.lastDesiredVersion"


@configurations.on("PUT", "/configurations/{id}")
def put(visit: Visit) -> Answer:
    sent = visit.body(REQUIRED, OPTIONAL)
    hub, identifier = visit.hub, visit["id"]
    if sent["id"] != identifier or sent["schemaVersion"] != "2.0":
        raise WrongShape("the id is not that of the path, or the schemaVersion not 2.0")
    existing = hub.configurations.get(identifier)
    if existing is None:
        kept = hub.configurations[identifier] = _create(hub, sent, visit.if_match)
    elif visit.if_match is None:
        raise Refusal(409, "ConfigurationAlreadyExists", f"Configuration with id '{identifier}' already exists")
    else:
        check_etag(visit.if_match, existing.etag)
        kept = _update(existing, sent)
    rollout.resolve(hub)
    return _answer(hub, kept)


@configurations.on("GET", "/configurations/{id}")
def get(visit: Visit) -> Answer:
    return _answer(visit.hub, _found(visit))


@configurations.on("GET", "/configurations")
def list_all(visit: Visit) -> Answer:
    top = int(visit.query.get("top", MOST))
    return as_json([_record(visit.hub, kept) for kept in list(visit.hub.configurations.values())[:top]])


@configurations.on("DELETE", "/configurations/{id}")
def delete(visit: Visit) -> Answer:
    check_etag(visit.if_match, _found(visit).etag)
    del visit.hub.configurations[visit["id"]]
    rollout.resolve(visit.hub)
    return Answer(204)


@configurations.on("POST", "/configurations/testQueries")
def test_queries(visit: Visit) -> Answer:
    sent = visit.body(set(), {"targetCondition", "customMetricQueries"})
    return as_json(
        {
            "targetConditionError": _error(parse_condition, sent.get("targetCondition") or "*"),
            "customMetricQueryErrors": {
                name: error
                for name, query in (sent.get("customMetricQueries") or {}).items()
                if (error := _error(parse_query, query))
            },
        }
    )


@configurations.on("POST", "/devices/query")
def query(visit: Visit) -> Answer:
    text = visit.body({"query"})["query"]
    try:
        rows = _rows(visit.hub, parse_query(text))
    except QueryError as error:
        raise Refusal(400, "ArgumentInvalid", f"Query is invalid: {error}") from error
    headers = visit.request.head.headers
    start = int(headers.get("x-ms-continuation", 0))
    end = start + min(int(headers.get("x-ms-max-item-count", PAGE)), PAGE)
    answer = as_json(rows[start:end])
    more = {"x-ms-continuation": str(end)} if end < len(rows) else {}
    return replace(answer, headers={**answer.headers, **more})


def _create(hub: Hub, sent: Record, if_match: str | None) -> Configuration:
    if if_match is not None:
        raise Refusal(412, "PreconditionFailed", "Precondition failed: there is no such configuration")
    if not IDENTIFIER.fullmatch(sent["id"]):
        raise Refusal(400, "ArgumentInvalid", f"'{sent['id']}' is not a valid configuration id")
    if len(hub.configurations) == MOST:
        raise Refusal(403, "IotHubQuotaExceeded", f"There are {MOST} configurations already")
    fields("content", sent["content"], {"modulesContent"}, set())
    check = check_layer if is_layer(sent["content"]) else check_content
    check(sent["content"])
    values = _changeable(sent)
    return Configuration(sent["id"], hub.number(), sent["content"], **values)


def _update(kept: Configuration, sent: Record) -> Configuration:
    if sent["content"] != kept.content:
        raise Refusal(400, "ArgumentInvalid", "The content of a configuration cannot be changed")
    for name, value in _changeable(sent).items():
        setattr(kept, name, value)
    kept.version += 1
    kept.updated = now()
    return kept


def _changeable(sent: Record) -> dict[str, Any]:
    """The fields that can be changed later, checked."""
    priority, metrics = sent["priority"], sent.get("metrics") or {}
    if not isinstance(priority, int) or not 0 <= priority <= 2**31 - 1:
        raise Refusal(400, "ArgumentInvalid", f"The priority {priority!r} is not a positive integer")
    fields("metrics", metrics, set(), {"queries", "results"})
    queries = metrics.get("queries") or {}
    for error in [_error(parse_query, text) for text in queries.values()]:
        if error:
            raise Refusal(400, "ArgumentInvalid", f"A custom metric is invalid: {error}")
    try:
        matches = parse_condition(sent["targetCondition"])
    except QueryError as error:
        raise Refusal(400, "ArgumentInvalid", f"The target condition is invalid: {error}") from error
    return {
        "condition": sent["targetCondition"],
        "matches": matches,
        "priority": priority,
        "labels": sent.get("labels") or {},
        "queries": queries,
    }


def _found(visit: Visit) -> Configuration:
    found = visit.hub.configurations.get(visit["id"])
    if found is None:
        raise Refusal(404, "ConfigurationNotFound", f"Configuration with id '{visit['id']}' is not found")
    return found


def _answer(hub: Hub, kept: Configuration) -> Answer:
    return as_json(_record(hub, kept), ETag=f'"{kept.etag}"')


def _record(hub: Hub, kept: Configuration) -> Record:
    return {
        "id": kept.id,
        "schemaVersion": "2.0",
        "labels": kept.labels,
        "content": kept.content,
        "contentType": "assignment",
        "targetCondition": kept.condition,
        "createdTimeUtc": kept.created,
        "lastUpdatedTimeUtc": kept.updated,
        "priority": kept.priority,
        "systemMetrics": _measured(hub, _system_metrics(kept)),
        "metrics": _measured(hub, kept.queries),
        "etag": kept.etag,
    }


def _system_metrics(kept: Configuration) -> dict[str, str]:
    condition = "" if kept.condition.strip() == "*" else f" and ({kept.condition})"
    reported = REPORTED.format(kept.id)
    return {
        "targetedCount": f"select deviceId from devices where capabilities.iotEdge = true{condition}",
        "appliedCount": APPLIED.format(kept.id),
        "reportedSuccessfulCount": f"{reported} and properties.reported.lastDesiredStatus.code = 200",
        "reportedFailedCount": f"{reported} and properties.reported.lastDesiredStatus.code != 200",
    }


def _measured(hub: Hub, queries: dict[str, str]) -> Record:
    results = {name: len(_rows(hub, parse_query(text))) for name, text in queries.items()}
    return {"results": results, "queries": queries}


def _rows(hub: Hub, parsed: Query) -> list[Record]:
    return parsed.rows(hub.twins(modules=parsed.modules))


def _error(parse: Any, text: str) -> str | None:
    try:
        parse(text)
    except QueryError as error:
        return str(error)
    return None
