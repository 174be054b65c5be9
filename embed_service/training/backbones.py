"""Which vision transformers there are, where their weights come from, and the file that keeps one.

An *encoder checkpoint* (`encoder.pt`) is `torch.save` of
`{"spec": dict, "state": state_dict, "preprocessing": dict}`; the preprocessing is the JSON of
`vicinal.imaging.preprocessing`. It holds plain values and tensors only, so that it loads with
`weights_only=True`: a checkpoint from elsewhere can run no code.
"""

from __future__ import annotations

import difflib
import importlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from embed_service.training.compat import timm
from embed_service.training.errors import TrainingError
from embed_service.training.stem import ConvStem
from vicinal.imaging.preprocessing import Preprocessing, PreprocessingError

__all__ = [
    "PRETRAINED",
    "SCRATCH",
    "BackboneSpec",
    "Encoder",
    "build",
    "load_encoder",
    "save_encoder",
    "spec_of",
]

PRETRAINED = "pretrained"
SCRATCH = "scratch"

_FAMILIES = ("vit_", "beit", "deit", "eva")
# Field of the spec -> timm's name for it.
_OVERRIDES = {
    "image_size": "img_size",
    "patch_size": "patch_size",
    "dimension": "embed_dim",
    "depth": "depth",
    "heads": "num_heads",
    "pool": "global_pool",
}
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class BackboneSpec:
    """A vision transformer of timm's, and what of it is changed; None keeps timm's value.

    Attributes:
        name: of timm: `vit_*` (so also `vit_*_dinov2`), `beit*`, `deit*` or `eva*`.
        image_size: side of the input in pixels, a multiple of the patch size.
        patch_size: side of a patch in pixels.
        dimension: of the features, a multiple of `heads`.
        depth: number of blocks.
        heads: of the attention.
        pool: what the features are: "avg" the patches' mean, "token" the class token.
        stem: "conv" puts convolutions in the place of the patch embedding (see `ConvStem`).
    """

    name: str
    image_size: int | None = None
    patch_size: int | None = None
    dimension: int | None = None
    depth: int | None = None
    heads: int | None = None
    pool: str | None = None
    stem: str | None = None

    def overrides(self) -> dict[str, Any]:
        """Return what is changed, by timm's names."""
        values = asdict(self)
        stem = {"embed_layer": ConvStem} if self.stem == "conv" else {}
        return {
            theirs: values[ours] for ours, theirs in _OVERRIDES.items() if values[ours] is not None
        } | stem


class Encoder(NamedTuple):
    """A backbone that turns float32 (n, 3, size, size), normalised, into features (n, dimension)."""

    spec: BackboneSpec
    model: nn.Module
    preprocessing: Preprocessing


def build(spec: BackboneSpec, weights: str = SCRATCH, fit: str = "crop") -> Encoder:
    """Build the encoder on the CPU, in training mode, with as many outputs as it has features.

    Args:
        spec: which transformer.
        weights: "scratch" (from torch's random state), "pretrained" (timm's, downloaded on first use), or a
            file: an encoder checkpoint, or a checkpoint as timm reads them (.pt, .pth, .safetensors).
        fit: how pictures that are not square become so: "crop" or "stretch" (see `Preprocessing`); an
            encoder checkpoint says so itself.

    Raises:
        TrainingError: timm has no such transformer, the changes do not fit it, or the weights cannot be had
            or do not fill it.
    """
    _check_name(spec.name)
    try:
        model = timm.create_model(
            spec.name, pretrained=weights == PRETRAINED, num_classes=0, **spec.overrides()
        )
    except Exception as error:  # timm and the hub raise whatever comes up
        changes = ", ".join(f"{name} {value}" for name, value in spec.overrides().items())
        hint = "; a file of weights, or scratch, needs no download" if weights == PRETRAINED else ""
        raise TrainingError(
            f"cannot build {spec.name}{changes and f' with {changes}'} ({weights}): {error}{hint}"
        ) from error
    _check_patches(model)
    if weights in (SCRATCH, PRETRAINED):
        return Encoder(spec, model, _preprocessing_of(model, spec.name, fit, weights == PRETRAINED))
    content = _read(Path(weights))
    if _spec_in(content):
        return Encoder(spec, model, _filled(model, content, weights))
    _fill(model, Path(weights))
    return Encoder(spec, model, _preprocessing_of(model, spec.name, fit, pretrained=True))


