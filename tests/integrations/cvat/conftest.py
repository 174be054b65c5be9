"""What of CVAT can be had without its containers: its SDK and command line, against a server made for tests.

The server speaks the REST endpoints that the SDK calls. Every answer is built from the SDK's own generated
models, and every request is read by them, so shapes that CVAT does not have fail here. How CVAT behaves
behind those shapes is written down here by hand, from its published source, and is not CVAT.
"""

import io
import json
import sys
import threading
import uuid
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from cvat_sdk import models
from cvat_sdk.api_client.model_utils import to_json
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vicinal_cli.demo.sample import unpack
from vicinal_cli.demo.stack import stack
from vicinal_cli.main import main
from vicinal_client import EmbedClient, GraphClient

TOKEN = "an-access-token"
PAGE = 7
CHUNK = 16


@dataclass
class Task:
    """A task: one image a frame, labels for tags, and jobs of equal length."""

    id: int
    classes: tuple
    images: list  # encoded
    job_size: int = 50
    organization: int | None = None
    chunk_type: str = "imageset"
    deleted: tuple = ()
    completed: set = field(default_factory=set)  # numbers of jobs
    tags: dict = field(default_factory=dict)  # id -> request fields
    touched: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def labels(self):
        return {1000 * self.id + number: name for number, name in enumerate(self.classes)}

    @property
    def jobs(self):
        """Number -> first and last frame."""
        starts = range(0, len(self.images), self.job_size)
        last = len(self.images) - 1
        return {100 * self.id + n: (s, min(s + self.job_size - 1, last)) for n, s in enumerate(starts)}

    def tag(self, frame, name, source="manual"):
        """As a person does in the editor, or an import; returns the tag's id."""
        number = max(self.tags, default=0) + 1
        label = next(key for key, value in self.labels.items() if value == name)
        self.tags[number] = {"frame": frame, "label_id": label, "source": source}
        return number

    def classes_of(self, source):
        """Frame -> classes of its tags of that source."""
        found = {}
        for tag in self.tags.values():
            if tag["source"] == source:
                found.setdefault(tag["frame"], []).append(self.labels[tag["label_id"]])
        return found


class Platform:
    """The state of the server."""

    def __init__(self):
        self.tasks = {}
        self.issues = {}  # id -> IssueWriteRequest as JSON, with job
        self.next_issue = 1
        self.requests = []
        self.url = ""
        self.version = "2.80.0"

    def add(self, classes, images, **more):
        task = Task(len(self.tasks) + 1, tuple(classes), list(images), **more)
        self.tasks[task.id] = task
        return task

    def notes(self, task):
        """Frame -> messages of the open issues of a task."""
        found = {}
        for issue in self.issues.values():
            if issue["job"] in task.jobs and not issue["resolved"]:
                found.setdefault(issue["frame"], []).append(issue["message"])
        return found


def summary(**more):
    return {"url": "http://x/", "count": 0, **more}


