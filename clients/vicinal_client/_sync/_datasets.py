"""The calls about datasets as such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import grpc

from vicinal.graph.v1 import graph_pb2, graph_pb2_grpc
from vicinal_client import _graph_wire as wire
from vicinal_client._bulk import new_request_id
from vicinal_client._dataset_types import Dataset, GraphLimits
from vicinal_client._exceptions import InvalidArgument
from vicinal_client._finished_call import FinishedCall
from vicinal_client._graph_types import Method
from vicinal_client._retry import RetryPolicy
from vicinal_client._revisions import Revisions
from vicinal_client._sync._connection import Connection

__all__ = ["DatasetCalls"]


class DatasetCalls(Connection):
    """Create, describe, change and delete datasets."""

    _service: ClassVar[str] = "vicinal.graph.v1.GraphService"

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
        retry: RetryPolicy | None = None,
        on_call: Callable[[FinishedCall], None] | None = None,
    ) -> None:
        super().__init__(target, timeout=timeout, credentials=credentials, retry=retry, on_call=on_call)
        self._stub = graph_pb2_grpc.GraphServiceStub(self._channel)
        self._revisions = Revisions()
        self._limits: GraphLimits | None = None

    def create_dataset(
        self,
        name: str,
        *,
        dimension: int,
        classes: Sequence[str],
        encoder_digest: str = "",
        neighbours: int | None = None,
        method: Method | None = None,
        temperature: float | None = None,
        steps: int | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Dataset:
        """Create an empty dataset. What is None takes the service's default.

        Args:
            name: letters, digits, '.', '_' and '-', 1 to 128, beginning with a letter or digit.
            dimension: length of every vector, 1 to `GraphLimits.max_dimension`.
            classes: 2 to `GraphLimits.max_classes` distinct names, in the order of the class index.
            encoder_digest: `Model.encoder_digest` of the encoder whose vectors it holds; empty binds none.
            neighbours: k of the paper's eq. 2, 1 to `GraphLimits.max_neighbours`; it cannot be changed later.
            method: how labels become beliefs.
            temperature: T of eq. 2, 0.001 to 10; 0 leaves it to the method.
            steps: t of eq. 3, 1 to 1,000; `Method.POOLED` takes its own number.
            request_id: names this write, so that a repeat of it happens once; empty makes one up.
            timeout: seconds for the call; None takes the client's.

        Raises:
            AlreadyExists: DATASET_EXISTS.
            InvalidArgument: the field is out of its range or malformed.
        """
        request = graph_pb2.CreateDatasetRequest(
            name=name,
            request_id=new_request_id(request_id),
            dimension=dimension,
            encoder_digest=encoder_digest,
            classes=classes,
            neighbours=neighbours,
            propagation=wire.settings(method, temperature, steps),
        )
        response = self._call(self._stub.CreateDataset, request, timeout)
        self._revisions.forget(name)
        self._revisions.saw(name, response.dataset.revision)
        return wire.dataset(response.dataset)

    def get_dataset(self, dataset: str, *, timeout: float | None = None) -> Dataset:
        """Return the dataset as it stands.

        Raises:
            NotFound: UNKNOWN_DATASET.
        """
        response = self._describe(dataset, timeout)
        return wire.dataset(response.dataset)

    def list_datasets(self, *, timeout: float | None = None) -> tuple[Dataset, ...]:
        """Return every dataset as it stands, ordered by name, each without its classes."""
        response = self._call(self._stub.ListDatasets, graph_pb2.ListDatasetsRequest(), timeout)
        return tuple(wire.dataset(message) for message in response.datasets)

    def update_dataset(
        self,
        dataset: str,
        *,
        method: Method | None = None,
        temperature: float | None = None,
        steps: int | None = None,
        new_classes: Sequence[str] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Change how labels spread, or append classes; what is None stays. Return the write's revision.

        Args:
            dataset: its name.
            method: as in `create_dataset`.
            temperature: as in `create_dataset`.
            steps: as in `create_dataset`.
            new_classes: names to put after the present classes.
            request_id: as in `create_dataset`.
            timeout: seconds for the call; None takes the client's.

        Raises:
            NotFound: UNKNOWN_DATASET.
            InvalidArgument: the field is out of its range or malformed.
        """
        request = graph_pb2.UpdateDatasetRequest(
            dataset=dataset,
            request_id=new_request_id(request_id),
            propagation=wire.settings(method, temperature, steps),
            new_classes=new_classes,
        )
        response = self._call(self._stub.UpdateDataset, request, timeout)
        return self._revisions.saw(dataset, response.revision)

    def add_classes(self, dataset: str, classes: Iterable[str], *, timeout: float | None = None) -> Dataset:
        """Append those of `classes` that the dataset lacks, in their order; return it as it then stands.

        Who appends the same ones at the same time is no obstacle.

        Args:
            dataset: its name.
            classes: names it shall have; where it has them all, nothing is written.
            timeout: seconds for each call; None takes the client's.

        Raises:
            NotFound: UNKNOWN_DATASET.
            InvalidArgument: OUT_OF_RANGE, MALFORMED: too many, or none that can be a name.
        """
        wanted = dict.fromkeys(classes)
        while True:
            found = self.get_dataset(dataset, timeout=timeout)
            new = [name for name in wanted if name not in found.classes]
            if not new:
                return found
            try:
                self.update_dataset(dataset, new_classes=new, timeout=timeout)
            except InvalidArgument as error:
                if error.reason != "DUPLICATE_ID":  # else somebody was quicker: see what is left
                    raise

    def delete_dataset(self, dataset: str, *, timeout: float | None = None) -> None:
        """Delete the dataset with all that it holds. It cannot be undone.

        It carries no request id: a repeat after a broken connection may find it gone already and raise
        NotFound.

        Raises:
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.DeleteDatasetRequest(dataset=dataset)
        self._call(self._stub.DeleteDataset, request, timeout)
        self._revisions.forget(dataset)

    def limits(self, dataset: str, *, timeout: float | None = None) -> GraphLimits:
        """Return the limits in force, which the service tells beside any of its datasets.

        They are asked for once and then remembered for the life of the client.

        Raises:
            NotFound: UNKNOWN_DATASET.
        """
        if self._limits is None:
            response = self._describe(dataset, timeout)
            self._limits = wire.limits(response.limits)
        return self._limits

    def _describe(self, dataset: str, timeout: float | None) -> graph_pb2.GetDatasetResponse:
        request = graph_pb2.GetDatasetRequest(dataset=dataset)
        return self._call(self._stub.GetDataset, request, timeout)
