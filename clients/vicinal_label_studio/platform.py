"""Label Studio's API, as far as vicinal uses it. Knows HTTP and JSON, and nothing of vicinal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from vicinal_label_studio.credentials import Credentials
from vicinal_label_studio.errors import PlatformAway, PlatformRefused, TaskGone

__all__ = ["PAGE", "LabelStudio", "Project"]

PAGE = 100
"""Tasks of one request."""
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
_SAID = 300
"""Most characters that are told of what Label Studio said."""


@dataclass(frozen=True)
class Project:
    """A project as it stands.

    Attributes:
        id: Label Studio's.
        title: for people.
        label_config: XML.
        model_version: whose predictions annotators see and its sampling goes by; may be empty.
        tasks: how many it has.
        annotations: how many of its annotations are not cancelled.
        cancelled: how many are.
    """

    id: int
    title: str
    label_config: str
    model_version: str
    tasks: int
    annotations: int
    cancelled: int


class LabelStudio:
    """A client of one Label Studio. Use it as an asynchronous context manager.

    Every method raises PlatformAway where it cannot be reached or fails inside, PlatformRefused where it
    refuses (TaskGone for 404). Nothing is repeated here.

    Args:
        url: where it is, e.g. "http://127.0.0.1:8080".
        token: a legacy token, or a personal access token.
        transport: of httpx, for tests.
    """

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._credentials = Credentials(token)
        self._client = httpx.AsyncClient(base_url=self.url, timeout=_TIMEOUT, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def authorization(self) -> Mapping[str, str]:
        """Return the headers that let a request in, now."""
        return await self._credentials.headers(self._client)

    async def project(self, project: int) -> Project:
        """Return the project as it stands."""
        body = await self._ask("GET", f"/api/projects/{project}/")
        return Project(
            body["id"],
            body.get("title") or "",
            body["label_config"],
            body.get("model_version") or "",
            body.get("task_number") or 0,
            body.get("total_annotations_number") or 0,
            body.get("skipped_annotations_number") or 0,
        )

    async def change_project(self, project: int, **fields: Any) -> None:
        """Set fields of a project, by their names in the API."""
        await self._ask("PATCH", f"/api/projects/{project}/", json=fields)

    async def annotator_count(self, project: int) -> int:
        """Return how many people have annotated something in the project."""
        return len(await self._ask("GET", f"/api/projects/{project}/annotators/"))

    async def all_tasks(self, project: int) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield every task with all that it has, a page at a time, in the order of their ids.

        Tasks that come or go meanwhile may be missed: who would conclude that one is gone asks by its id.
        """
        page = 1
        while True:
            params = {"project": project, "page": page, "page_size": PAGE, "fields": "all"}
            body = await self._ask("GET", "/api/tasks", params=params)
            yield body["tasks"]
            if page * PAGE >= body["total"]:
                return
            page += 1

    async def some_tasks(self, project: int, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return those of at most `PAGE` tasks that the project has, with all that they have."""
        if not ids:
            return []
        query = json.dumps({"selectedItems": {"all": False, "included": list(ids)}})
        params = {"project": project, "page": 1, "page_size": PAGE, "fields": "all", "query": query}
        body = await self._ask("GET", "/api/tasks", params=params)
        tasks: list[dict[str, Any]] = body["tasks"]
        if not {task["id"] for task in tasks} <= set(ids):  # what is missing must be missing indeed
            raise PlatformRefused(400, "Label Studio does not select tasks by their ids")
        return tasks

    async def add_predictions(self, project: int, predictions: Sequence[dict[str, Any]]) -> None:
        """Add predictions, all or none; each names its `task`."""
        await self._ask("POST", f"/api/projects/{project}/import/predictions", json=list(predictions))

    async def predictions_of(self, task: int) -> list[dict[str, Any]]:
        """Return the predictions of a task."""
        found: list[dict[str, Any]] = await self._ask("GET", "/api/predictions/", params={"task": task})
        return found

    async def change_prediction(self, prediction: int, **fields: Any) -> None:
        """Set fields of a prediction."""
        await self._ask("PATCH", f"/api/predictions/{prediction}/", json=fields)

    async def remove_prediction(self, prediction: int) -> None:
        """Remove a prediction; one that is gone already is fine."""
        try:
            await self._ask("DELETE", f"/api/predictions/{prediction}/")
        except TaskGone:
            return

    async def backends(self, project: int) -> list[dict[str, Any]]:
        """Return the ML back ends of a project. Label Studio asks each how it is, first."""
        found: list[dict[str, Any]] = await self._ask("GET", "/api/ml", params={"project": project})
        return found

    async def save_backend(self, known: int | None, fields: dict[str, Any]) -> None:
        """Make an ML back end, or change the one of id `known`. Label Studio asks it how it is."""
        path = "/api/ml" if known is None else f"/api/ml/{known}"
        await self._ask("POST" if known is None else "PATCH", path, json=fields)

    async def webhooks(self, project: int) -> list[dict[str, Any]]:
        """Return the webhooks of a project."""
        found: list[dict[str, Any]] = await self._ask("GET", "/api/webhooks/", params={"project": project})
        return found

    async def save_webhook(self, known: int | None, fields: dict[str, Any]) -> None:
        """Make a webhook, or change the one of id `known`."""
        path = "/api/webhooks/" if known is None else f"/api/webhooks/{known}/"
        await self._ask("POST" if known is None else "PATCH", path, json=fields)

    async def views(self, project: int) -> list[dict[str, Any]]:
        """Return the tabs of the project's data manager."""
        found: list[dict[str, Any]] = await self._ask("GET", "/api/dm/views/", params={"project": project})
        return found

    async def save_view(self, known: int | None, fields: dict[str, Any]) -> None:
        """Make a tab, or change the one of id `known`."""
        path = "/api/dm/views/" if known is None else f"/api/dm/views/{known}/"
        await self._ask("POST" if known is None else "PATCH", path, json=fields)

    async def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        response = await self._send(method, path, **arguments)
        if response.status_code == 401 and self._credentials.expire():
            response = await self._send(method, path, **arguments)
        if response.is_success:
            return None if response.status_code == 204 else _json(response)
        message = f"Label Studio answers {method} {path} with {response.status_code}: {_said(response)}"
        if response.status_code == 404:
            raise TaskGone(404, message)
        if 400 <= response.status_code < 500 and response.status_code != 429:
            raise PlatformRefused(response.status_code, message)
        raise PlatformAway(message)

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            headers = await self.authorization()
            return await self._client.request(method, path, headers=headers, **arguments)
        except httpx.TransportError as error:
            raise PlatformAway(
                f"Label Studio at {self.url} is away: {error or type(error).__name__}"
            ) from error


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise PlatformAway(f"Label Studio answers {response.request.url.path} with no JSON") from error


def _said(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    details = body.get("validation_errors") or body.get("detail") if isinstance(body, dict) else body
    return str(details)[:_SAID]
