"""Labels of a dataset, kept at what the annotations of its tasks state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vicinal_client import AsyncGraphClient, Label, Trust
from vicinal_label_studio.comparing import Difference, Existing, difference
from vicinal_label_studio.objects import ANNOTATORS, SampleNames, Task
from vicinal_label_studio.opening import Opened
from vicinal_label_studio.status import Status

__all__ = ["Labeller"]


class Labeller:
    """Writes the labels that differ.

    Args:
        graph: of the graph service.
        dataset: whose labels they are.
        existing: how far to believe annotations from before the back end was connected.
        status: told of what was written.
    """

    def __init__(self, graph: AsyncGraphClient, dataset: str, existing: Trust, status: Status) -> None:
        self._graph = graph
        self._dataset = dataset
        self._existing = existing
        self._status = status

    async def write(self, tasks: Collection[Task], opened: Opened) -> None:
        """Make the labels of tasks what their annotations state.

        Every label is read first, so this costs by the labels that the dataset holds.

        Args:
            tasks: that have a sample.
            opened: both sides.
        """
        if not tasks:
            return
        labels = (await self._graph.list_labels(self._dataset)).labels
        existing = Existing(self._existing, opened.connected_at)
        wanted = difference(tasks, labels, opened.dataset.classes, existing)
        if wanted.add:
            await self._graph.add_labels(self._dataset, wanted.add)
        if wanted.remove:
            await self._graph.remove_labels(self._dataset, wanted.remove)
        names = SampleNames(opened.project.id)
        ours = [one for one in labels if names.task(one.sample_id) is not None]
        self._tell(tasks, ours, wanted)

    def _tell(self, tasks: Collection[Task], labels: Sequence[Label], wanted: Difference) -> None:
        before = {(one.sample_id, one.annotator) for one in labels if one.annotator.startswith(ANNOTATORS)}
        new = sum((one.sample_id, one.annotator) not in before for one in wanted.add)
        status = self._status
        status.labels = len(before) + new - len(wanted.remove)
        status.added += len(wanted.add)
        status.removed += len(wanted.remove)
        for task in tasks:
            status.unknown.pop(task.id, None)
        status.unknown.update(wanted.unknown)
        if wanted:
            done = f"{len(wanted.add)} labels written, {len(wanted.remove)} taken back"
            status.note(f"{len(tasks)} tasks: {done}")
