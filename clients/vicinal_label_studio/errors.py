"""What can go wrong between Label Studio and vicinal."""

from __future__ import annotations

from vicinal_client import VicinalError

__all__ = [
    "ConfigRefused",
    "LabelStudioError",
    "PlatformAway",
    "PlatformRefused",
    "RequestRefused",
    "TaskGone",
]


class LabelStudioError(VicinalError):
    """Anything that goes wrong between Label Studio and vicinal."""


class ConfigRefused(LabelStudioError):
    """The project's labelling configuration is none that vicinal can answer."""


class PlatformAway(LabelStudioError):
    """Label Studio cannot be reached, or fails inside: repeat."""


class PlatformRefused(LabelStudioError):
    """Label Studio refuses a request, and will always.

    Attributes:
        status: its HTTP status, 400 to 499.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TaskGone(PlatformRefused):
    """What the request names is not in Label Studio (any more)."""


class RequestRefused(LabelStudioError):
    """A request to the back end that it does not accept.

    Attributes:
        status: the HTTP status to answer with.
        reason: a word for programs, e.g. "BODY_TOO_LARGE".
        message: a sentence for people.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
