"""Errors as people read them: one line that says what is wrong, one that says what to do."""

from __future__ import annotations

from vicinal_client import ConnectionFailed, DeadlineExceeded, ServiceError, VicinalError

__all__ = ["CliError", "explain"]

_HINTS = {
    "UNKNOWN_DATASET": "`vicinal status` lists the datasets, `vicinal add` makes one.",
    "UNKNOWN_SAMPLE": "ids are paths below the folder that was added; `vicinal export -` lists them.",
    "UNKNOWN_CLASS": "`vicinal status` shows the classes; `vicinal add … --classes` appends new ones.",
    "NOTHING_TO_PROPAGATE": "label some samples first: `vicinal suggest` says which.",
    "ENCODER_MISMATCH": "start the embed service with the dataset's encoder, move the dataset over with "
    "`vicinal re-embed`, or choose another --dataset.",
    "MODEL_UNUSABLE": "for a model of another server its URL may say more: "
    "triton://HOST:PORT/MODEL?preprocessing=FILE.json (docs/open-inference.md).",
    "QUEUE_FULL": "the service has too much to do; try again in a moment.",
    "UNKNOWN_LEASE": "`vicinal leases` lists those that live; `vicinal suggest --lease-for` makes another.",
    "REVISION_AHEAD": "the dataset was replaced meanwhile; run the command again.",
    "PAGE_EXPIRED": "others write to the dataset; run the command again.",
    "LOG_UNAVAILABLE": "the store is away; see the log of the graph service, then run the command again.",
    "LOG_DAMAGED": "the store has lost entries; see the log of the graph service.",
}


class CliError(Exception):
    """What a command ends with when it cannot go on.

    Attributes:
        message: what is wrong, in one line.
        hint: what to do about it, in one line; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def explain(error: CliError | VicinalError | OSError) -> tuple[str, str]:
    """Return what is wrong and what to do (which may be empty)."""
    if isinstance(error, CliError):
        return error.message, error.hint
    notes = " ".join(getattr(error, "__notes__", ()))
    if isinstance(error, ServiceError):
        return f"{error.message} ({error.reason})", _joined(notes, _HINTS.get(error.reason, ""))
    if isinstance(error, ConnectionFailed):
        message = f"a service went away: {error.message}"
        return message, _joined(notes, "see its log; the command may be repeated as it is.")
    if isinstance(error, DeadlineExceeded):
        return "a service did not answer in time", _joined(notes, "the command may be repeated as it is.")
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", ""
    return str(error), notes


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
