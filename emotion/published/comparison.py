"""Comparison of an imported network with onnxruntime on the original file."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state
from torch import Tensor
from torch.nn import functional

from emotion.errors import InputError
from emotion.extract.inference import open_session
from emotion.models.transforms import to_input
from emotion.published.packaging import TOLERANCE

Outputs = Literal["logits", "softmax", "probabilities"]
"""Meaning of a file's output: logits; probabilities by a softmax; other probabilities."""


_FAILURES = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    ValueError,
)
"""Errors of onnxruntime for a file that it cannot run; they have no common base class."""


def probe_crops(side: int) -> Tensor:
    """Return five fixed normalised crops, (5, 3, side, side): black, white, noise, two smooth."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (1, 3, side, side), generator=generator).float()
    coarse = torch.rand(2, 3, 5, 5, generator=generator) * 255
    smooth = functional.interpolate(coarse, (side, side), mode="bilinear")
    plain = torch.tensor([0.0, 255.0]).view(2, 1, 1, 1).expand(2, 3, side, side)
    pixels_NHWC = torch.cat([plain, noise, smooth]).to(torch.uint8).permute(0, 2, 3, 1)
    return to_input(pixels_NHWC[None])[0].transpose(0, 1)


def original_outputs(
    data: bytes, x_NCHW: Tensor, *, output: str | None = None
) -> NDArray[np.float32]:
    """Return the (N, K) outputs of an ONNX file for pictures, one by one.

    Args:
        data: bytes of the file.
        x_NCHW: pictures in the layout of the file.
        output: name of the output; None takes the first.

    Raises:
        InputError: if onnxruntime cannot run the file.
    """
    try:
        session = open_session(data, threads=torch.get_num_threads())
        name = session.get_inputs()[0].name
        rows = [
            session.run([output] if output else None, {name: one[None].numpy()})[0]
            for one in x_NCHW
        ]
    except _FAILURES as err:
        why = " ".join(str(err).split())[:200]
        raise InputError(f"onnxruntime cannot run it: {why}") from err
    return np.stack([np.asarray(row, np.float32).reshape(-1) for row in rows])


def largest_difference(
    logits_NK: Tensor, expected_NK: NDArray[np.float32], outputs: Outputs
) -> float:
    """Return the largest difference between the import's outputs and the original ones.

    Args:
        logits_NK: logits of the import, in the order of the original.
        expected_NK: outputs of the original.
        outputs: meaning of these outputs.

    Returns:
        The difference of an output, divided by the largest output if that is above 1; NaN if an
        output is NaN.
    """
    if outputs == "softmax":
        logits_NK = logits_NK.softmax(dim=1)
    elif outputs == "probabilities":
        logits_NK = logits_NK.exp()
    expected = torch.from_numpy(expected_NK)
    scale = expected.abs().max().clamp(min=1)
    return float((logits_NK - expected).abs().max() / scale)


def check_difference(difference: float) -> None:
    """Check a result of ``largest_difference``.

    Raises:
        InputError: if it is above ``TOLERANCE`` or no number.
    """
    if not difference <= TOLERANCE:
        raise InputError(
            f"the imported network differs from onnxruntime by {difference:.3g}; it must be "
            f"{TOLERANCE:g} or less"
        )
