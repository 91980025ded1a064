"""Recipe of an import: input of a published network, and meaning of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from emotion.errors import InputError
from emotion.package.trust import Trust
from emotion.ranges import Range, above

Colour = Literal["rgb", "bgr", "grey"]
Layout = Literal["nchw", "nhwc"]
OutputKind = Literal["logits", "probabilities"]

FRAMES: dict[str, tuple[float, float]] = {"crop": (0.38, 0.35), "arcface": (0.3147, 0.4607)}
"""Distance and height of the eyes by name of a frame, as shares of the side.

``crop`` is the project's own crop (``emotion.extract.align``), ``arcface`` the five-point template
of ArcFace (Deng et al. 2019).
"""

_RANGES = {
    "input_px": Range(16, 1024),
    "eyes_apart": Range(0.05, 0.95),
    "eye_height": Range(0.05, 0.95),
    "temperature": above(0),
}


@dataclass(frozen=True)
class ImportRecipe:
    """Input of a published network, and meaning of its outputs.

    Attributes:
        labels: labels in the order of the outputs.
        changes: new names of labels; see ``emotion.published.label_map.map_labels``.
        input_px: side of the picture; None: as the file says. 16 to 1024.
        eyes_apart: distance between the eyes in the picture, as a share of its side.
        eye_height: distance of the eyes from its top edge, as a share of its side.
        colour: order of the channels; None: grey for one channel, else rgb.
        pixel_max: largest value of a pixel before ``mean`` and ``std`` are applied.
        mean: subtracted from the pixels: one number, or one per channel in the file's order.
        std: divisor after that: one number, or one per channel; above 0.
        layout: order of channels, height and width; None: as the file's input shape says.
        outputs: meaning of the outputs; None: probabilities if the file ends with a softmax, else
            logits.
        output: name of the output; None: the only one.
        temperature: divisor of the logits; above 0.
        trust: domain, source and figures.

    Raises:
        InputError: if a number is out of its range.
    """

    labels: tuple[str, ...]
    changes: Mapping[str, str] = field(default_factory=dict)
    input_px: int | None = None
    eyes_apart: float = FRAMES["crop"][0]
    eye_height: float = FRAMES["crop"][1]
    colour: Colour | None = None
    pixel_max: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Layout | None = None
    outputs: OutputKind | None = None
    output: str | None = None
    temperature: float = 1.0
    trust: Trust = Trust()

    def __post_init__(self) -> None:
        for name, allowed in _RANGES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} must be {allowed}, got {value}")
