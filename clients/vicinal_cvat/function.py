"""vicinal as a CVAT auto-annotation function.

    cvat-cli task auto-annotate 7 --function-module vicinal_cvat.function -p dataset=str:photos

CVAT's SDK calls `create` with the parameters of the command line, and `detect` once a frame.
"""

from __future__ import annotations

import logging

from cvat_sdk import auto_annotation, models
from PIL import Image

from vicinal_client import EmbedClient, GraphClient
from vicinal_cvat.judging import Judge
from vicinal_cvat.pictures import png_of

__all__ = ["VicinalFunction", "create"]

log = logging.getLogger(__name__)


class VicinalFunction:
    """A detection function in the sense of `cvat_sdk.auto_annotation`: one tag a frame, or none.

    Args:
        judge: what knows the class of an image.
        threshold: least confidence of a tag, 0 to 1, where the caller of `detect` names none.
    """

    def __init__(self, judge: Judge, threshold: float = 0.0) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be 0 to 1, not {threshold}")
        self._judge = judge
        self._threshold = threshold
        self._spec = auto_annotation.DetectionFunctionSpec(
            labels=[
                auto_annotation.label_spec(name, index, type="tag")
                for index, name in enumerate(judge.classes)
            ]
        )

    @property
    def spec(self) -> auto_annotation.DetectionFunctionSpec:
        """The dataset's classes as labels of the type tag; a label's id is the class index."""
        return self._spec

    def detect(
        self, context: auto_annotation.DetectionFunctionContext, image: Image.Image
    ) -> list[models.LabeledImageRequest]:
        """Return the frame's tag; none where no label reaches it or the confidence is too low.

        Raises:
            VicinalError: a service refused or did not answer.
        """
        try:
            verdict = self._judge.judge(png_of(image))
        except ValueError as error:
            log.warning("%s has no tag: %s", context.frame_name, error)
            return []
        least = self._threshold if context.conf_threshold is None else context.conf_threshold
        known = 0 <= verdict.class_index < len(self._spec.labels)  # classes may have been appended meanwhile
        if not known or verdict.confidence < least:
            return []
        return [auto_annotation.tag(verdict.class_index)]


def create(
    dataset: str,
    graph: str = "127.0.0.1:50052",
    embed: str = "127.0.0.1:50051",
    threshold: float = 0.0,
    refresh: float = 10.0,
) -> VicinalFunction:
    """Make the function.

    Args:
        dataset: name of the dataset whose classes and labels decide.
        graph: HOST:PORT of the graph service.
        embed: HOST:PORT of the embedding service.
        threshold: least confidence of a tag, 0 to 1; `--conf-threshold` of the command line outdoes it.
        refresh: seconds after which to ask whether the dataset has changed.

    Raises:
        VicinalError: a service does not answer, or there is no such dataset.
    """
    return VicinalFunction(Judge(GraphClient(graph), EmbedClient(embed), dataset, refresh=refresh), threshold)
