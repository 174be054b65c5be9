"""What /predict of the Label Studio back end costs beside an echo of the same web server.

    python tests/benchmarks/label_studio_predict.py [--samples 10000] [--tasks 100] [--rounds 300]

The back end runs over a real graph service with random vectors and a Label Studio that is a table in memory.
Three requests take turns over one connection: an echo of a few bytes, one that takes and gives as many bytes
as /predict does, and /predict. What is left of /predict beyond the second is told in units of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from starlette.responses import Response
from starlette.routing import Route

from vicinal_cli.up.alone import graph_alone
from vicinal_client import AsyncEmbedClient, AsyncGraphClient, GraphClient
from vicinal_label_studio.app import make_app
from vicinal_label_studio.beliefs import follow
from vicinal_label_studio.bridge import Bridge, Wishes
from vicinal_label_studio.guard import Guard
from vicinal_label_studio.objects import SampleNames
from vicinal_label_studio.platform import LabelStudio

CLASSES = [f"class-{number}" for number in range(10)]
DATASET = "predict"
NAMES = SampleNames(1)
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="choice" toName="image">'
    + "".join(f'<Choice value="{name}"/>' for name in CLASSES)
    + "</Choices></View>"
)


def fill(address: str, samples: int) -> None:
    """Make a dataset of random clusters, with a few labels."""
    rng = np.random.default_rng(3)
    truth = np.arange(samples) % len(CLASSES)
    vectors = rng.normal(size=(len(CLASSES), 64))[truth] + rng.normal(size=(samples, 64))
    with GraphClient(address, timeout=600) as client:
        client.create_dataset(DATASET, dimension=64, classes=CLASSES)
        client.add_samples(DATASET, [NAMES.of(number + 1) for number in range(samples)], vectors)
        client.add_labels(DATASET, {NAMES.of(number + 1): CLASSES[truth[number]] for number in range(100)})
        client.propagate(DATASET)


def label_studio(samples: int) -> httpx.MockTransport:
    """A Label Studio with so many tasks, as a table."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/tasks":
            page, size = (int(request.url.params[key]) for key in ("page", "page_size"))
            numbers = range((page - 1) * size + 1, min(page * size, samples) + 1)
            tasks = [{"id": number, "data": {"image": "/data/x.png"}} for number in numbers]
            return httpx.Response(200, json={"tasks": tasks, "total": samples})
        if request.url.path == "/api/projects/1/":
            project = {"id": 1, "label_config": CONFIG, "task_number": samples}
            return httpx.Response(200, json=project)
        return httpx.Response(200, json=[])

    return httpx.MockTransport(answer)


class BackEnd:
    """The back end on a thread of its own, with two echoes beside its routes."""

    def __init__(self, graph: str, samples: int) -> None:
        self.small, self.large = b"{}", b""
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(graph, samples)), daemon=True)
        self._thread.start()
        self._ready.wait()

    async def _serve(self, graph: str, samples: int) -> None:
        platform = LabelStudio("http://label-studio", "token", transport=label_studio(samples))
        async with platform, AsyncGraphClient(graph) as client, AsyncEmbedClient("127.0.0.1:9") as embed:
            bridge = Bridge(Wishes(1, DATASET), platform, client, embed)
            watching = asyncio.create_task(follow(client, DATASET, bridge.table, lambda: None))
            while bridge.is_surveying or not bridge.status.surveys:
                await bridge.survey_step()
            await bridge.table.reach(1, 60)

            @asynccontextmanager
            async def ready():
                yield

            app = make_app(bridge, Guard("", None, ""), lifespan=ready)
            app.router.routes += [Route("/small", self._small, methods=["POST"])]
            app.router.routes += [Route("/large", self._large, methods=["POST"])]
            server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="warning"))
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            self._ready.set()
            await serving
            watching.cancel()

    async def _small(self, request) -> Response:
        return Response(await request.body(), media_type="application/json")

    async def _large(self, request) -> Response:
        await request.body()
        return Response(self.large, media_type="application/json")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, graph_alone(Path(folder)) as address:
        fill(address, options.samples)
        back_end = BackEnd(address, options.samples)
        rng = np.random.default_rng(4)
        chosen = rng.choice(options.samples, options.tasks, replace=False) + 1
        task = {"data": {"image": "/data/upload/1/c51bcd4d-2165.png"}, "annotations": [], "predictions": []}
        body = json.dumps(
            {
                "tasks": [{"id": int(one), **task} for one in chosen],
                "project": "1.1795",
                "label_config": CONFIG,
            }
        ).encode()
        with httpx.Client(base_url=back_end.url, timeout=60) as client:
            answered = client.post("/predict", content=body)
            results = answered.json()["results"]
            assert len(results) == options.tasks
            assert all(one["result"] for one in results)
            back_end.large = answered.content
            requests = {"/small": b"{}", "/large": body, "/predict": body}
            seconds: dict[str, list[float]] = {path: [] for path in requests}
            for _ in range(options.rounds):
                for path, content in requests.items():
                    begun = time.perf_counter()
                    client.post(path, content=content).raise_for_status()
                    seconds[path].append(time.perf_counter() - begun)
    median = {path: statistics.median(times) * 1000 for path, times in seconds.items()}
    print(f"{options.tasks} tasks, {options.samples} samples, medians of {options.rounds} rounds in turns:")
    print(f"  echo                         {median['/small']:.2f} ms")
    print(f"  echo of as many bytes        {median['/large']:.2f} ms")
    print(f"  /predict                     {median['/predict']:.2f} ms")
    print(f"  bytes in and out             {len(body)}, {len(back_end.large)}")
    beyond = (median["/predict"] - median["/large"]) / median["/small"]
    print(f"  /predict beyond its transfer {beyond:.1f} echoes")


if __name__ == "__main__":
    main()
