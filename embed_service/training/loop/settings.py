"""What decides a run's result, and what is watched while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from embed_service.training.byol.heads import HeadSizes
from embed_service.training.errors import TrainingError

__all__ = ["PRECISIONS", "Settings", "Watch"]

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Settings:
    """What decides a run's result, beside the images and the backbone.

    Attributes:
        steps: of the optimiser, T, at least 1.
        batch: images a step takes, over all processes; at least 2 for each process and part.
        learning_rate: peak of the schedule, above 0.
        weight_decay: of AdamW, at least 0.
        tau: τ_0, the target's momentum at the first step, 0…1.
        warm_up: steps in which the learning rate rises, 0…steps − 1.
        accumulate: parts that a batch is done in, one after another; at least 1.
        clip: largest length of the gradient; 0 leaves it as it is.
        precision: of the networks' products, one of `PRECISIONS`; "auto" takes bfloat16 where a GPU has it.
        seed: of weights, order and views.
        heads: widths of projector and predictor.
        least_crop: least share of the image's area that a view shows, in (0, 1].
        flip: probability that a view is mirrored, 0…1.

    Raises:
        TrainingError: a value is out of its range; the message names it.
    """

    steps: int = 3000
    batch: int = 64
    learning_rate: float = 2.3e-5
    weight_decay: float = 5e-4
    tau: float = 0.998
    warm_up: int = 0
    accumulate: int = 1
    clip: float = 0.0
    precision: str = "auto"
    seed: int = 0
    heads: HeadSizes = field(default_factory=HeadSizes)
    least_crop: float = 0.08
    flip: float = 0.5

    def __post_init__(self) -> None:
        ranges = {
            "steps": (self.steps >= 1, "at least 1"),
            "batch": (self.batch >= 2, "at least 2"),
            "learning rate": (self.learning_rate > 0, "above 0"),
            "weight decay": (self.weight_decay >= 0, "at least 0"),
            "tau": (0 <= self.tau <= 1, "0 to 1"),
            "warm-up": (0 <= self.warm_up < self.steps, f"0 to {self.steps - 1}, less than the steps"),
            "accumulate": (self.accumulate >= 1, "at least 1"),
            "clip": (self.clip >= 0, "at least 0"),
            "precision": (self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            "least crop": (0 < self.least_crop <= 1, "above 0, at most 1"),
            "flip": (0 <= self.flip <= 1, "0 to 1"),
        }
        for name, (holds, expected) in ranges.items():
            if not holds:
                value = getattr(self, name.replace(" ", "_").replace("-", "_"))
                raise TrainingError(f"{name} is {value}, expected {expected}")


@dataclass(frozen=True)
class Watch:
    """What is watched and kept while a run goes on; changes nothing of its result.

    Attributes:
        log_every: steps between two rows of the metrics.
        probe_every: steps between two probes; 0 for one at the end only.
        probe_images: most images a probe embeds.
        checkpoint_every: steps between two checkpoints.
        stop_on_collapse: end the run when the embeddings have collapsed, instead of only saying so.
    """

    log_every: int = 20
    probe_every: int = 500
    probe_images: int = 2000
    checkpoint_every: int = 500
    stop_on_collapse: bool = False
