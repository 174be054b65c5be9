"""A whole Label Studio on SQLite, vicinal's services and the back end between them: each a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from vicinal_client import EmbedClient, GraphClient, VicinalError

EXECUTABLE = os.environ.get("LABEL_STUDIO")
TOKEN = "0123456789abcdef0123456789abcdef01234567"
USER, PASSWORD = "vicinal", "a-password"
CLASSES = ("Ankle-boot", "Bag", "Coat", "Dress", "Pullover")


def pytest_ignore_collect(collection_path, config):
    """There is nothing to test without a Label Studio: `make test-integrations-label_studio` names one."""
    return True if EXECUTABLE is None else None


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


def await_true(condition, seconds=120, what="it"):
    """Return what `condition` returns once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        time.sleep(0.05)


class Process:
    """A process that can be killed and started again with all its descendants, and its log."""

    def __init__(self, folder, name, command, is_up, **environment):
        self.log = folder / f"{name}.log"
        self.command, self.is_up = command, is_up
        self.environment = {**os.environ, **environment}
        self.process = None

    def start(self, wait=True):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            self.wait()
        return self

    def wait(self):
        await_true(self._checked, 300, f"start of {self.log.stem}")

    def _checked(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return self.is_up()
        except (httpx.TransportError, OSError, ValueError, VicinalError):
            return False

    def kill(self):
        """kill -9 the whole group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


class Api:
    """Label Studio's API, as a browser uses it."""

    def __init__(self, url, token=TOKEN):
        self.url = url
        headers = {"Authorization": f"Token {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=120, follow_redirects=True)

    def ask(self, method, path, **arguments):
        response = self.http.request(method, path, **arguments)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json() if response.content else None

    def get(self, path, **params):
        return self.ask("GET", path, params=params)

    def post(self, path, body):
        return self.ask("POST", path, json=body)

    def patch(self, path, body):
        return self.ask("PATCH", path, json=body)

    def tasks(self, project, **query):
        found, page = [], 1
        while True:
            params = {"project": project, "page": page, "page_size": 100, "fields": "all", **query}
            body = self.get("/api/tasks", **params)
            found += body["tasks"]
            if len(found) >= body["total"]:
                return found
            page += 1

    def annotate(self, task, choice):
        return self.post(f"/api/tasks/{task}/annotations/", {"result": choosing(choice)})

    def next(self, project):
        return self.get(f"/api/projects/{project}/next")

    def predictions(self, project, version):
        """task → its prediction of a model version; each has one at most."""
        listed = [
            one for one in self.get("/api/predictions/", project=project) if one["model_version"] == version
        ]
        found = {one["task"]: one for one in listed}
        assert len(found) == len(listed), "a task has two predictions of one version"
        return found


def sign_up(url, email):
    """The API as a new user of the organisation, made as a browser makes one."""
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as browser:
        browser.get("/user/signup")
        form = {
            "email": email,
            "password": "another-password",
            "how_find_us": "",
            "allow_newsletters": "false",
        }
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        browser.post("/user/signup/", data=form, headers={"Referer": f"{url}/user/signup"})
        return Api(url, browser.get("/api/current-user/token").json()["token"])


def choosing(choice):
    value = {"choices": [choice]}
    return [{"from_name": "choice", "to_name": "image", "type": "choices", "value": value}]


def config_of(classes):
    choices = "".join(f'<Choice value="{name}"/>' for name in classes)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<Choices name="choice" toName="image" choice="single">{choices}</Choices></View>'
    )


@pytest.fixture(scope="session")
def patient():
    """`patient(condition, seconds, what)`: wait until it is true."""
    return await_true


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("label-studio")


@pytest.fixture(scope="session")
def platform(folder):
    """Label Studio, started; `.api` asks it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (folder / "data").mkdir()
    account = ["--username", "ann@example.org", "--password", "a-password", "--user-token", TOKEN]
    process = Process(
        folder,
        "label-studio",
        [EXECUTABLE, "start", "--internal-host", "127.0.0.1", "--port", str(port), "--no-browser", *account],
        lambda: httpx.get(f"{url}/health", timeout=5).is_success,
        # Loopback addresses of the back end are allowed, and nothing is sent to anybody.
        SSRF_PROTECTION_ENABLED="false",
        ML_BLOCK_LOCAL_IP="false",
        LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN="true",
        LABEL_STUDIO_BASE_DATA_DIR=str(folder / "data"),
        LABEL_STUDIO_HOST=url,
        COLLECT_ANALYTICS="False",
        LATEST_VERSION_CHECK="False",
    )
    process.api = Api(url)
    process.sign_up = lambda email: sign_up(url, email)
    yield process.start()
    process.stop()


def service(folder, module, client, *arguments):
    port = free_port()
    address = f"127.0.0.1:{port}"

    def is_up():
        with client(address) as one:
            one.wait_until_ready(1)
        return True

    command = [sys.executable, "-m", module, "--port", str(port), *arguments]
    process = Process(folder, module, command, is_up)
    process.address = address
    return process


@pytest.fixture(scope="session")
def graph(folder):
    process = service(folder, "graph_service", GraphClient, "--data-dir", str(folder / "graph"))
    yield process.start()
    process.stop()


@pytest.fixture(scope="session")
def embed(folder):
    process = service(folder, "embed_service", EmbedClient, "--encoder", "fashion")
    yield process.start()
    process.stop()


@pytest.fixture(scope="session")
def start_back_end(folder, platform, graph, embed):
    """`start_back_end(project, *flags)`: `vicinal label-studio serve`, with `.connect()` and `.status()`."""
    running = []

    def start(project, *flags):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        base = [sys.executable, "-m", "vicinal_cli", "label-studio"]
        environment = {
            "LABEL_STUDIO_URL": platform.api.url,
            "LABEL_STUDIO_TOKEN": TOKEN,
            "VICINAL_GRAPH": graph.address,
            "VICINAL_EMBED": embed.address,
            "VICINAL_PASSWORD": PASSWORD,
        }
        serve = [*base, "serve", "--project", str(project), "--port", str(port), "--look-every", "3", *flags]
        is_up = lambda: httpx.get(f"{url}/health", timeout=5).is_success  # noqa: E731
        process = Process(folder, f"back-end-{project}", serve, is_up, **environment)

        def connect():
            command = [*base, "connect", "--project", str(project), "--backend", url]
            subprocess.run(command, env=process.environment, check=True, timeout=120)

        def status():
            return httpx.get(f"{url}/status", auth=(USER, PASSWORD), timeout=30).json()

        process.url, process.connect, process.status = url, connect, status
        running.append(process)
        return process.start()

    yield start
    for process in running:
        process.stop()


@pytest.fixture(scope="session")
def images(folder):
    """The project's own images of five classes: (file, class), in an order that is always the same."""
    from vicinal_cli.demo.sample import unpack

    unpack(folder / "images")
    found = [(path, path.parent.name) for name in CLASSES for path in (folder / "images" / name).iterdir()]
    return sorted(found, key=lambda pair: pair[0].name)


class ProjectUnderTest:
    """A project with images of the sample, whose true classes are known."""

    def __init__(self, api, images, title):
        self.api = api
        made = api.post("/api/projects/", {"title": title, "label_config": config_of(CLASSES)})
        self.id = made["id"]
        self.truth = {path.name: name for path, name in images}
        for start in range(0, len(images), 100):
            part = images[start : start + 100]
            files = [(path.name, (path.name, path.read_bytes(), "image/png")) for path, _ in part]
            api.ask("POST", f"/api/projects/{self.id}/import", files=files)
        self.classes = {task["id"]: self.class_of(task) for task in api.tasks(self.id)}

    def class_of(self, task):
        """The true class, by the name of the file, before which Label Studio puts eight digits."""
        return self.truth[Path(task["data"]["image"]).name.split("-", 1)[1]]

    def sample(self, task):
        return f"project-{self.id}-task-{task}"

    def stated(self):
        """(sample, annotator) → class, as Label Studio has it."""
        found = {}
        for task in self.api.tasks(self.id):
            for one in sorted(task["annotations"], key=lambda one: one["updated_at"]):
                if one["result"] and not one["was_cancelled"]:
                    user = one["completed_by"]
                    user = user["id"] if isinstance(user, dict) else user
                    chosen = one["result"][0]["value"]["choices"][0]
                    found[self.sample(task["id"]), f"label-studio:{user}"] = chosen
        return found


@pytest.fixture(scope="session")
def new_project(platform, images):
    """`new_project(count, title)`: a project of so many images."""
    return lambda count, title: ProjectUnderTest(platform.api, images[:count], title)


@pytest.fixture(scope="session")
def labels_of(graph):
    """`labels_of(dataset)`: (sample, annotator) → label, as vicinal has it."""

    def read(dataset):
        with GraphClient(graph.address, timeout=60) as client:
            labels = client.list_labels(dataset).labels
        found = {(one.sample_id, one.annotator): one for one in labels}
        assert len(found) == len(labels), "a label is there twice"
        return found

    return read


@pytest.fixture(scope="session")
def settled():
    """`settled(back_end)`: wait until it has nothing left to do, and return its status."""

    def wait(back_end, seconds=240):
        quiet = []

        def is_quiet():
            status = back_end.status()
            quiet.append(status["working"] is None and status["trouble"] is None)
            return status if quiet[-4:] == [True] * 4 else None

        return await_true(is_quiet, seconds, "rest of the back end")

    return wait
