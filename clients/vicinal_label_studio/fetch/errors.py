"""Why an image was not fetched.

FetchError
├── AddressRefused    we do not connect there, or do not speak that scheme; it will always be so
├── TooLarge          there is more of it than we take
└── FetchFailed       it could not be had: no answer, a status that is not 200, too slow
"""

from __future__ import annotations

__all__ = ["AddressRefused", "FetchError", "FetchFailed", "TooLarge"]


class FetchError(Exception):
    """An image that was not fetched.

    Attributes:
        url: where it should have come from, or the redirect that was refused; without user name,
            password, query and fragment, for these may hold secrets.
        reason: what is wrong, for people.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason


class AddressRefused(FetchError):
    """An address that is not connected to; nothing was sent there."""


class TooLarge(FetchError):
    """More bytes than the cap; reading ended there."""


class FetchFailed(FetchError):
    """No image came back.

    Attributes:
        status: the HTTP status that came instead of 200, or None when there was no complete answer.
    """

    def __init__(self, url: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(url, reason)
        self.status = status