class Endpoints:
    def __init__(self, platform):
        self.platform = platform

    def routes(self):
        return [
            Route("/api/server/about", self.about),
            Route("/api/labels", self.labels),
            Route("/api/jobs", self.jobs),
            Route("/api/issues", self.issues, methods=["GET"]),
            Route("/api/issues", self.create_issue, methods=["POST"]),
            Route("/api/issues/{id:int}", self.destroy_issue, methods=["DELETE"]),
            Route("/api/comments", self.comments),
            Route("/api/tasks/{id:int}", self.task),
            Route("/api/tasks/{id:int}/data/meta", self.meta),
            Route("/api/tasks/{id:int}/data", self.data),
            Route("/api/tasks/{id:int}/annotations/", self.annotations, methods=["GET", "PUT", "PATCH"]),
        ]

    def found(self, request):
        return self.platform.tasks[request.path_params["id"]]

    def listed(self, request, task, items, kind):
        """One page; of an organization's things only to those who name it."""
        query = request.query_params
        named = query.get("org_id")
        visible = items if task.organization is None or named == str(task.organization) else []
        page = int(query.get("page", 1))
        more = len(visible) > page * PAGE
        following = f"{request.url.include_query_params(page=page + 1)}" if more else None
        part = visible[(page - 1) * PAGE : page * PAGE]
        return said(kind._from_openapi_data(len(visible), part, next=following, previous=None))

    async def about(self, request):
        return said(models.About._from_openapi_data("CVAT", "", self.platform.version, "", ""))

    async def labels(self, request):
        task = self.platform.tasks[int(request.query_params["task_id"])]
        labels = [
            models.Label._from_openapi_data(
                name, id=number, type="tag", attributes=[], sublabels=[], has_parent=False, task_id=task.id
            )
            for number, name in task.labels.items()
        ]
        labels.append(
            models.Label._from_openapi_data(
                "box", id=999_999, type="rectangle", attributes=[], sublabels=[], has_parent=False
            )
        )
        return self.listed(request, task, labels, models.PaginatedLabelList)

    async def task(self, request):
        task = self.found(request)
        none = models.JobsSummary._from_openapi_data(0, 0, **summary())
        labels = models.LabelsSummary._from_openapi_data(url="http://x/")
        given = {"id": task.id, "name": f"task {task.id}", "size": len(task.images), "mode": "annotation"}
        given |= {"data_chunk_size": CHUNK, "data_original_chunk_type": task.chunk_type}
        given |= {"organization": task.organization, "updated_date": task.touched}
        return said(models.TaskRead._from_openapi_data(none, labels, **given))

    async def meta(self, request):
        task = self.found(request)
        frames = [
            models.FrameMeta._from_openapi_data(f"{number}.png", 0, width=28, height=28)
            for number in range(len(task.images))
        ]
        deleted, size = list(task.deleted), len(task.images)
        return said(
            models.DataMetaRead._from_openapi_data(
                task.touched, frames, deleted, size=size, start_frame=0, stop_frame=size - 1, chunk_size=CHUNK
            )
        )

    async def data(self, request):
        task, query = self.found(request), request.query_params
        assert query["quality"] == "original"
        first = int(query["number"]) * CHUNK
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for number, image in enumerate(task.images[first : first + CHUNK], start=first):
                archive.writestr(f"{number:06}.png", image)
        return Response(file.getvalue(), media_type="application/zip")

    async def jobs(self, request):
        task = self.platform.tasks[int(request.query_params["task_id"])]
        issues, labels = models.IssuesSummary._from_openapi_data(**summary()), models.LabelsSummary
        jobs = [
            models.JobRead._from_openapi_data(
                issues,
                labels._from_openapi_data(url="http://x/"),
                id=number,
                task_id=task.id,
                type=kind,
                start_frame=first,
                stop_frame=last,
                state="completed" if number in task.completed else "in progress",
            )
            for number, (first, last) in task.jobs.items()
            for kind in ("ground_truth", "annotation")
        ]
        return self.listed(request, task, jobs, models.PaginatedJobReadList)

    async def annotations(self, request):
        task = self.found(request)
        if request.method == "GET":
            tags = [
                models.LabeledImage._from_openapi_data(
                    tag["label_id"], tag["frame"], id=number, source=tag["source"], group=0, attributes=[]
                )
                for number, tag in sorted(task.tags.items())
            ]
            return said(models.LabeledData._from_openapi_data(version=0, tags=tags, shapes=[], tracks=[]))
        given = await request.json()
        if request.method == "PUT":
            models.LabeledDataRequest._from_openapi_data(**given)
            task.tags.clear()
        else:
            models.PatchedLabeledDataRequest._from_openapi_data(**given)
        task.touched += timedelta(seconds=1)
        for tag in given["tags"]:
            assert 0 <= tag["frame"] < len(task.images)
            assert tag["label_id"] in task.labels
            if request.query_params.get("action") == "delete":
                task.tags.pop(tag["id"], None)
            else:
                assert "id" not in tag
                kept = {name: tag[name] for name in ("frame", "label_id", "source")}
                task.tags[max(task.tags, default=0) + 1] = kept
        return JSONResponse(given)

    async def issues(self, request):
        task = self.platform.tasks[int(request.query_params["task_id"])]
        issues = [
            self.read(number, issue)
            for number, issue in self.platform.issues.items()
            if issue["job"] in task.jobs
        ]
        return self.listed(request, task, issues, models.PaginatedIssueReadList)

    def read(self, number, issue):
        comments = models.CommentsSummary._from_openapi_data(**summary(count=1))
        given = {name: issue[name] for name in ("frame", "job", "resolved")}
        return models.IssueRead._from_openapi_data(issue["position"], comments, id=number, **given)

    async def create_issue(self, request):
        given = await request.json()
        models.IssueWriteRequest._from_openapi_data(**given)
        first, last = next(
            t.jobs[given["job"]] for t in self.platform.tasks.values() if given["job"] in t.jobs
        )
        assert first <= given["frame"] <= last
        number = self.platform.next_issue
        self.platform.next_issue += 1
        self.platform.issues[number] = {"resolved": False, **given}
        return said(self.read(number, self.platform.issues[number]), 201)

    async def destroy_issue(self, request):
        gone = self.platform.issues.pop(request.path_params["id"], None)
        return JSONResponse({"detail": "Not found."}, 404) if gone is None else Response(status_code=204)

    async def comments(self, request):
        job = int(request.query_params["job_id"])
        task = next(task for task in self.platform.tasks.values() if job in task.jobs)
        comments = [
            models.CommentRead._from_openapi_data(id=number, issue=number, message=issue["message"])
            for number, issue in self.platform.issues.items()
            if issue["job"] == job
        ]
        return self.listed(request, task, comments, models.PaginatedCommentReadList)


