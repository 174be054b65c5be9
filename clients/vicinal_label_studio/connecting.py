"""Telling Label Studio of the back end: its ML back end object, the webhook, the order of tasks, a tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vicinal_label_studio.flags import suspect_view
from vicinal_label_studio.guard import SECRET_HEADER
from vicinal_label_studio.labelconfig import question_of
from vicinal_label_studio.opening import TITLE
from vicinal_label_studio.platform import LabelStudio

__all__ = ["UNCERTAINTY", "Address", "connect"]

UNCERTAINTY = "Uncertainty sampling"
"""Label Studio's name for serving the lowest score first."""
_ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)


@dataclass(frozen=True)
class Address:
    """How Label Studio reaches the back end.

    Attributes:
        url: where it is, as Label Studio sees it.
        user: of Basic authentication.
        password: of Basic authentication; None where it asks for none.
        secret: that its webhook brings.
    """

    url: str
    user: str
    password: str | None
    secret: str


async def connect(platform: LabelStudio, project: int, address: Address, *, order: bool = True) -> list[str]:
    """Connect a project to the back end, which must be up, and return what was done, for people.

    It may be repeated: what is there is changed and not made twice.

    Args:
        platform: Label Studio.
        project: the project's id.
        address: of the back end.
        order: let Label Studio serve tasks in the order of their scores.

    Raises:
        ConfigRefused: vicinal cannot answer what the project asks.
        PlatformRefused: Label Studio does not reach the back end, or refuses otherwise.
        PlatformAway: Label Studio cannot be reached.
    """
    question = question_of((await platform.project(project)).label_config)
    said = [f"project {project}: one of {len(question.classes)} classes for each image"]
    # The webhook comes first: Label Studio makes one without our header for a back end that has none.
    said.append(await _save_webhook(platform, project, address))
    said.append(await _save_backend(platform, project, address))
    if order:
        await platform.change_project(project, sampling=UNCERTAINTY, show_collab_predictions=True)
        said.append("tasks are served in the order of vicinal's suggestion")
    view = suspect_view(project)
    title = view["data"]["title"]
    if all((known.get("data") or {}).get("title") != title for known in await platform.views(project)):
        await platform.save_view(None, view)
        said.append(f"made the tab {title!r} in the data manager")
    return said


async def _save_webhook(platform: LabelStudio, project: int, address: Address) -> str:
    url = address.url.rstrip("/") + "/webhook"
    fields: dict[str, Any] = {
        "project": project,
        "url": url,
        "headers": {SECRET_HEADER: address.secret},
        "send_payload": True,
        "send_for_all_actions": False,
        "actions": list(_ACTIONS),
        "is_active": True,
    }
    same = [known["id"] for known in await platform.webhooks(project) if known.get("url") == url]
    await platform.save_webhook(same[0] if same else None, fields)
    return f"{'changed' if same else 'made'} the webhook to {url}"


async def _save_backend(platform: LabelStudio, project: int, address: Address) -> str:
    fields: dict[str, Any] = {"project": project, "title": TITLE, "url": address.url, "is_interactive": False}
    if address.password is None:
        fields["auth_method"] = "NONE"
    else:
        fields |= {
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": address.user,
            "basic_auth_pass": address.password,
        }
    same = [
        known["id"]
        for known in await platform.backends(project)
        if known.get("title") == TITLE or known.get("url") == address.url
    ]
    await platform.save_backend(same[0] if same else None, fields)
    return f"{'changed' if same else 'connected'} the ML back end at {address.url}"
