"""A Label Studio of a few dicts behind real HTTP, vicinal's services as processes, and bridges between."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vicinal_client import AsyncEmbedClient, AsyncGraphClient, EmbedClient, GraphClient, VicinalError
from vicinal_label_studio.beliefs import follow
from vicinal_label_studio.bridge import Bridge, Wishes
from vicinal_label_studio.platform import LabelStudio
from vicinal_label_studio.worker import Worker

CLASSES = ("red", "green", "blue")
COLOURS = {"red": (210, 50, 40), "green": (50, 190, 60), "blue": (40, 60, 200)}
TOKEN = "token-of-a-model"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def config_of(classes=CLASSES):
    choices = "".join(f'<Choice value="{name}"/>' for name in classes)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<Choices name="choice" toName="image">{choices}</Choices></View>'
    )


def region(choice):
    return [{"from_name": "choice", "type": "choices", "value": {"choices": [choice]}}]


def picture(number):
    """A PNG of the colour of class number % 3, no two alike."""
    shade = np.random.default_rng(number).integers(-30, 30, (8, 8, 3))
    pixels = np.clip(np.array(COLOURS[CLASSES[number % 3]]) + shade, 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class LabelStudioModel:
    """What Label Studio is to the bridge: tasks with annotations and predictions. Says of itself no more.

    It sends no webhooks: a test says which of `events` arrive, how often and when.
    """

    def __init__(self):
        self.tasks, self.predictions, self.events = {}, {}, []
        self.config, self.model_version, self.sampling = config_of(), "", "Sequential sampling"
        self.backends = []
        self.away = False
        self.requests = []
        self._ids = itertools.count(1)
        self._clock = itertools.count()

    def now(self):
        return (BEGIN + timedelta(seconds=next(self._clock))).isoformat()

    # What people do.

    def add_task(self, url=None):
        task = next(self._ids)
        self.tasks[task] = {"url": url or f"/data/upload/1/{task}.png", "annotations": {}}
        self.events.append({"action": "TASKS_CREATED", "tasks": [{"id": task}]})
        return task

    def delete_task(self, task):
        del self.tasks[task]
        self.predictions = {key: one for key, one in self.predictions.items() if one["task"] != task}
        self.events.append({"action": "TASKS_DELETED", "tasks": [{"id": task}]})

    def annotate(self, task, user, choice, cancelled=False):
        number = next(self._ids)
        result = (
            [{"from_name": "choice", "type": "choices", "value": {"choices": [choice]}}] if choice else []
        )
        body = {"id": number, "completed_by": user, "result": result, "was_cancelled": cancelled}
        self.tasks[task]["annotations"][number] = body
        self._changed(task, body, "ANNOTATION_CREATED")
        return number

    def change(self, task, annotation, choice):
        body = self.tasks[task]["annotations"][annotation]
        body["result"] = region(choice)
        self._changed(task, body, "ANNOTATION_UPDATED")

    def delete_annotation(self, task, annotation):
        del self.tasks[task]["annotations"][annotation]
        self.events.append({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": annotation}]})

    def _changed(self, task, body, action):
        body["updated_at"] = body["created_at"] = self.now()
        self.events.append({"action": action, "annotation": {**body, "task": task}, "task": {"id": task}})

    def stated(self):
        """(task, annotator) → class, by the rule that the last annotation counts that was not cancelled."""
        found = {}
        for task, body in self.tasks.items():
            for one in sorted(body["annotations"].values(), key=lambda one: one["updated_at"]):
                if one["result"] and not one["was_cancelled"]:
                    chosen = one["result"][0]["value"]["choices"][0]
                    found[f"task-{task}", f"label-studio:{one['completed_by']}"] = chosen
        return found

    # What the API answers.

    def app(self):
        project = "/api/projects/{project:int}"
        routes = [
            (f"{project}/", self._project, ["GET", "PATCH"]),
            (f"{project}/import/predictions", self._import, ["POST"]),
            ("/api/tasks", self._tasks, ["GET"]),
            ("/api/ml", self._ml, ["GET", "POST"]),
            ("/api/predictions/", self._predictions, ["GET"]),
            ("/api/predictions/{prediction:int}/", self._prediction, ["PATCH", "DELETE"]),
            ("/data/upload/1/{task:int}.png", self._picture, ["GET"]),
        ]
        return Starlette(
            routes=[Route(path, self._asked(handler), methods=ways) for path, handler, ways in routes]
        )

    def _asked(self, handler):
        async def answer(request):
            self.requests.append((request.method, request.url.path))
            if self.away:
                return JSONResponse({"detail": "away"}, 503)
            if request.headers.get("authorization") != f"Token {TOKEN}":
                return JSONResponse({"detail": "who?"}, 401)
            return await handler(request)

        return answer

    async def _project(self, request):
        if request.method == "PATCH":
            self.model_version = (await request.json()).get("model_version", self.model_version)
        notes = [one for task in self.tasks.values() for one in task["annotations"].values()]
        cancelled = sum(one["was_cancelled"] for one in notes)
        counts = {"total_annotations_number": len(notes) - cancelled, "skipped_annotations_number": cancelled}
        named = {"id": 1, "title": "model", "label_config": self.config, "model_version": self.model_version}
        return JSONResponse({**named, **counts, "task_number": len(self.tasks)})

    async def _tasks(self, request):
        page, size = int(request.query_params["page"]), int(request.query_params["page_size"])
        chosen = sorted(self.tasks)
        if query := request.query_params.get("query"):
            wanted = set(json.loads(query)["selectedItems"]["included"])
            chosen = [task for task in chosen if task in wanted]
        bodies = [self._task(task) for task in chosen[(page - 1) * size : page * size]]
        return JSONResponse({"tasks": bodies, "total": len(chosen)})

    def _task(self, task):
        annotations = list(self.tasks[task]["annotations"].values())
        return {
            "id": task,
            "data": {"image": self.tasks[task]["url"]},
            "is_labeled": any(not one["was_cancelled"] for one in annotations),
            "annotations": annotations,
            "predictions": [one for one in self.predictions.values() if one["task"] == task],
        }

    async def _import(self, request):
        bodies = await request.json()
        if any(body["task"] not in self.tasks for body in bodies):
            return JSONResponse({"detail": "no such task"}, 400)
        for body in bodies:
            number = next(self._ids)
            self.predictions[number] = {"id": number, **body}
        return JSONResponse({"created": len(bodies)}, 201)

    async def _ml(self, request):
        return JSONResponse(self.backends)

    async def _predictions(self, request):
        task = int(request.query_params["task"])
        return JSONResponse([one for one in self.predictions.values() if one["task"] == task])

    async def _prediction(self, request):
        number = request.path_params["prediction"]
        if number not in self.predictions:
            return JSONResponse({"detail": "no such prediction"}, 404)
        if request.method == "DELETE":
            del self.predictions[number]
            return Response(status_code=204)
        self.predictions[number].update(await request.json())
        return JSONResponse(self.predictions[number])

    async def _picture(self, request):
        return Response(picture(request.path_params["task"]), media_type="image/png")

    def of_version(self, version):
        """task → its predictions of a model version."""
        found = {}
        for one in self.predictions.values():
            if one["model_version"] == version:
                found.setdefault(one["task"], []).append(one)
        return found


class Served:
    """A web server on a thread of its own."""

    def __init__(self, app):
        config = uvicorn.Config(app, "127.0.0.1", 0, log_level="warning")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def close(self):
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def serve_app():
    """Serve an ASGI application over a socket until the session ends: `serve_app(app).url`."""
    with ExitStack() as servers:

        def start(app):
            served = Served(app)
            servers.callback(served.close)
            return served

        yield start


class Relay:
    """One server for all models, since each example of a property has a model of its own."""

    def __init__(self):
        self.app = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def _relay(serve_app):
    relay = Relay()
    return relay, serve_app(relay).url


@pytest.fixture(scope="session")
def new_model(_relay):
    """`model, url = new_model()`: an empty Label Studio, in the place of the one before."""
    relay, url = _relay

    def new():
        model = LabelStudioModel()
        relay.app = model.app()
        return model, url

    return new


class Process:
    """A service of vicinal's; `start` may be called again after `kill`, and gets the same port."""

    def __init__(self, module, folder, client, *arguments):
        self.module, self.folder, self.client, self.arguments = module, folder, client, arguments
        self.port = 0
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        told = self.folder / f"{self.module}.port"
        told.unlink(missing_ok=True)
        flags = ["--port", str(self.port), "--port-file", str(told), *self.arguments]
        with (self.folder / f"{self.module}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *flags], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while not self._is_serving(told):
            assert self.process.poll() is None, f"{self.module} ended"
            assert time.monotonic() < deadline, f"{self.module} does not serve"
            time.sleep(0.02)

    def _is_serving(self, told):
        try:
            self.port = int(told.read_text())
            with self.client(self.address) as client:
                client.wait_until_ready(1)
        except (OSError, ValueError, VicinalError):
            return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    """`graph, embed`: both services, as processes that a test may kill and start again."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    folder = tmp_path_factory.mktemp("services")
    embed = Process("embed_service", folder, EmbedClient, "--encoder", "fashion")
    graph = Process("graph_service", folder, GraphClient, "--data-dir", str(folder / "data"))
    yield graph, embed
    graph.stop()
    embed.stop()


class Rig:
    """A bridge between a model of Label Studio and the services, and the worker that works it."""

    def __init__(self, bridge, graph, platform):
        self.bridge, self.graph, self.platform = bridge, graph, platform
        self.worker = Worker(bridge, compare_every=3600, look_every=3600, settle=0)

    async def settle(self):
        """Work until nothing is left to do."""
        while not self.bridge.is_idle:
            await self.worker.attempt()

    async def survey(self):
        self.bridge.agenda.look_at_all()
        await self.settle()

    async def labels(self):
        found = (await self.graph.list_labels(self.bridge.wishes.dataset)).labels
        return {(one.sample_id, one.annotator): one for one in found}

    async def classes(self):
        return {key: one.class_name for key, one in (await self.labels()).items()}

    async def samples(self):
        return set((await self.graph.list_samples(self.bridge.wishes.dataset)).ids)


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_rig(services, new_model):
    """`with new_rig() as (make, model)`, then in a loop `async with make() as rig`.

    Each `make` is another life of the back end, which remembers nothing of those before. Wishes may be given.
    """
    graph_service, embed_service = services

    @contextmanager
    def new(**wishes):
        model, url = new_model()
        wished = Wishes(1, f"model-{next(_numbers)}", **wishes)

        def make():
            return _rig(wished, url, graph_service.address, embed_service.address)

        yield make, model

    return new


class _rig:  # noqa: N801 (used as a function)
    def __init__(self, wishes, url, graph, embed):
        self.arguments = wishes, url, graph, embed

    async def __aenter__(self):
        wishes, url, graph, embed = self.arguments
        self.platform = await LabelStudio(url, TOKEN).__aenter__()
        self.graph, self.embed = AsyncGraphClient(graph), AsyncEmbedClient(embed)
        bridge = Bridge(wishes, self.platform, self.graph, self.embed)
        bridge.agenda.look_at_all()
        watched = follow(self.graph, wishes.dataset, bridge.table, bridge.agenda.refresh)
        self.following = asyncio.create_task(watched)
        return Rig(bridge, self.graph, self.platform)

    async def __aexit__(self, *_):
        self.following.cancel()
        await asyncio.gather(self.following, return_exceptions=True)
        await self.platform.__aexit__()
        await self.graph.close()
        await self.embed.close()
