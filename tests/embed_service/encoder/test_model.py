"""Loading, refusing and running ONNX encoders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from embed_service.encoder.describe import main as describe
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder, sidecar_of
from embed_service.starter import STARTER_ENCODER

Build = Callable[..., Any]

SIDECAR = '{"size": 8, "resize": "bilinear", "fit": "stretch", "mean": [0.5,0.5,0.5], "std": [0.5,0.5,0.5]}'


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(model: Any, sidecar: str | None = None) -> Path:
        path = tmp_path / "my encoder.onnx"
        onnx.save(model, path)
        if sidecar is not None:
            sidecar_of(path).write_text(sidecar)
        return path

    return save


def test_vectors_are_right_and_alike_in_any_batch(tiny: Path, pictures: Any, expected: Any) -> None:
    encoder = Encoder(tiny, device="cpu")
    inputs = list(encoder.preprocessing.normalised(pictures))
    together = encoder.embed(inputs)
    assert together.dtype == np.float32
    assert together.shape == (len(pictures), encoder.dimension)
    np.testing.assert_allclose(together, [expected(picture) for picture in pictures], atol=1e-5)
    alone = np.concatenate([encoder.embed([ready]) for ready in inputs])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_what_it_says_of_itself(tiny: Path) -> None:
    encoder = Encoder(tiny)
    assert (encoder.name, encoder.dimension, encoder.provider) == ("tiny", 16, "CPUExecutionProvider")
    data = tiny.read_bytes() + encoder.preprocessing.to_json().encode()
    assert encoder.digest == hashlib.sha256(data).hexdigest()


def test_sidecar_serves_as_well_and_changes_the_digest(save: Any, build_model: Build) -> None:
    path = save(build_model(metadata=None), SIDECAR)
    encoder = Encoder(path)
    assert encoder.name == "my encoder"
    sidecar_of(path).write_text(SIDECAR.replace("bilinear", "lanczos"))
    assert Encoder(path).digest != encoder.digest
    sidecar_of(path).write_text(SIDECAR.replace("{", '{"name": "other",'))
    assert Encoder(path).digest == encoder.digest


def test_without_preprocessing_it_is_refused_and_told_how(save: Any, build_model: Build) -> None:
    path = save(build_model(metadata=None))
    with pytest.raises(EncoderError, match=r"encoder\.describe .*my encoder\.onnx --size"):
        Encoder(path)


def test_two_opinions_must_agree(save: Any, build_model: Build) -> None:
    assert Encoder(save(build_model(), SIDECAR)).name == "tiny"
    with pytest.raises(EncoderError, match="differs"):
        Encoder(save(build_model(), SIDECAR.replace("stretch", "crop")))


def test_preprocessing_that_is_no_text(save: Any, build_model: Build) -> None:
    path = save(build_model())
    sidecar_of(path).write_bytes(b"\xff")
    with pytest.raises(EncoderError, match=r"cannot read the preprocessing of .*utf-8"):
        Encoder(path)
    sidecar_of(path).unlink()
    path.write_bytes(path.read_bytes().replace(b'"name": "tiny"', b'"name": "tin\xff"'))
    with pytest.raises(EncoderError, match=r"cannot read the preprocessing of .*utf-8"):
        Encoder(path)


def test_open_dimension_is_measured(save: Any, build_model: Build) -> None:
    model = build_model()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "d"
    assert Encoder(save(model)).dimension == 16


def test_open_sides_are_no_hindrance(save: Any, build_model: Build) -> None:
    assert Encoder(save(build_model(size="side"))).dimension == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 1}, "dynamic first axis"),
        ({"metadata": SIDECAR.replace('"size": 8', '"size": 9')}, r"expected tensor.* \[n, 3, 9, 9\]"),
        ({"metadata": '{"size": 8}'}, "lacks resize"),
        ({"metadata": "x"}, "not JSON"),
    ],
)
def test_encoders_that_do_not_fit(
    save: Any, build_model: Build, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(EncoderError, match=message):
        Encoder(save(build_model(**arguments)))


def test_more_outputs_than_one(save: Any, build_model: Build) -> None:
    model = build_model()
    model.graph.output.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", 3, 2, 2]))
    with pytest.raises(EncoderError, match="2 outputs"):
        Encoder(save(model))


def test_output_of_another_rank(save: Any, build_model: Build) -> None:
    model = build_model()
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", 3, 2, 2]))
    with pytest.raises(EncoderError, match=r"expected tensor.* \[n, dimension\]"):
        Encoder(save(model))


def test_no_file_and_no_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="cannot read"):
        Encoder(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(EncoderError, match="no encoder that ONNX Runtime can load"):
        Encoder(tmp_path / "bad.onnx")


def test_weights_in_other_files_would_escape_the_digest(
    tmp_path: Path, build_model: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outside.onnx"
    onnx.save(build_model(), path, save_as_external_data=True, location="weights", size_threshold=0)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderError, match="External data"):
        Encoder(path)


def test_gpu_demanded_but_absent(tiny: Path) -> None:
    with pytest.raises(EncoderError, match="onnxruntime-gpu"):
        Encoder(tiny, device="gpu")


def test_gpu_build_that_falls_back_is_noticed(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A GPU build on a machine without CUDA lists the provider and then quietly serves on the CPU."""
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(EncoderError, match="could not"),
    ):
        Encoder(tiny, device="gpu")
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        assert Encoder(tiny, device="auto").provider == "CPUExecutionProvider"
    assert "serving on the CPU" in caplog.text


def test_probe_notices_useless_vectors(save: Any, build_model: Build) -> None:
    model = build_model()
    for tensor in model.graph.initializer:
        if tensor.name == "weights":
            tensor.raw_data = bytes(len(tensor.raw_data))
    with pytest.raises(EncoderError, match="zero or non-finite"):
        Encoder(save(model)).probe()


def test_describe_writes_and_shows(save: Any, build_model: Build, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(build_model(metadata=None))
    assert describe([str(path)]) == 1
    assert "nothing of its preprocessing" in capsys.readouterr().err
    assert describe([str(path), "--size", "8", "--fit", "crop", "--name", "mine"]) == 0
    shown = capsys.readouterr().out
    encoder = Encoder(path)
    assert (encoder.name, encoder.preprocessing.fit, encoder.preprocessing.size) == ("mine", "crop", 8)
    assert encoder.digest in shown
    assert describe([str(path)]) == 0
    assert describe([str(path), "--size", "0"]) == 1
    assert "size is 0" in capsys.readouterr().err
    assert describe([str(path), "--size", "8", "--std", "nan", "1", "1"]) == 1
    assert "std is [nan" in capsys.readouterr().err
    assert Encoder(path).digest == encoder.digest


def test_starter_encoder_serves() -> None:
    encoder = Encoder(STARTER_ENCODER, device="cpu")
    encoder.probe(3)
    side = encoder.preprocessing.size
    pictures = np.random.default_rng(3).integers(0, 256, (5, side, side, 3), dtype=np.uint8)
    batch = list(encoder.preprocessing.normalised(pictures))
    together = encoder.embed(batch)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(together[3:4], encoder.embed(batch[3:4]))
