"""`python -m embed_service` as a process: start, stop, refusals to start."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
import pytest

from embed_service.__main__ import main
from embed_service.starter import STARTER_ENCODER
from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc


@pytest.fixture
def service(tiny: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port, once it serves."""
    command = [sys.executable, "-m", "embed_service", "--encoder", str(tiny)]
    command += ["--port", "0", "--port-file", str(tmp_path / "port")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "serving on 127.0.0.1:" in line:
                break
        port = int((tmp_path / "port").read_text())
        assert line.rstrip().endswith(f"serving on 127.0.0.1:{port}")
        yield process, port
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_in_good_order(
    service: tuple[subprocess.Popen[str], int], tmp_path: Path, pngs: list[bytes], number: signal.Signals
) -> None:
    process, port = service
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
        assert len(stub.Embed(embed_pb2.EmbedRequest(images=pngs[:3])).results) == 3
        process.send_signal(number)
        assert process.wait(30) == 0
        with pytest.raises(grpc.RpcError) as caught:
            stub.Embed(embed_pb2.EmbedRequest(images=pngs[:3]))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_open_streams_do_not_hold_the_stop_up(
    service: tuple[subprocess.Popen[str], int], pngs: list[bytes]
) -> None:
    """A stream that goes on sending is told SHUTTING_DOWN; the stop need not wait for its grace time."""
    process, port = service

    def endless() -> Iterator[embed_pb2.StreamEmbedRequest]:
        while True:
            yield embed_pb2.StreamEmbedRequest(image=pngs[0])
            time.sleep(0.01)

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answers = embed_pb2_grpc.EmbeddingServiceStub(channel).StreamEmbed(endless())
        assert next(answers).HasField("embedding")
        process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as caught:
            list(answers)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "stopping" in caught.value.details()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "onnxruntime-gpu"),
        (["--device", "tensorrt", "--float16"], "no TensorRT"),
        (["--encoder", str(STARTER_ENCODER), "--max-models", "1"], "at most 1 may be loaded"),
        (["--encoder", "missing.onnx"], "cannot read the encoder"),
        (["--max-images", "300"], "never fit"),
        (["--max-image-bytes", "99999999"], "could not be sent"),
        (["--max-queue-bytes", "5"], "one message"),
        (["--host", "no such host"], "cannot listen"),
    ],
)
def test_it_refuses_to_start_with_a_clear_message(
    tiny: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["--encoder", str(tiny), "--port", "0", *arguments]) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "flag", ["--max-queue=0", "--port=-1", "--grace=nan", "--decoders=x", "--device=tpu", "--max-wait=-1"]
)
def test_impossible_flags_are_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([flag])
    assert flag.split("=")[0] in capsys.readouterr().err


def test_encoder_that_cannot_run_ends_the_process(
    tmp_path: Path, build_model: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_model()
    table = next(tensor for tensor in model.graph.initializer if tensor.name == "table")
    table.CopyFrom(onnx.numpy_helper.from_array(np.zeros((0, 16), dtype=np.float32), "table"))
    onnx.save(model, tmp_path / "bad.onnx")
    assert main(["--encoder", str(tmp_path / "bad.onnx"), "--port", "0"]) == 1
    assert "does not run" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["torch", "onnx", "graph_service", "vicinal_client"])
def test_serving_needs_no(module: str) -> None:
    code = f"import embed_service.__main__, sys; assert {module!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
