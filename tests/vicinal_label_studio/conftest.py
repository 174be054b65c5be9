"""A Label Studio of a few dicts behind real HTTP."""

import itertools
import json
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

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
                    found[f"project-1-task-{task}", f"label-studio:{one['completed_by']}"] = chosen
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
        number = request.path_params["project"]
        named = {"id": number, "title": "model", "label_config": self.config}
        return JSONResponse(
            {**named, **counts, "model_version": self.model_version, "task_number": len(self.tasks)}
        )

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
    """`model, url, token = new_model()`: an empty Label Studio, in the place of the one before."""
    relay, url = _relay

    def new():
        model = LabelStudioModel()
        relay.app = model.app()
        return model, url, TOKEN

    return new
