"""Float16, batches of fixed sizes through bound buffers, and which providers are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from PIL import Image

from embed_service.encoder.bound import BoundRuns
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder
from embed_service.encoder.session import Hardware

ALL = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def in_float16(model: Any, *, inputs: bool = True, outputs: bool = True) -> Any:
    """The model with inputs, outputs or both in float16; what is between them stays as it is."""
    graph = model.graph
    if inputs:
        graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
        cast = onnx.helper.make_node("Cast", ["image"], ["image32"], to=TensorProto.FLOAT)
        for node in graph.node:
            node.input[:] = ["image32" if name == "image" else name for name in node.input]
        graph.node.insert(0, cast)
    if outputs:
        graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
        for node in graph.node:
            node.output[:] = ["features32" if name == "features" else name for name in node.output]
        graph.node.append(onnx.helper.make_node("Cast", ["features32"], ["features"], to=TensorProto.FLOAT16))
    return model


@pytest.mark.parametrize(("inputs", "outputs"), [(True, True), (True, False), (False, True)])
def test_float16_encoders_serve(
    tmp_path: Path,
    build_model: Callable[..., Any],
    pictures: Any,
    expected: Any,
    inputs: bool,
    outputs: bool,
) -> None:
    onnx.save(in_float16(build_model(), inputs=inputs, outputs=outputs), tmp_path / "half.onnx")
    encoder = Encoder(tmp_path / "half.onnx", device="cpu")
    assert encoder.input_type == (np.float16 if inputs else np.float32)
    ready = [encoder.input_of(Image.fromarray(picture)) for picture in pictures[:9]]
    assert {(one.dtype, one.shape) for one in ready} == {(encoder.input_type, encoder.input_shape)}
    vectors = encoder.embed(ready)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosine = (vectors * [expected(picture) for picture in pictures[:9]]).sum(axis=1)
    assert cosine.min() > 0.9999
    # Callers of other protocols send float32 whatever the file takes.
    np.testing.assert_allclose(encoder.embed([one.astype(np.float32) for one in ready]), vectors, atol=1e-3)


def test_other_types_are_refused(tmp_path: Path, build_model: Callable[..., Any]) -> None:
    model = in_float16(build_model())
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    onnx.save(model, tmp_path / "double.onnx")
    with pytest.raises(EncoderError, match=r"takes tensor\(double\)"):
        Encoder(tmp_path / "double.onnx", device="cpu")


@pytest.mark.parametrize("half", [False, True])
def test_bound_runs_give_what_plain_runs_give(
    tmp_path: Path, build_model: Callable[..., Any], pictures: Any, half: bool
) -> None:
    """In any order of sizes, more or less filled; what is left in a buffer changes nothing."""
    path = tmp_path / "tiny.onnx"
    onnx.save(in_float16(build_model()) if half else build_model(), path)
    encoder = Encoder(path, device="cpu")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    runs = BoundRuns(session, shape=encoder.input_shape, kind=encoder.input_type, device="cpu")
    ready = [encoder.input_of(Image.fromarray(picture)) for picture in pictures]
    random, kept = np.random.default_rng(4), []
    for _ in range(30):
        size = int(2 ** random.integers(0, 5))
        first = int(random.integers(0, 60))
        some = ready[first : first + int(random.integers(1, size + 1))]
        (plain,) = session.run(None, {encoder.input_name: np.stack(some)})
        features = runs.run(some, size)[: len(some)]
        np.testing.assert_allclose(features, plain, rtol=1e-3 if half else 1e-6)
        kept.append((features, plain.copy()))
    for features, plain in kept:  # a later run does not write into what an earlier one gave
        np.testing.assert_allclose(features, plain, rtol=1e-3 if half else 1e-6)


def test_an_encoder_that_pads_gives_the_same_vectors(tiny: Path, pictures: Any) -> None:
    plain, padded = Encoder(tiny, device="cpu"), Encoder(tiny, device="cpu")
    padded.padded = True
    padded.probe(4)
    ready = [plain.input_of(Image.fromarray(picture)) for picture in pictures[:5]]
    for count, size in ((1, 1), (3, 4), (5, 8), (2, 8), (4, 4)):
        np.testing.assert_allclose(padded.embed(ready[:count], size), plain.embed(ready[:count]), atol=1e-6)


def test_a_picture_that_cannot_be_run_is_not_what_later_batches_are_filled_up_with(
    tiny: Path, pictures: Any
) -> None:
    encoder = Encoder(tiny, device="cpu")
    encoder.padded = True
    good = encoder.input_of(Image.fromarray(pictures[0]))
    with pytest.raises(Exception, match="Gather"):
        encoder.embed([good, good, np.ones_like(good)], 4)
    assert encoder.embed([good], 4).any()


@pytest.mark.parametrize("padded", [False, True])
def test_an_output_that_does_not_grow_with_its_input_is_noticed(tmp_path: Path, padded: bool) -> None:
    image = onnx.helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])
    features = onnx.helper.make_tensor_value_info("features", TensorProto.FLOAT, ["m", 8])
    nodes = [onnx.helper.make_node("ReduceMean", ["image"], ["features"], axes=[0, 2], keepdims=0)]
    graph = onnx.helper.make_graph(nodes, "flat", [image], [features])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    form = '{"size": 8, "resize": "bilinear", "fit": "stretch", "mean": [0, 0, 0], "std": [1, 1, 1]}'
    onnx.helper.set_model_props(model, {"vicinal.preprocessing": form})
    onnx.save(model, tmp_path / "flat.onnx")
    encoder = Encoder(tmp_path / "flat.onnx", device="cpu")
    encoder.padded = padded
    with pytest.raises(EncoderError, match=r"shape \([36], 8\), expected \([24], 8\)"):
        encoder.embed(list(np.ones((2, 3, 8, 8), np.float32)), 4)


def names(hardware: Hardware) -> list[str]:
    return [name for name, _ in hardware.providers()]


def test_providers_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ALL)
    assert names(Hardware("cpu")) == []
    for device in ("auto", "gpu", "cuda"):
        assert names(Hardware(device)) == ["CUDAExecutionProvider"]
    assert names(Hardware("tensorrt")) == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    (_, options), _ = Hardware("tensorrt", float16=True, engines=tmp_path / "engines").providers()
    assert options["trt_fp16_enable"] is True
    assert options["trt_engine_cache_path"] == str(tmp_path / "engines")
    assert (tmp_path / "engines").is_dir()
    (_, options), _ = Hardware("tensorrt").providers()
    assert not any("cache" in name for name in options)


@pytest.mark.parametrize(("device", "missing"), [("gpu", "CUDA"), ("cuda", "CUDA"), ("tensorrt", "TensorRT")])
def test_what_is_demanded_and_absent_is_named(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, device: Any, missing: str
) -> None:
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"] if missing == "TensorRT" else ALL[2:]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: available)
    with pytest.raises(EncoderError, match=f"has no {missing}"):
        Encoder(tiny, device=device)


def test_without_cuda_auto_takes_the_cpu() -> None:
    assert Hardware("auto").providers() == []


def test_cuda_is_looked_for_where_pip_puts_it_and_only_if_wanted(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("onnxruntime.preload_dlls", lambda: loaded.append("CUDA"))
    Encoder(tiny, device="cpu")
    assert not loaded
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ALL)
    with pytest.raises(EncoderError):  # this ONNX Runtime has no CUDA after all
        Encoder(tiny, device="cuda")
    assert loaded == ["CUDA"]
