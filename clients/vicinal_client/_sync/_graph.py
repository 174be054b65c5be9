"""The client of the graph service."""

from __future__ import annotations

from vicinal_client._sync._encoders import EncoderCalls
from vicinal_client._sync._images import ImageCalls
from vicinal_client._sync._leases import LeaseCalls
from vicinal_client._sync._lists import ListCalls
from vicinal_client._sync._reads import ReadCalls
from vicinal_client._sync._watching import WatchCalls

__all__ = ["GraphClient"]


class GraphClient(EncoderCalls, ImageCalls, LeaseCalls, ListCalls, ReadCalls, WatchCalls):
    """Vectors and labels in; beliefs, suggestions and flags out.

    A context manager; make it inside the event loop that uses it if it is the asynchronous one. The
    synchronous one may be shared by threads.

    Every call but `watch_beliefs` has a deadline. All are repeated only as `RetryPolicy` says, and raise a
    `VicinalError`. Writes return the revision that they got; reads answer from this client's newest revision
    at least. Any write or read of an unknown dataset raises NotFound, of a service that has too much to do
    ResourceExhausted, of one that cannot be reached ConnectionFailed.

    Args:
        target: where the service listens, e.g. "127.0.0.1:50052".
        timeout: default seconds for one request with its repeats.
        credentials: for TLS; None connects in plain text.
        retry: when to repeat; None takes the default policy.
        on_call: told of each call with one answer when it is over, e.g. to measure; it runs before the answer
            is returned, so it must be quick, and it must not raise.
    """
