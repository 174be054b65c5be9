"""The graph service as it is, which on SIGUSR1 also writes its neighbour lists to the file LISTS_TO names.

No call of the contract tells whom a node lists, and only the lists of the very run that was timed are worth
comparing with exact ones.
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import numpy as np

from graph_service.__main__ import main
from graph_service.engine.state.tables import Tables

LISTS_TO = "LISTS_TO"


def write_lists(*_: object) -> None:
    """Write `neighbours` by sample, int32 (samples, k), and `ids`, of the one dataset there is."""
    (tables,) = (each for each in gc.get_objects() if isinstance(each, Tables))
    graph, slots = tables.nodes.graph, tables.nodes.node_of_row[: len(tables.ids)]
    sample_of = np.full(graph.capacity + 1, -1, np.int32)
    sample_of[slots] = np.arange(len(slots), dtype=np.int32)
    path = Path(os.environ[LISTS_TO])
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, neighbours=sample_of[graph.neighbours[slots]], ids=np.array(tables.ids, dtype=np.str_))
    partial.rename(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, write_lists)
    status = main()
    os._exit(status)
