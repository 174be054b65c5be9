"""The calls that move a dataset to another encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from vicinal.graph.v1 import graph_pb2
from vicinal_client._bulk import new_request_id
from vicinal_client._progress import Progress
from vicinal_client._sync._writes import WriteCalls

__all__ = ["EncoderCalls"]


class EncoderCalls(WriteCalls):
    """Stage a vector of the new encoder for every sample, then change over in one write.

    Whoever labels and reads meanwhile notices nothing: samples, labels and revisions go on as they are.
    """

    def stage_vectors(
        self,
        dataset: str,
        ids: Sequence[str],
        vectors: npt.ArrayLike,
        *,
        encoder_digest: str,
        content_sha256: Sequence[bytes] | None = None,
        progress: Progress | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Take another encoder's vectors for samples that exist. They wait until `change_encoder`.

        Args:
            dataset: its name.
            ids: n distinct sample ids.
            vectors: numbers (n, dimension of that encoder), as in `add_samples`.
            encoder_digest: encoder that made them, not the dataset's.
            content_sha256: as in `add_samples`; with the change they take the place of those the samples
                were added with.
            progress: called after each request that was written.
            request_id: begins the request id of every request made; empty makes one up.
            timeout: seconds for each request; None takes the client's.

        Returns:
            The revision of the last request.

        Raises:
            NotFound: UNKNOWN_SAMPLE, UNKNOWN_DATASET.
            InvalidArgument: as in `add_samples`.
            FailedPrecondition: ENCODER_MISMATCH, it is the dataset's own, or vectors of another wait.
        """
        method, message = self._stub.StageVectors, graph_pb2.StageVectorsRequest
        samples = (ids, vectors, content_sha256, encoder_digest)
        return self._write_vectors(dataset, method, message, samples, progress, request_id, timeout)

    def change_encoder(
        self, dataset: str, encoder_digest: str, *, request_id: str = "", timeout: float | None = None
    ) -> int:
        """Make the staged vectors the dataset's own; those of its former encoder leave.

        Args:
            dataset: its name.
            encoder_digest: the encoder whose staged vectors are meant.
            request_id: names this write, so that a repeat of it happens once; empty makes one up.
            timeout: seconds for the call; None takes the client's.

        Returns:
            The revision from which on the dataset is of the new encoder.

        Raises:
            FailedPrecondition: VECTORS_MISSING, a sample has no staged vector (`list_samples` names them);
                ENCODER_MISMATCH, no vectors of that encoder wait.
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.ChangeEncoderRequest(
            dataset=dataset, request_id=new_request_id(request_id), encoder_digest=encoder_digest
        )
        response = self._call(self._stub.ChangeEncoder, request, timeout)
        return self._revisions.saw(dataset, response.revision)

    def discard_staged_vectors(
        self, dataset: str, encoder_digest: str, *, request_id: str = "", timeout: float | None = None
    ) -> int:
        """Forget the staged vectors. Return the write's revision.

        Args:
            dataset: its name.
            encoder_digest: the encoder whose staged vectors are meant.
            request_id: as in `change_encoder`.
            timeout: seconds for the call; None takes the client's.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, no vectors of that encoder wait.
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.DiscardStagedVectorsRequest(
            dataset=dataset, request_id=new_request_id(request_id), encoder_digest=encoder_digest
        )
        response = self._call(self._stub.DiscardStagedVectors, request, timeout)
        return self._revisions.saw(dataset, response.revision)
