"""The Python SDK of vicinal: label a handful of images; the neighbourhood does the rest.

`EmbedClient` turns images into vectors; `GraphClient` keeps vectors and labels and tells what follows from
them. `InferenceClient` stands in for `EmbedClient` where another server has the encoder. `AsyncEmbedClient`,
`AsyncGraphClient` and `AsyncInferenceClient` are the same for asyncio. Everything public is here.
"""

from vicinal_client._async._embed import AsyncEmbedClient
from vicinal_client._async._graph import AsyncGraphClient
from vicinal_client._async._inference import AsyncInferenceClient
from vicinal_client._dataset_types import Dataset, GraphLimits
from vicinal_client._embed_types import (
    Embedded,
    Embeddings,
    EmbedLimits,
    ImageError,
    LoadedModel,
    Model,
    Models,
    Priority,
    Timing,
)
from vicinal_client._exceptions import (
    Aborted,
    AlreadyExists,
    Cancelled,
    ConnectionFailed,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    ServiceError,
    TransportError,
    Unavailable,
    VicinalError,
)
from vicinal_client._finished_call import FinishedCall
from vicinal_client._flag_types import AnnotatorNoise, Flag, FlagKind, Flags, Noise
from vicinal_client._graph_types import (
    Accuracy,
    Beliefs,
    Classification,
    Evidence,
    Interval,
    Label,
    LabelKey,
    Method,
    Propagation,
    Reason,
    Strategy,
    Suggestion,
    Suggestions,
    Trust,
)
from vicinal_client._label_difference import LabelDifference, label_difference
from vicinal_client._lease_types import Lease, LeaseTerms
from vicinal_client._list_types import AddedImages, Labels, Samples
from vicinal_client._progress import Progress
from vicinal_client._retry import RetryPolicy
from vicinal_client._sync._embed import EmbedClient
from vicinal_client._sync._graph import GraphClient
from vicinal_client._sync._inference import InferenceClient
from vicinal_client._watch_types import BeliefChanges

__all__ = [
    "Aborted",
    "Accuracy",
    "AddedImages",
    "AlreadyExists",
    "AnnotatorNoise",
    "AsyncEmbedClient",
    "AsyncGraphClient",
    "AsyncInferenceClient",
    "BeliefChanges",
    "Beliefs",
    "Cancelled",
    "Classification",
    "ConnectionFailed",
    "DataLoss",
    "Dataset",
    "DeadlineExceeded",
    "EmbedClient",
    "EmbedLimits",
    "Embedded",
    "Embeddings",
    "Evidence",
    "FailedPrecondition",
    "FinishedCall",
    "Flag",
    "FlagKind",
    "Flags",
    "GraphClient",
    "GraphLimits",
    "ImageError",
    "InferenceClient",
    "Interval",
    "InvalidArgument",
    "Label",
    "LabelDifference",
    "LabelKey",
    "Labels",
    "Lease",
    "LeaseTerms",
    "LoadedModel",
    "Method",
    "Model",
    "Models",
    "Noise",
    "NotFound",
    "Priority",
    "Progress",
    "Propagation",
    "Reason",
    "ResourceExhausted",
    "RetryPolicy",
    "Samples",
    "ServiceError",
    "Strategy",
    "Suggestion",
    "Suggestions",
    "Timing",
    "TransportError",
    "Trust",
    "Unavailable",
    "VicinalError",
    "label_difference",
]

# Tracebacks and documentation name what callers import. (The classes of `vicinal.wire.errors` keep theirs:
# services raise them too.)
for _name in __all__:
    if globals()[_name].__module__.startswith("vicinal_client."):
        globals()[_name].__module__ = "vicinal_client"
