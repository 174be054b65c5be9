"""Who may ask the back end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SECRET_HEADER", "Guard", "webhook_secret"]

SECRET_HEADER = "X-Vicinal-Secret"  # noqa: S105 (the name of a header)
"""Header that webhooks of ours carry: Label Studio sends none of its own with them."""


def webhook_secret(token: str, project: int) -> str:
    """Return the secret of a project's webhook.

    It follows from the token, which both `connect` and `serve` know, so that it need not be kept anywhere.
    """
    return hmac.new(token.encode(), f"vicinal webhook of {project}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Guard:
    """What a request must bring.

    Attributes:
        user: of Basic authentication.
        password: of Basic authentication; None lets everybody in.
        secret: what webhooks may bring in its place.
    """

    user: str
    password: str | None
    secret: str

    def lets_in(self, headers: Mapping[str, str], *, is_webhook: bool) -> bool:
        """Whether a request with these headers may be answered. Takes the same time whatever is wrong."""
        if self.password is None:
            return True
        user, password = _basic(headers.get("authorization", ""))
        by_password = _same(user, self.user) & _same(password, self.password)
        by_secret = _same(headers.get(SECRET_HEADER, ""), self.secret) & is_webhook
        return by_password | by_secret


def _basic(header: str) -> tuple[str, str]:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
