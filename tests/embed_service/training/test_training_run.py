"""Whole runs of a tiny transformer: they learn, resume, stop, and share work with other processes."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from embed_service.training.backbones import load_encoder
from embed_service.training.data.order import batch_at
from embed_service.training.data.pictures import HeldPictures
from embed_service.training.loop import run as runs
from embed_service.training.loop.description import Run, read_run, write_run
from embed_service.training.loop.feeder import Feeder
from embed_service.training.loop.metrics import CSV_NAME
from embed_service.training.loop.run import CHECKPOINT, DESCRIPTION, ENCODER, train
from embed_service.training.loop.settings import Watch
from embed_service.training.loop.trainer import Trainer

Describe = Callable[..., Run]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / CSV_NAME).open() as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / CHECKPOINT, weights_only=True)["state"]
    return state["learner"] | {
        f"{number}.{name}": value
        for number, moments in state["optimiser"]["state"].items()
        for name, value in moments.items()
    }


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def interrupting(monkeypatch: pytest.MonkeyPatch, after: int, number: signal.Signals) -> None:
    """Send this process `number` in the middle of step `after`."""
    step = Trainer.step

    def interrupted(trainer: Trainer, done: int):
        if done == after:
            os.kill(os.getpid(), number)
        return step(trainer, done)

    monkeypatch.setattr(Trainer, "step", interrupted)


def test_the_loss_falls_and_nothing_collapses(tmp_path: Path, tiny_run: Describe) -> None:
    outcome = train(tiny_run(steps=150, warm_up=10), tmp_path, quiet=True)
    assert (outcome.done, outcome.finished, outcome.collapsed) == (150, True, False)
    losses = [float(row["loss"]) for row in rows(tmp_path)[1:]]
    assert sum(losses[-20:]) / 20 < 0.6 * sum(losses[:5]) / 5
    assert min(float(row["spread"]) for row in rows(tmp_path)[1:]) > 0.1
    assert outcome.knn is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, tiny_run: Describe, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run = tiny_run(steps=9, warm_up=3, accumulate=2)
    train(run, tmp_path / "unbroken", quiet=True)
    with monkeypatch.context() as patch:
        interrupting(patch, 4, number)
        stopped = train(run, tmp_path / "broken", quiet=True)
    assert (stopped.done, stopped.finished) == (5, False)
    resumed = train(read_run(tmp_path / "broken" / DESCRIPTION), tmp_path / "broken", quiet=True)
    assert (resumed.done, resumed.finished) == (9, True)
    assert_same(weights(tmp_path / "unbroken"), weights(tmp_path / "broken"))
    measured = [
        [{**row, "steps_per_second": ""} for row in rows(tmp_path / name)] for name in ("unbroken", "broken")
    ]
    assert measured[0] == measured[1]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("tau", "same"), [(0.0, True), (0.5, False), (1.0, False)])
def test_the_target_follows_the_online_network(
    tmp_path: Path, tiny_run: Describe, tau: float, same: bool
) -> None:
    # In the first step the schedule stands at tau itself: 0 makes the target a copy, 1 leaves it alone.
    run = tiny_run(steps=1, tau=tau)
    train(run, tmp_path, quiet=True)
    state = weights(tmp_path)
    torch.manual_seed(run.settings.seed)
    begun = runs.build(run.backbone).model.state_dict()
    name = "blocks.0.attn.qkv.weight"
    online, target = state[f"encoder.{name}"], state[f"target_encoder.{name}"]
    assert not torch.equal(online, begun[name])
    assert torch.equal(target, online) == same
    assert torch.equal(target, begun[name]) == (tau == 1.0)


@pytest.fixture
def another_precision() -> Iterator[Callable[[], None]]:
    """Call it before a run of another precision: Accelerate keeps one for the whole process."""
    AcceleratorState._reset_state()
    yield AcceleratorState._reset_state
    AcceleratorState._reset_state()


def test_mixed_precision_leaves_weights_and_their_averages_in_float32(
    tmp_path: Path, tiny_run: Describe, another_precision: Callable[[], None]
) -> None:
    # In bfloat16 a step of 1/4096 of the way would be lost: it has 8 bits.
    tau = 1 - 2**-12
    run = tiny_run(steps=1, tau=tau, precision="bfloat16")
    train(run, tmp_path, quiet=True)
    state = weights(tmp_path)
    assert {tensor.dtype for name, tensor in state.items() if name.endswith("weight")} == {torch.float32}
    torch.manual_seed(run.settings.seed)
    begun = runs.build(run.backbone).model.state_dict()
    name = "blocks.0.attn.qkv.weight"
    online, target = state[f"encoder.{name}"], state[f"target_encoder.{name}"]
    torch.testing.assert_close(target.double(), torch.lerp(begun[name].double(), online.double(), 1 - tau))
    assert not torch.equal(target, begun[name])
    another_precision()
    train(tiny_run(steps=1, tau=tau), tmp_path / "float32", quiet=True)
    losses = [float(rows(folder)[1]["loss"]) for folder in (tmp_path, tmp_path / "float32")]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_held_out_pictures_are_probed_alone(tmp_path: Path, tiny_run: Describe) -> None:
    run = tiny_run(steps=2)
    run = replace(run, images=replace(run.images, held_out=32))
    outcome = train(run, tmp_path, quiet=True)
    assert outcome.knn is not None
    assert outcome.knn * 32 == pytest.approx(round(outcome.knn * 32))
    assert float(rows(tmp_path)[2]["epoch"]) == pytest.approx(2 * 16 / 64)


def test_accumulating_keeps_the_loss_a_mean(tmp_path: Path, tiny_run: Describe) -> None:
    losses = []
    for parts in (1, 2):
        train(tiny_run(steps=1, accumulate=parts), tmp_path / str(parts), quiet=True)
        losses.append(float(rows(tmp_path / str(parts))[1]["loss"]))
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


def test_processes_and_parts_share_a_batch_without_overlap() -> None:
    pictures = HeldPictures(
        torch.arange(40, dtype=torch.uint8).reshape(40, 1, 1, 1).expand(-1, 3, 2, 2), None
    )
    for step in (0, 1, 2, 7):
        shares = []
        for place in range(2):
            feeder = Feeder(pictures, batch=12, seed=5, place=place, processes=2, parts=3)
            shares += feeder.parts(step)
            feeder.close()
        assert [len(part.indices) for part in shares] == [2] * 6
        together = [number for part in shares for number in part.indices.tolist()]
        assert sorted(together) == sorted(batch_at(step, 40, 12, seed=5).indices.tolist())
        for part in shares:
            assert part.pixels[:, 0, 0, 0].tolist() == part.indices.tolist()


def test_pictures_read_when_asked_for_train_as_pictures_in_memory(tmp_path: Path, tiny_run: Describe) -> None:
    run = tiny_run(steps=4)
    train(run, tmp_path / "held", quiet=True)
    train(replace(run, images=replace(run.images, memory_gib=0.0)), tmp_path / "lazy", quiet=True)
    assert_same(weights(tmp_path / "held"), weights(tmp_path / "lazy"))


def test_a_finished_run_is_left_as_it_is(tmp_path: Path, tiny_run: Describe) -> None:
    run = tiny_run(steps=3)
    train(run, tmp_path, quiet=True)
    before = weights(tmp_path), rows(tmp_path)
    described = (tmp_path / DESCRIPTION).stat().st_mtime_ns
    assert train(run, tmp_path, quiet=True).finished
    assert (tmp_path / DESCRIPTION).stat().st_mtime_ns == described
    assert_same(weights(tmp_path), before[0])
    assert rows(tmp_path) == before[1]


def test_what_a_run_leaves(tmp_path: Path, tiny_run: Describe) -> None:
    run = tiny_run(Watch(log_every=2, probe_every=4, probe_images=40, checkpoint_every=3), steps=8)
    train(run, tmp_path, quiet=True)
    assert read_run(tmp_path / DESCRIPTION) == run
    measured = rows(tmp_path)
    assert [row["step"] for row in measured] == ["0", "2", "4", "6", "8"]
    assert [row["step"] for row in measured if row["knn"]] == ["0", "4", "8"]
    assert list(tmp_path.glob("events.out.tfevents.*"))
    encoder = load_encoder(tmp_path / ENCODER)
    assert encoder.spec == run.backbone
    assert encoder.preprocessing.size == 16
    trained = torch.load(tmp_path / CHECKPOINT, weights_only=True)["state"]["learner"]
    for name, tensor in encoder.model.state_dict().items():
        assert torch.equal(tensor, trained[f"encoder.{name}"]), name


def test_an_epoch_takes_every_picture_at_most_once() -> None:
    epochs: dict[int, list[int]] = {}
    for step in range(9):
        batch = batch_at(step, 50, 16, seed=3)
        epochs.setdefault(batch.epoch, []).extend(batch.indices.tolist())
    assert sorted(epochs) == [0, 1, 2]
    for indices in epochs.values():
        assert len(set(indices)) == len(indices) == 48
    assert epochs[0] != epochs[1]
    assert batch_at(0, 50, 16, seed=4).indices.tolist() != epochs[0][:16]


SHARED = """
import sys, torch
from pathlib import Path
from accelerate import PartialState
from embed_service.training.loop import run
from embed_service.training.loop.description import read_run
torch.set_num_threads(1)
made = []
build = run.Trainer
run.Trainer = lambda *given: made.append(build(*given)) or made[-1]
folder = Path(sys.argv[1])
run.train(read_run(folder / "wanted.json"), folder, quiet=True)
torch.save(made[0].learner.state_dict(), folder / f"rank{PartialState().process_index}.pt")
"""


def test_two_processes_share_a_batch_and_agree(
    tmp_path: Path, tiny_run: Describe, pictures_folder: Path
) -> None:
    shutil.copytree(pictures_folder, tmp_path / "pictures")
    (tmp_path / "pictures" / "disc" / "bad.png").write_bytes(b"no picture")
    run = tiny_run(steps=4)
    run = replace(run, images=replace(run.images, folder=str(tmp_path / "pictures")))
    write_run(tmp_path / "wanted.json", run)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARED, str(tmp_path)],
            env=os.environ
            | world
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    assert "".join(said).count("1 images cannot be read") == 1
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    kept = {name for name in first if not name.endswith(buffers)}
    assert_same({name: first[name] for name in kept}, {name: second[name] for name in kept})
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "4"]