def said(model, status=200):
    return Response(json.dumps(to_json(model)), status, media_type="application/vnd.cvat+json")


class Guard:
    """Lets those in who have the token; knows no other tasks than there are."""

    def __init__(self, app, platform):
        self.app, self.platform = app, platform

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            self.platform.requests.append((scope["method"], scope["path"]))
            number = scope["path"].removeprefix("/api/tasks/").split("/")[0]
            if TOKEN.encode() not in headers.get(b"authorization", b"") and "about" not in scope["path"]:
                return await JSONResponse({"detail": "no"}, 401)(scope, receive, send)
            if number.isdecimal() and int(number) not in self.platform.tasks:
                return await JSONResponse({"detail": "Not found."}, 404)(scope, receive, send)
        return await self.app(scope, receive, send)


@contextmanager
def served(platform):
    app = Guard(Starlette(routes=Endpoints(platform).routes()), platform)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    platform.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield platform
    server.should_exit = True
    thread.join()


@pytest.fixture
def platform(monkeypatch, tmp_path):
    """A server with no task; the SDK finds it, and its token, in the environment."""
    with served(Platform()) as found:
        monkeypatch.setenv("CVAT_HOST", found.url)
        monkeypatch.setenv("CVAT_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield found


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    """Both services of vicinal, with the encoder that comes with it."""
    with stack(tmp_path_factory.mktemp("services")) as found:
        yield found


@pytest.fixture
def services_named(services, monkeypatch):
    """Both services, where the commands find them."""
    monkeypatch.setenv("VICINAL_GRAPH", services.graph)
    monkeypatch.setenv("VICINAL_EMBED", services.embed)
    return services


@pytest.fixture
def graph(services_named):
    with GraphClient(services_named.graph) as client:
        yield client


@pytest.fixture
def embedder(services_named):
    with EmbedClient(services_named.embed) as client:
        yield client


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """400 real images and their true classes, 40 of each of ten, in mixed order."""
    folder = tmp_path_factory.mktemp("pictures")
    unpack(folder)
    by_class = [sorted(path.glob("*.png"))[:40] for path in sorted(folder.iterdir())]
    mixed = [path for row in zip(*by_class, strict=True) for path in row]
    return [path.read_bytes() for path in mixed], [path.parent.name for path in mixed]


@pytest.fixture
def vicinal(services_named, capsys, monkeypatch):
    """`vicinal("cvat", "sync", …)` runs the command line in this process: exit status, and what it said."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["vicinal", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture
def labelled(platform, vicinal, pictures):
    """A task of 300 frames, of which a person has tagged every seventh; its own dataset; the truth."""
    images, truth = pictures
    task = platform.add(sorted({*truth}), images[:300])
    for frame in range(0, 300, 7):
        task.tag(frame, truth[frame])
    dataset = f"photos-{uuid.uuid4().hex[:8]}"
    status, said = vicinal("cvat", "push", "--task", task.id, "--dataset", dataset)
    assert status == 0, said
    return task, dataset, truth[:300]


@pytest.fixture
def believed(graph):
    """`believed(task, dataset)`: frame -> class and confidence."""

    def read(task, dataset):
        classes, found = graph.get_dataset(dataset).classes, graph.export_beliefs(dataset)
        rows = zip(found.sample_ids, found.classes.tolist(), found.confidences.tolist(), strict=True)
        return {int(sample.split("-")[1]): (classes[index], sure) for sample, index, sure in rows}

    return read
