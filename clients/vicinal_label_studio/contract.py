"""What Label Studio sends an ML back end, read from JSON that anybody may have written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vicinal_label_studio.errors import RequestRefused

__all__ = ["MOST_TASKS", "Event", "read_event", "read_object", "read_predict", "read_setup"]

MOST_TASKS = 10_000
"""Tasks of one /predict."""
_MOST_ID = 2**63 - 1


@dataclass(frozen=True)
class Event:
    """What a webhook tells.

    Attributes:
        action: Label Studio's word, e.g. "ANNOTATION_CREATED"; empty where there is none.
        tasks: tasks that it names.
        annotations: annotations that it names without their tasks.
        project: the project; None where it names none.
    """

    action: str
    tasks: tuple[int, ...]
    annotations: tuple[int, ...]
    project: int | None


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        RequestRefused: it is no JSON, or no object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, "NO_JSON", f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestRefused(400, "NO_OBJECT", f"the body is a JSON {type(value).__name__}, not an object")
    return value


def read_event(body: dict[str, Any]) -> Event:
    """Return what a webhook tells. What is malformed in it is as if it were not there."""
    action = body.get("action")
    tasks = [*_items(body, "task"), *_items(body, "tasks")]
    annotations = [*_items(body, "annotation"), *_items(body, "annotations")]
    named = [_number(one.get("id")) for one in tasks] + [_number(one.get("task")) for one in annotations]
    lost = [_number(one.get("id")) for one in annotations if _number(one.get("task")) is None]
    project = body.get("project")
    return Event(
        action if isinstance(action, str) else "",
        tuple(dict.fromkeys(one for one in named if one is not None)),
        tuple(dict.fromkeys(one for one in lost if one is not None)),
        _number(project.get("id")) if isinstance(project, dict) else None,
    )


def read_predict(body: dict[str, Any]) -> tuple[int | None, list[int]]:
    """Return the project and the tasks that predictions are wanted for.

    Raises:
        RequestRefused: there is no list of tasks with ids, or it is too long.
    """
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise RequestRefused(400, "NO_TASKS", "tasks: a list of tasks is needed")
    if len(tasks) > MOST_TASKS:
        raise RequestRefused(413, "TOO_MANY_TASKS", f"tasks: {len(tasks)} of them; at most {MOST_TASKS}")
    ids = [_number(task.get("id")) if isinstance(task, dict) else None for task in tasks]
    known = [one for one in ids if one is not None]
    if len(known) < len(ids):
        raise RequestRefused(400, "NO_TASK_ID", f"tasks[{ids.index(None)}].id: a number is needed")
    return _project(body), known


def read_setup(body: dict[str, Any]) -> tuple[int | None, str]:
    """Return the project that a back end is set up for, and its labelling configuration.

    Raises:
        RequestRefused: there is no configuration.
    """
    schema = body.get("schema")
    if not isinstance(schema, str):
        raise RequestRefused(400, "NO_SCHEMA", "schema: the labelling configuration is needed")
    return _project(body), schema


def _project(body: dict[str, Any]) -> int | None:
    """Return the number in "2.1795386246", a project and the time it was made."""
    text = str(body.get("project") or "").partition(".")[0]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _items(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = body.get(key)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_ID else None
