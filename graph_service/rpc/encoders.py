"""The RPCs that move a dataset to another encoder."""

from __future__ import annotations

from graph_service.rpc.calls import Calls, Context
from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.wire import tensors

__all__ = ["EncoderCalls"]


class EncoderCalls(Calls):
    """Stage vectors, change over to them, or forget them."""

    async def StageVectors(
        self, request: pb.StageVectorsRequest, context: Context
    ) -> pb.StageVectorsResponse:
        revision = await self._run(
            request,
            self._engine.stage_vectors,
            request.dataset,
            request.request_id,
            sample_ids=request.sample_ids,
            vectors=tensors.unpack(request.vectors, "vectors"),
            encoder_digest=request.encoder_digest,
            content_hashes=request.content_sha256,
        )
        return pb.StageVectorsResponse(revision=revision)

    async def ChangeEncoder(
        self, request: pb.ChangeEncoderRequest, context: Context
    ) -> pb.ChangeEncoderResponse:
        asked = request.dataset, request.request_id, request.encoder_digest
        revision = await self._run(request, self._engine.change_encoder, *asked)
        return pb.ChangeEncoderResponse(revision=revision)

    async def DiscardStagedVectors(
        self, request: pb.DiscardStagedVectorsRequest, context: Context
    ) -> pb.DiscardStagedVectorsResponse:
        asked = request.dataset, request.request_id, request.encoder_digest
        revision = await self._run(request, self._engine.discard_staged_vectors, *asked)
        return pb.DiscardStagedVectorsResponse(revision=revision)
