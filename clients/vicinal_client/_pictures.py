"""Encoded images → the input of an encoder that takes no encoded ones. Needs Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal.imaging.decode import decode
from vicinal.imaging.preprocessing import Preprocessing, PreprocessingError
from vicinal.imaging.refusals import ImageRefused
from vicinal.inference.v2.inference_pb2 import ModelMetadataResponse
from vicinal.wire.inference import FLOATS
from vicinal_client._embed_types import EmbedLimits, ImageError
from vicinal_client._exceptions import FailedPrecondition

__all__ = ["Pictures"]


class Pictures:
    """Decodes and preprocesses, by the code that the embedding service runs; for any number of threads.

    Attributes:
        preprocessing_json: the preprocessing, as canonical JSON.
    """

    def __init__(
        self, preprocessing: str, tensor: ModelMetadataResponse.TensorMetadata, limits: EmbedLimits
    ) -> None:
        """Prepare to make what `tensor` takes, by the JSON `preprocessing`.

        Raises:
            FailedPrecondition: MODEL_UNUSABLE, the two do not fit, or the JSON says no preprocessing.
        """
        try:
            self._preprocessing = Preprocessing.from_json(preprocessing)
        except PreprocessingError as error:
            raise FailedPrecondition("MODEL_UNUSABLE", str(error)) from error
        side = self._preprocessing.size
        if any(axis not in (-1, side) for axis in tensor.shape[2:]):
            message = f"the preprocessing's size is {side}, but the model takes {list(tensor.shape)}"
            raise FailedPrecondition("MODEL_UNUSABLE", message)
        self.preprocessing_json = self._preprocessing.to_json()
        self._dtype = FLOATS[tensor.datatype]
        self._limits = limits

    def tensor(self, image: bytes) -> npt.NDArray[Any] | ImageError:
        """Return the encoder's input, (3, size, size), for one encoded image, or why there is none."""
        try:
            pixels = self._preprocessing.resized(decode(image, self._limits))
        except ImageRefused as refusal:
            return ImageError(refusal.reason, refusal.message, {"field": "image", **refusal.metadata})
        tensor: npt.NDArray[Any] = self._preprocessing.normalised(pixels[np.newaxis])[0]
        return np.asarray(tensor, self._dtype)
