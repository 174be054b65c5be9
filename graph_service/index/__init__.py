"""Who is near: exact and HNSW behind one protocol."""

from graph_service.index.base import Index, Survey
from graph_service.index.choose import SWITCH_AT, AutoIndex, IndexKind, make_index
from graph_service.index.exact import ExactIndex
from graph_service.index.hnsw import HnswIndex
from graph_service.index.vectors import VectorTable

__all__ = [
    "SWITCH_AT",
    "AutoIndex",
    "ExactIndex",
    "HnswIndex",
    "Index",
    "IndexKind",
    "Survey",
    "VectorTable",
    "make_index",
]
