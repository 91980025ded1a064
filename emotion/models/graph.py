"""Backbone ``graph``: a network that a text of steps describes, imported from a published file.

The text is an argument of the architecture, so a package holds no code: a step is one of
``emotion.models.graph_steps.STEPS`` with plain arguments. The weights are ordinary tensors,
``steps.N.weight``. The network can be trained, frozen and exported like any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models.face_frame import FaceFrame, to_frame
from emotion.models.graph_steps import STEPS
from emotion.models.transforms import MEAN, STD

Colour = Literal["rgb", "bgr", "grey"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as OpenCV's grey has them."""

MAX_STEPS = 2_000
"""Largest number of steps. EfficientNet-B0 has 240, a network of 150 layers about 500."""

FRAMES_AT_ONCE = 64
"""Largest number of frames that are read together outside training, to bound the memory."""


@dataclass(frozen=True)
class FaceInput:
    """Input that a network expects.

    Attributes:
        frame: side of the picture, and place of the face in it.
        colour: order of the channels; ``grey`` has one.
        pixel_max: largest value of a pixel before ``mean`` and ``std`` are applied: 1 or 255.
        mean: subtracted from each channel, in the order of the channels.
        std: divisor of each channel after that.

    Raises:
        InputError: if ``mean`` or ``std`` do not have one number per channel, or a number of
            ``std`` is not above 0.
    """

    frame: FaceFrame
    colour: Colour = "rgb"
    pixel_max: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.colour not in get_args(Colour):
            raise InputError(f"colour {self.colour!r} must be one of {', '.join(get_args(Colour))}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise InputError(
                    f"{name} has {len(values)} numbers, colour {self.colour} needs {self.channels}"
                )
        if not min(self.std) > 0:
            raise InputError(f"std must be above 0, got {min(self.std):g}")

    @property
    def channels(self) -> int:
        """Number of channels: 1 for grey, else 3."""
        return 1 if self.colour == "grey" else 3

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> FaceInput:
        """Return the object from the value that ``to_json`` made."""
        plain = dict(value)
        frame = FaceFrame(**plain.pop("frame"))
        mean, std = tuple(plain.pop("mean")), tuple(plain.pop("std"))
        return cls(frame=frame, mean=mean, std=std, **plain)

    def prepare(self, x_N3HW: Tensor) -> Tensor:
        """Return the network's input, (N, channels, size_px, size_px), from normalised crops."""
        weight, bias = (value.to(x_N3HW) for value in self._colours())
        return to_frame(nn.functional.conv2d(x_N3HW, weight[:, :, None, None], bias), self.frame)

    def _colours(self) -> tuple[Tensor, Tensor]:
        """Return a (channels, 3) matrix and the offsets from normalised RGB to the channels."""
        rows = {
            "rgb": torch.eye(3),
            "bgr": torch.eye(3).flip(0),
            "grey": torch.tensor([LUMA]),
        }[self.colour].double()
        mean, std = torch.tensor(self.mean).double(), torch.tensor(self.std).double()
        weight = rows * torch.tensor(STD).double() * self.pixel_max / std[:, None]
        bias = (rows @ torch.tensor(MEAN).double() * self.pixel_max - mean) / std
        return weight.float(), bias.float()


@dataclass(frozen=True)
class Step:
    """One step of a graph.

    Attributes:
        op: one of ``STEPS``.
        inputs: numbers of the values that it reads. Value 0 is the input, value n + 1 the result
            of step n.
        args: arguments of the step.
    """

    op: str
    inputs: tuple[int, ...]
    args: dict[str, Any]

    def build(self) -> nn.Module:
        """Return the module of the step, with untrained weights.

        Raises:
            InputError: if there is no such step, or it does not take the arguments.
        """
        if self.op not in STEPS:
            raise InputError(f"graph: step {self.op!r} is unknown; known: {', '.join(STEPS)}")
        try:
            return STEPS[self.op](**self.args)
        except (TypeError, ValueError, LookupError, RuntimeError) as err:
            raise InputError(f"graph: step {self.op} cannot be built: {err}") from err


def graph_text(face: FaceInput, steps: Sequence[Step], *, features: int) -> str:
    """Return the text of a graph, for the argument ``graph`` of ``cnn_*``.

    Args:
        face: input of the network.
        steps: its steps in order; the last one returns (N, features).
        features: number of features.
    """
    rows = [[step.op, list(step.inputs), step.args] for step in steps]
    facts = {"input": face.to_json(), "features": features, "steps": rows}
    return json.dumps(facts, separators=(",", ":"), allow_nan=False)


def _parse(text: str) -> tuple[FaceInput, int, tuple[Step, ...]]:
    """Read the text of a graph.

    Raises:
        InputError: if it is not such a text, or has too many steps.
    """
    try:
        facts = json.loads(text)
        face, features = FaceInput.from_json(facts["input"]), int(facts["features"])
        steps = tuple(Step(op, tuple(inputs), dict(args)) for op, inputs, args in facts["steps"])
    except (ValueError, TypeError, LookupError) as err:
        raise InputError(
            f"graph is not a text of steps ({err}); jobs.import_model makes it"
        ) from err
    if not 1 <= len(steps) <= MAX_STEPS:
        raise InputError(f"graph has {len(steps)} steps; it must have 1 to {MAX_STEPS}")
    for number, step in enumerate(steps):
        if not step.inputs or not all(0 <= value <= number for value in step.inputs):
            raise InputError(
                f"graph: step {number} reads {step.inputs}, values 0 to {number} exist"
            )
    return face, features, steps


class Graph(nn.Module):
    """Features of one face per picture, computed by the steps of a text.

    Args:
        text: the text that ``graph_text`` makes.

    Raises:
        InputError: if it is another text, or names a step or an argument that does not exist.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.face, self.num_features, steps = _parse(text)
        self.steps = nn.ModuleList(step.build() for step in steps)
        self._inputs = [step.inputs for step in steps]
        self._unused = _last_uses(self._inputs)

    def forward(self, x_N3HW: Tensor) -> Tensor:
        """Return (N, num_features) features of normalised square crops of any side."""
        features = [self.of_frames(self.face.prepare(part)) for part in self._parts(x_N3HW)]
        return features[0] if len(features) == 1 else torch.cat(features)

    def _parts(self, x_N3HW: Tensor) -> tuple[Tensor, ...]:
        if self.training or torch.onnx.is_in_onnx_export():
            return (x_N3HW,)
        return torch.split(x_N3HW, FRAMES_AT_ONCE)

    def of_frames(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, num_features) features of pictures as the network expects them.

        Args:
            x_NCHW: the result of ``FaceInput.prepare``.
        """
        values: dict[int, Tensor] = {0: x_NCHW}
        for number, (step, inputs) in enumerate(zip(self.steps, self._inputs, strict=True)):
            values[number + 1] = step(*(values[index] for index in inputs))
            for index in self._unused[number]:
                del values[index]
        return values[len(self._inputs)]


def _last_uses(inputs: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return, for each step, the numbers of the values that no later step reads.

    >>> _last_uses([(0,), (1, 0), (2,)])
    [(), (0, 1), (2,)]
    """
    last = {index: number for number, indices in enumerate(inputs) for index in indices}
    return [
        tuple(index for index in sorted(set(indices)) if last[index] == number)
        for number, indices in enumerate(inputs)
    ]
