"""GraphService: every RPC hands its fields to the engine method of the same name, in a worker thread."""

from __future__ import annotations

from graph_service.engine.answers.reads import Propagated
from graph_service.rpc import convert, flags
from graph_service.rpc.calls import Context
from graph_service.rpc.encoders import EncoderCalls
from graph_service.rpc.leases import LeaseCalls, lease_to, terms_from
from graph_service.rpc.watching import WatchCalls
from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.wire import tensors

__all__ = ["SERVICE_NAME", "GraphServicer"]

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["GraphService"].full_name

_PAGE_SIZE = 10_000
_FLAG_PAGE_SIZE = 100


class GraphServicer(EncoderCalls, LeaseCalls, WatchCalls):
    """The service on the wire; see `Calls` for its arguments."""

    # -- datasets ----------------------------------------------------------------------------------------

    async def CreateDataset(
        self, request: pb.CreateDatasetRequest, context: Context
    ) -> pb.CreateDatasetResponse:
        created = convert.created_from(request)
        summary = await self._run(request, self._engine.create_dataset, request.request_id, created)
        return pb.CreateDatasetResponse(dataset=convert.dataset_to(summary))

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Context) -> pb.GetDatasetResponse:
        summary = await self._glance(request, self._engine.get_dataset, request.dataset)
        limits = convert.limits_to(self._engine.limits)
        return pb.GetDatasetResponse(dataset=convert.dataset_to(summary), limits=limits)

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, context: Context
    ) -> pb.ListDatasetsResponse:
        summaries = await self._glance(request, self._engine.list_datasets)
        return pb.ListDatasetsResponse(datasets=map(convert.listed_to, summaries))

    async def UpdateDataset(
        self, request: pb.UpdateDatasetRequest, context: Context
    ) -> pb.UpdateDatasetResponse:
        update = convert.updated_from(request)
        revision = await self._run(
            request, self._engine.update_dataset, request.dataset, request.request_id, update
        )
        return pb.UpdateDatasetResponse(revision=revision)

    async def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: Context
    ) -> pb.DeleteDatasetResponse:
        await self._run(request, self._engine.delete_dataset, request.dataset)
        return pb.DeleteDatasetResponse()

    # -- samples and labels ------------------------------------------------------------------------------

    async def AddSamples(self, request: pb.AddSamplesRequest, context: Context) -> pb.AddSamplesResponse:
        revision = await self._run(
            request,
            self._engine.add_samples,
            request.dataset,
            request.request_id,
            sample_ids=request.sample_ids,
            vectors=tensors.unpack(request.vectors, "vectors"),
            encoder_digest=request.encoder_digest,
            content_hashes=request.content_sha256,
        )
        return pb.AddSamplesResponse(revision=revision)

    async def RemoveSamples(
        self, request: pb.RemoveSamplesRequest, context: Context
    ) -> pb.RemoveSamplesResponse:
        revision = await self._run(
            request, self._engine.remove_samples, request.dataset, request.request_id, request.sample_ids
        )
        return pb.RemoveSamplesResponse(revision=revision)

    async def AddLabels(self, request: pb.AddLabelsRequest, context: Context) -> pb.AddLabelsResponse:
        revision = await self._run(request, self._add_labels, request)
        return pb.AddLabelsResponse(revision=revision)

    def _add_labels(self, request: pb.AddLabelsRequest) -> int:
        self._engine.check_label_count(len(request.labels))  # before a message full of them is unpacked
        labels = [convert.label_from(label, f"labels[{i}]") for i, label in enumerate(request.labels)]
        return self._engine.add_labels(request.dataset, request.request_id, labels)

    async def RemoveLabels(
        self, request: pb.RemoveLabelsRequest, context: Context
    ) -> pb.RemoveLabelsResponse:
        revision = await self._run(request, self._remove_labels, request)
        return pb.RemoveLabelsResponse(revision=revision)

    def _remove_labels(self, request: pb.RemoveLabelsRequest) -> int:
        self._engine.check_label_count(len(request.labels))
        keys = [(key.sample_id, key.annotator) for key in request.labels]
        return self._engine.remove_labels(request.dataset, request.request_id, keys)

    # -- reads -------------------------------------------------------------------------------------------

    async def ListSamples(self, request: pb.ListSamplesRequest, context: Context) -> pb.ListSamplesResponse:
        page, next_page = await self._run(
            request,
            self._engine.list_samples,
            request.dataset,
            request.min_revision,
            unstaged_only=request.unstaged_only,
            page_size=request.page_size if request.HasField("page_size") else _PAGE_SIZE,
            page_token=request.page_token,
        )
        return pb.ListSamplesResponse(
            revision=page.revision,
            sample_ids=page.sample_ids,
            content_sha256=page.content_hashes,
            total_count=page.total_count,
            next_page_token=next_page,
        )

    async def ListLabels(self, request: pb.ListLabelsRequest, context: Context) -> pb.ListLabelsResponse:
        return await self._run(request, self._list_labels, request)

    def _list_labels(self, request: pb.ListLabelsRequest) -> pb.ListLabelsResponse:
        page, next_page = self._engine.list_labels(
            request.dataset,
            request.min_revision,
            page_size=request.page_size if request.HasField("page_size") else _PAGE_SIZE,
            page_token=request.page_token,
        )
        return pb.ListLabelsResponse(
            revision=page.revision,
            labels=map(convert.label_to, page.labels),
            total_count=page.total_count,
            next_page_token=next_page,
        )

    async def Propagate(self, request: pb.PropagateRequest, context: Context) -> pb.PropagateResponse:
        asked = request.dataset, request.min_revision
        outcome = self._at_hand(request, self._engine.propagated, *asked)
        if outcome is None:
            outcome = await self._wait(request, self._engine.propagate, *asked)
        response = pb.PropagateResponse(
            revision=outcome.revision,
            labelled_count=outcome.labelled_count,
            reached_count=outcome.reached_count,
            unreached_count=outcome.unreached_count,
        )
        response.propagation_time.FromMicroseconds(round(outcome.seconds * 1e6))
        if request.include_beliefs:
            await self._aside(_tell_beliefs, outcome, response)
        return response

    async def SuggestSamples(
        self, request: pb.SuggestSamplesRequest, context: Context
    ) -> pb.SuggestSamplesResponse:
        lease = terms_from(request)
        asked = request.dataset, request.min_revision
        wanted, exclude = convert.wanted_from(request), request.exclude_sample_ids
        outcome = None
        if lease is None:
            outcome = self._at_hand(request, self._engine.suggested, *asked, exclude=exclude, **wanted)
        if outcome is None:
            carry_out = self._read if lease is None else self._lease
            outcome = await carry_out(
                request, self._engine.suggest_samples, *asked, exclude=exclude, lease=lease, **wanted
            )
        return pb.SuggestSamplesResponse(
            revision=outcome.revision,
            suggestions=map(convert.suggestion_to, outcome.items),
            lease=None if outcome.lease is None else lease_to(outcome.lease),
        )

    async def EstimateAccuracy(
        self, request: pb.EstimateAccuracyRequest, context: Context
    ) -> pb.EstimateAccuracyResponse:
        found = await self._audited(
            request,
            self._engine.estimate_accuracy,
            request.dataset,
            request.min_revision,
            target=request.target if request.HasField("target") else 0.95,
            level=request.level if request.HasField("level") else 0.95,
        )
        return convert.accuracy_to(found)

    async def FlagErrors(self, request: pb.FlagErrorsRequest, context: Context) -> pb.FlagErrorsResponse:
        return await self._judged(request, self._flag_errors, request)

    def _flag_errors(self, request: pb.FlagErrorsRequest) -> pb.FlagErrorsResponse:
        found, next_page = self._engine.flag_errors(
            request.dataset,
            request.min_revision,
            kind=flags.kind_from(request.kind),
            cut=flags.cut_from(request),
            evidence_count=request.evidence_count if request.HasField("evidence_count") else 5,
            page_size=request.page_size if request.HasField("page_size") else _FLAG_PAGE_SIZE,
            page_token=request.page_token,
        )
        return pb.FlagErrorsResponse(
            revision=found.revision,
            flags=map(flags.flag_to, found.items),
            total_count=found.total_count,
            next_page_token=next_page,
        )

    async def EstimateNoise(
        self, request: pb.EstimateNoiseRequest, context: Context
    ) -> pb.EstimateNoiseResponse:
        noise = await self._judged(
            request,
            self._engine.estimate_noise,
            request.dataset,
            request.min_revision,
            level=request.level if request.HasField("level") else 0.95,
        )
        return flags.noise_to(noise)

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        outcome = await self._read(
            request,
            self._engine.classify,
            request.dataset,
            request.min_revision,
            vectors=tensors.unpack(request.vectors, "vectors"),
            encoder_digest=request.encoder_digest,
            neighbours=request.neighbours if request.HasField("neighbours") else None,
            include_beliefs=request.include_beliefs,
        )
        return pb.ClassifyResponse(
            revision=outcome.revision,
            classes=tensors.pack(outcome.classes),
            confidences=tensors.pack(outcome.confidences),
            beliefs=tensors.pack(outcome.beliefs) if request.include_beliefs else None,
        )

    async def ExportBeliefs(
        self, request: pb.ExportBeliefsRequest, context: Context
    ) -> pb.ExportBeliefsResponse:
        page, next_page = await self._read(
            request,
            self._engine.export_beliefs,
            request.dataset,
            request.min_revision,
            include_beliefs=request.include_beliefs,
            page_size=request.page_size if request.HasField("page_size") else _PAGE_SIZE,
            page_token=request.page_token,
        )
        return pb.ExportBeliefsResponse(
            revision=page.revision,
            sample_ids=page.sample_ids,
            classes=tensors.pack(page.classes),
            confidences=tensors.pack(page.confidences),
            beliefs=tensors.pack(page.beliefs) if request.include_beliefs else None,
            next_page_token=next_page,
            total_count=page.total_count,
        )


def _tell_beliefs(outcome: Propagated, response: pb.PropagateResponse) -> None:
    response.classes.CopyFrom(tensors.pack(outcome.classes))
    response.confidences.CopyFrom(tensors.pack(outcome.confidences))