def save_encoder(path: Path, encoder: Encoder) -> None:
    """Write the encoder checkpoint; `path` holds either the old file or the whole new one.

    Raises:
        OSError: it cannot be written.
    """
    preprocessing = json.loads(encoder.preprocessing.to_json()) | {"name": encoder.preprocessing.name}
    state = {name: tensor.detach().cpu() for name, tensor in encoder.model.state_dict().items()}
    content = {"spec": asdict(encoder.spec), "state": state, "preprocessing": preprocessing}
    partial = path.with_name(f"{path.name}.partial")
    torch.save(content, partial)
    partial.replace(path)


def load_encoder(path: Path) -> Encoder:
    """Read an encoder checkpoint; the model is on the CPU, in evaluation mode.

    Raises:
        TrainingError: there is no such file, or it is no encoder checkpoint.
    """
    content = _read(path)
    spec = _spec_in(content)
    if spec is None:
        raise TrainingError(f"{path} is no encoder checkpoint (encoder.pt), as training writes it")
    model = build(spec, SCRATCH).model
    preprocessing = _filled(model, content, str(path))
    return Encoder(spec, model.eval(), preprocessing)


def spec_of(weights: str) -> BackboneSpec | None:
    """Return which transformer an encoder checkpoint holds; None for all other weights (see `build`).

    Raises:
        TrainingError: it is a file that is not there, or that cannot be read.
    """
    return None if weights in (SCRATCH, PRETRAINED) else _spec_in(_read(Path(weights)))


def _spec_in(content: Mapping[str, Any]) -> BackboneSpec | None:
    known = {field.name for field in fields(BackboneSpec)}
    spec = content.get("spec")
    if not isinstance(spec, dict) or not {"name"} <= set(spec) <= known or "state" not in content:
        return None
    return BackboneSpec(**spec)


def _check_name(name: str) -> None:
    if not name.startswith(_FAMILIES):
        raise TrainingError(
            f"{name} is no vision transformer that can be trained here: vit_*, beit*, deit*, eva*"
        )
    base = name.partition(".")[0]
    if not timm.is_model(base):
        near = ", ".join(difflib.get_close_matches(base, timm.list_models(), n=3))
        raise TrainingError(f"timm {timm.__version__} has no {name}" + (f"; near it: {near}" if near else ""))


def _check_patches(model: nn.Module) -> None:
    patches: Any = model.patch_embed
    size, patch = int(patches.img_size[0]), int(patches.patch_size[0])
    if size % patch:
        raise TrainingError(f"image size {size} is no multiple of patch size {patch}")


def _read(path: Path) -> Mapping[str, Any]:
    """The checkpoint's content; an empty mapping for a file that only timm can read."""
    if not path.is_file():
        raise TrainingError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        return {}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, IndexError) as error:
        raise TrainingError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    return content if isinstance(content, Mapping) else {}


def _filled(model: nn.Module, content: Mapping[str, Any], source: str) -> Preprocessing:
    """Put an encoder checkpoint's weights into `model`; return its preprocessing."""
    try:
        model.load_state_dict(content["state"])
        return Preprocessing.from_json(json.dumps(content["preprocessing"]))
    except (KeyError, RuntimeError, TypeError, PreprocessingError) as error:
        raise TrainingError(f"{source} does not fit the encoder: {error}") from error


def _fill(model: nn.Module, path: Path) -> None:
    """Put a checkpoint of timm's form, or the published form that timm converts, into `model`."""
    family = importlib.import_module(type(model).__module__)
    convert = getattr(family, "checkpoint_filter_fn", None)
    try:
        result = timm.models.load_checkpoint(
            model, str(path), strict=False, filter_fn=convert, weights_only=True
        )
    except Exception as error:  # timm raises whatever comes up
        raise TrainingError(f"{path} does not fit {type(model).__name__}: {error}") from error
    missing = list(getattr(result, "missing_keys", []))
    if missing:
        raise TrainingError(
            f"{path} lacks {len(missing)} weights of the encoder, such as {', '.join(missing[:3])}"
        )


def _preprocessing_of(model: nn.Module, name: str, fit: str, pretrained: bool) -> Preprocessing:
    config = timm.data.resolve_model_data_config(model)
    patches: Any = model.patch_embed
    resize = config["interpolation"] if config["interpolation"] in ("bilinear", "bicubic") else "bicubic"
    mean, std = (tuple(config["mean"]), tuple(config["std"])) if pretrained else (_HALF, _HALF)
    return Preprocessing(int(patches.img_size[0]), resize, fit, mean, std, name)
