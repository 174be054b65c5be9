"""One task of a CVAT server, as the commands see it. With `function` the only module that knows cvat_sdk."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cvat_sdk import exceptions, models
from cvat_sdk.api_client.exceptions import NotFoundException
from cvat_sdk.core import Client, Config
from cvat_sdk.core.auth import ClientAuthParameters, get_auth_factory, make_client_from_cli
from cvat_sdk.core.exceptions import AuthStoreError
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from cvat_sdk.datasets import MediaDownloadPolicy, TaskDataset
from urllib3.exceptions import HTTPError

from vicinal_cvat.errors import CvatError
from vicinal_cvat.notes import Note, read
from vicinal_cvat.pictures import png_of
from vicinal_cvat.tags import Tag

__all__ = ["Access", "CvatTask", "Job", "opened"]

_LABEL_TYPES = frozenset({"tag", "any"})


@dataclass(frozen=True)
class Access:
    """Where the server is and who asks, as for `cvat-cli`.

    Attributes:
        server: its URL; None takes the saved profile's, else http://localhost.
        user: signs in with a password, which the variable PASS holds or a prompt asks for; None takes the
            variable CVAT_ACCESS_TOKEN or a profile saved by `cvat-cli profile`.
        organization: short name of the organization; None takes none.
    """

    server: str | None = None
    user: str | None = None
    organization: str | None = None


@dataclass(frozen=True)
class Job:
    """A part of a task that one person works on.

    Attributes:
        id: CVAT's number.
        frames: its frames, without those that were deleted.
        completed: whether somebody has declared it done.
    """

    id: int
    frames: Collection[int]
    completed: bool


@contextmanager
def opened(access: Access, task: int) -> Iterator[CvatTask]:
    """Yield a task of the server.

    Images are kept in a temporary folder while the block runs. A server of another version than the SDK's is
    warned of.

    Raises:
        CvatError: the server does not answer, knows no such task or refuses; also while the block runs.
    """
    with _explained(), TemporaryDirectory(prefix="vicinal-cvat-") as folder:
        parameters = ClientAuthParameters(
            server_host=access.server,
            auth=None if access.user is None else get_auth_factory(access.user),
            organization=access.organization,
        )
        log = logging.getLogger("vicinal_cvat.sdk")
        with make_client_from_cli(parameters, logger=log, config=Config(cache_dir=Path(folder))) as client:
            client.check_server_version(fail_if_unsupported=False)  # warns
            yield CvatTask(client, task)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except exceptions.ApiException as error:
        hint = {
            401: "set CVAT_ACCESS_TOKEN, or name yourself with --user.",
            403: "the account may not do this; with an organization's task, name it with --org.",
            404: "see whether --task is right; with an organization's task, name it with --org.",
        }.get(error.status, "")
        raise CvatError(f"CVAT answered {error.status} {error.reason}", hint) from error
    except AuthStoreError as error:
        raise CvatError(f"CVAT's saved profiles: {error}") from error
    except HTTPError as error:
        raise CvatError("the CVAT server does not answer", "see whether --cvat is right.") from error


class CvatTask:
    """One task. Every method asks the server; nothing is kept but what the task was made of.

    Args:
        client: of the server, signed in.
        task_id: number of the task.

    Raises:
        CvatError: it has no images: it is new, or a video.
    """

    def __init__(self, client: Client, task_id: int) -> None:
        self._client = client
        self._task = client.tasks.retrieve(task_id)
        self._classes = {
            label.id: label.name
            for label in self._task.get_labels()
            if str(label.type) in _LABEL_TYPES and not label.has_parent
        }
        self._numbers = {name: number for number, name in self._classes.items()}
        meta = self._task.get_meta()
        if not meta.frames or str(self._task.data_original_chunk_type) != "imageset":
            raise CvatError(f"the task {task_id} has no images", "tasks of images are read, no others.")
        self._frames = sorted({*range(meta.size)} - {*meta.deleted_frames})
        self._sizes = [(frame.width, frame.height) for frame in meta.frames]

    @property
    def id(self) -> int:
        """Number of the task."""
        return int(self._task.id)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels that a whole frame may be tagged with, in the task's order."""
        return tuple(self._numbers)

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the frames that were not deleted."""
        return tuple(self._frames)

    def images(self, frames: Collection[int]) -> Iterator[tuple[int, bytes]]:
        """Yield some frames, each with its image as PNG; they are downloaded some hundred at a time."""
        policy = MediaDownloadPolicy.FETCH_CHUNKS_ON_DEMAND
        dataset = TaskDataset(
            self._client, self._task.id, load_annotations=False, media_download_policy=policy
        )
        for sample in dataset.samples:
            if sample.frame_index in frames:
                yield sample.frame_index, png_of(sample.media.load_image())

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs of annotators; those for ground truth and for consensus are none."""
        return tuple(
            Job(
                job.id,
                tuple(frame for frame in self._frames if job.start_frame <= frame <= job.stop_frame),
                str(job.state) == "completed",
            )
            for job in self._task.get_jobs()
            if str(job.type) == "annotation"
        )

    def tags(self) -> tuple[Tag, ...]:
        """Return the tags of `classes` on frames that were not deleted."""
        frames = {*self._frames}
        return tuple(
            Tag(tag.frame, self._classes[tag.label_id], tag.source, tag.id)
            for tag in self._task.get_annotations().tags
            if tag.label_id in self._classes and tag.frame in frames
        )

    def write_tags(self, tags: Iterable[Tag]) -> None:
        """Add tags."""
        self._change(tags, AnnotationUpdateAction.CREATE)

    def delete_tags(self, tags: Iterable[Tag]) -> None:
        """Delete tags that `tags` returned."""
        self._change(tags, AnnotationUpdateAction.DELETE)

    def _change(self, tags: Iterable[Tag], action: AnnotationUpdateAction) -> None:
        requests = [self._request(tag) for tag in tags]
        if requests:
            data = models.PatchedLabeledDataRequest(tags=requests, shapes=[], tracks=[])
            self._task.update_annotations(data, action=action)

    def _request(self, tag: Tag) -> models.LabeledImageRequest:
        given: dict[str, Any] = {} if tag.id is None else {"id": tag.id}
        label = self._numbers[tag.class_name]
        return models.LabeledImageRequest(
            frame=tag.frame, label_id=label, source=tag.source, group=0, attributes=[], **given
        )

    def notes(self) -> tuple[Note, ...]:
        """Return vicinal's own issues, resolved ones among them."""
        issues = {issue.id: issue for issue in self._client.issues.list(task_id=self.id, **self._context)}
        texts: dict[int, str] = {}
        for job in {issue.job for issue in issues.values()}:
            comments = self._client.comments.list(job_id=job, **self._context)
            for comment in sorted(comments, key=lambda comment: int(comment.id)):
                texts.setdefault(comment.issue, comment.message)
        found = (
            read(texts[number], issue.frame, number, issue.resolved)
            for number, issue in issues.items()
            if number in texts
        )
        return tuple(note for note in found if note)

    def write_notes(self, notes: Iterable[Note]) -> int:
        """Make an issue of each note, over the whole frame; return how many.

        A frame in no annotator's job, which nobody would see, gets none.
        """
        jobs = {frame: job.id for job in reversed(self.jobs()) for frame in job.frames}
        written = 0
        for note in notes:
            if note.frame in jobs:
                width, height = self._sizes[note.frame]
                self._client.issues.create(
                    models.IssueWriteRequest(
                        frame=note.frame,
                        job=jobs[note.frame],
                        position=[0.0, 0.0, float(width), float(height)],
                        message=note.text,
                    )
                )
                written += 1
        return written

    def delete_notes(self, notes: Iterable[Note]) -> None:
        """Delete issues that `notes` returned; somebody may have deleted one meanwhile."""
        for note in notes:
            with suppress(NotFoundException):
                self._client.api_client.issues_api.destroy(note.id)

    @property
    def _context(self) -> dict[str, Any]:
        """Whose things a list shows: without it, lists of an organization's things are empty."""
        return {"org_id": self._task.organization}
