"""Services that `vicinal up` starts, with a tiny real encoder, and the command line as a process."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from vicinal_cli.main import main

SIDE, DIMENSION = 8, 16
PREPROCESSING = (
    '{"size": 8, "resize": "bilinear", "fit": "stretch", '
    '"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "name": "tiny"}'
)
COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 60), "red": (210, 50, 40)}
MARK = "VICINAL_TEST_MARK"


class Running:
    """`vicinal up` as a process in an empty folder, with what comes of it.

    Its processes are known by a mark in their environment; the store, which writes its title over that, by
    the folder that it runs in.
    """

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        ports = ("--embed-port", "0", "--graph-port", "0", "--no-page")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vicinal_cli", "up", *ports, *arguments],
            cwd=folder,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def addresses(self):
        """What `up` prints once both services are SERVING, as environment variables."""
        lines = [self.process.stdout.readline().strip() for _ in range(2)]
        assert all(line.startswith("export ") for line in lines), self.process.communicate(timeout=30)
        return dict(line.removeprefix("export ").split("=") for line in lines)

    def living(self):
        """Process id → command line of every process that comes of it and is not over."""
        return living(self.mark, self.folder)

    def gone(self, patience=30):
        """Whether all of them end in time."""
        deadline = time.monotonic() + patience
        while self.living() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.living()

    def stop(self, number=signal.SIGTERM):
        """Send the signal; return the exit status and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


def living(mark, folder):
    """Process id → command line of every process that has the mark or runs somewhere in the folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={mark}".encode() in (entry / "environ").read_bytes()
            if marked or (entry / "cwd").readlink().is_relative_to(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it is over, or not ours
            continue
    return found


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """The file of a tiny encoder."""
    return linear_encoder(tmp_path_factory.mktemp("encoder") / "tiny.onnx", PREPROCESSING, seed=5)


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory):
    """A folder with another encoder, `other.onnx`, which calls itself "other"."""
    folder = tmp_path_factory.mktemp("encoders")
    linear_encoder(folder / "other.onnx", PREPROCESSING.replace('"tiny"', '"other"'), seed=6)
    return folder


def linear_encoder(path, preprocessing, seed):
    """Write an encoder that is a random linear map of 8 × 8 pixels."""
    weights = np.random.default_rng(seed).normal(size=(3 * SIDE * SIDE, DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIMENSION])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"vicinal.preprocessing": preprocessing})
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with a sub-folder for each of three colours, thirty pictures in each."""
    return paint(tmp_path_factory.mktemp("pictures"), 30)


def paint(root, count, seed=0):
    """Write `count` noisy pictures of each colour to a sub-folder of its name."""
    random = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for i in range(count):
            pixels = np.clip(random.normal(colour, 30, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    return root


@pytest.fixture(scope="session")
def addresses(encoder, encoder_folder, tmp_path_factory):
    """The environment that tells the command line where a pair of services is."""
    flags = ("--encoder", str(encoder), "--encoder-folder", str(encoder_folder))
    running = Running(tmp_path_factory.mktemp("pair"), *flags)
    try:
        yield running.addresses()
    finally:
        running.stop()


@pytest.fixture
def vicinal(addresses, tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder, on this session's services, without a process of its own.

    `vicinal("status")` → what it said, after a check of the exit status.
    """
    monkeypatch.chdir(tmp_path)
    for name, value in addresses.items():
        monkeypatch.setenv(name, value)

    def run(*arguments, fails=False):
        monkeypatch.setattr(sys, "argv", ["vicinal", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == (1 if fails else 0), said.err
        assert ("error: " in said.err) == fails, said.err
        return SimpleNamespace(stdout=said.out, stderr=said.err)

    return run


@pytest.fixture(name="living")
def living_fixture():
    """The function `living`, for tests that start processes themselves."""
    return living


@pytest.fixture
def run_cli(tmp_path):
    """Run the command line as a process in an empty folder, without services; nothing of it may be left."""

    def run(*arguments, fails=False, environment=None):
        mark = uuid.uuid4().hex
        done = subprocess.run(
            [sys.executable, "-m", "vicinal_cli", *map(str, arguments)],
            env={**os.environ, **(environment or {}), MARK: mark},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == (1 if fails else 0), done.stderr
        assert ("error: " in done.stderr) == fails, done.stderr
        assert not living(mark, tmp_path)
        return done

    return run


@pytest.fixture
def start_up(tmp_path):
    """Start `vicinal up` in this test's folder; whatever the test leaves of it is killed."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("processes are looked for in /proc")
    started = []

    def start(*arguments):
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for running in started:
        for pid in running.living():
            os.kill(pid, signal.SIGKILL)
        running.process.communicate()
