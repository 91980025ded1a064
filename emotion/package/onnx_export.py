"""Export of a package's model to ONNX, and its comparison with torch."""

from __future__ import annotations

import copy
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.errors import InputError
from emotion.extract.inference import open_session
from emotion.models.steps import LogitsAndSteps, logits_and_steps
from emotion.models.transforms import to_input
from emotion.package.model_package import ModelPackage
from emotion.package.onnx_file import OnnxModel

OPSET = 17
"""Version of ONNX's operators, published in 2022; onnxruntime 1.12 and later read it."""

TOLERANCE = 1e-4
"""Largest allowed difference between a logit of onnxruntime and of torch."""

INPUT, OUTPUT, STEPS = "clips", "logits", "steps"


def export_onnx(package: ModelPackage) -> OnnxModel:
    """Export the package's model for onnxruntime.

    The ONNX model takes any number of clips of the package's length and crop size.

    Raises:
        InputError: if torch cannot export it, or a logit differs by more than ``TOLERANCE``.
    """
    clip_shape = (package.spec.clip_len, package.spec.crop_px, package.spec.crop_px)
    model = package.build()
    exported = to_onnx(model, clip_shape, name=package.name)
    difference = max_difference(model, exported, clip_shape)
    if not difference <= TOLERANCE:
        raise InputError(
            f"model {package.name} as ONNX differs from torch by {difference:.3g} in a logit; it "
            f"must be {TOLERANCE:g} or less; score it with --engine torch"
        )
    return OnnxModel(exported, package.model_id, OPSET, difference)


def to_onnx(model: nn.Module, clip_shape: tuple[int, int, int], *, name: str) -> bytes:
    """Return a model as the bytes of a checked .onnx file, made by torch's tracing exporter.

    This exporter needs only the Python package onnx. It is deprecated since torch 2.9, and torch
    2.14 still has it.

    Args:
        model: the model, in eval mode, on the CPU.
        clip_shape: T, H and W of its clips.
        name: name of the model, for the error message.

    Raises:
        InputError: if torch cannot export it.
    """
    example = torch.zeros(2, 3, *clip_shape)
    with tempfile.TemporaryDirectory(prefix="video-emotion-onnx-") as folder:
        path = Path(folder) / "model.onnx"
        _trace(model, example, path, name)
        exported = path.read_bytes()
    onnx.checker.check_model(exported, full_check=True)
    return exported


def _trace(model: nn.Module, example: Tensor, path: Path, name: str) -> None:
    try:
        # Ignore the warnings about sizes that become constants and about the old exporter:
        # max_difference checks the result.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                LogitsAndSteps(_with_split_prelus(model)).eval(),
                (example,),
                path,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT, STEPS],
                dynamic_axes={name: {0: "N"} for name in (INPUT, OUTPUT, STEPS)},
            )
    except RuntimeError as err:  # includes OnnxExporterError and errors of the trace
        why = " ".join(str(err).split())[:200]
        raise InputError(f"model {name} cannot be exported to ONNX: {why}") from err


class _SplitPReLU(nn.Module):
    """A PReLU of pictures as two depthwise convolutions: a * x + (1 - a) * relu(x).

    onnxruntime reorders the values before and after each PReLU, and none of these operators:
    MobileFaceNet takes 0.6 of the time (docs/measured.md).
    """

    def __init__(self, slopes: Tensor) -> None:
        """Keep the slopes, (C,)."""
        super().__init__()
        self.register_buffer("negative_C111", slopes.detach().view(-1, 1, 1, 1))
        self.register_buffer("positive_C111", 1 - slopes.detach().view(-1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the PReLU of (N, C, ...) values."""
        slopes_C111, rest_C111 = self.get_buffer("negative_C111"), self.get_buffer("positive_C111")
        if x.ndim != 4 or x.shape[1] != len(slopes_C111):
            return functional.prelu(x, slopes_C111.flatten())
        channels = len(slopes_C111)
        through = functional.conv2d(x, slopes_C111, groups=channels)
        return through + functional.conv2d(functional.relu(x), rest_C111, groups=channels)


def _with_split_prelus(model: nn.Module) -> nn.Module:
    """Return the model itself, or, if it has PReLUs, a copy in which they are split."""
    if not any(isinstance(module, nn.PReLU) for module in model.modules()):
        return model
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, module in parent.named_children():
            if isinstance(module, nn.PReLU):
                setattr(parent, name, _SplitPReLU(module.weight))
    return model


def max_difference(model: nn.Module, exported: bytes, clip_shape: tuple[int, int, int]) -> float:
    """Return the largest difference of a logit between torch and onnxruntime.

    It covers the logits of clips and of steps, on the clips of ``probes``. It is NaN if a logit is
    NaN.

    Args:
        model: the model, in eval mode, on the CPU.
        exported: bytes of the same model as ONNX.
        clip_shape: T, H and W of a clip.
    """
    session = open_session(exported, threads=torch.get_num_threads())
    worst = torch.zeros(())
    for x_NCTHW in probes(clip_shape):
        with torch.inference_mode():
            expected = logits_and_steps(model, x_NCTHW)
        results = session.run([OUTPUT, STEPS], {INPUT: x_NCTHW.numpy()})
        for result, reference in zip(results, expected, strict=True):
            worst = torch.maximum(worst, (torch.from_numpy(result) - reference).abs().max())
    return float(worst)


def probes(clip_shape: tuple[int, int, int]) -> list[Tensor]:
    """Return three batches of normalised test clips: 2 of noise, 1 black, 3 smooth and moving."""
    generator = torch.Generator().manual_seed(0)
    noise_NCTHW = torch.randn(2, 3, *clip_shape, generator=generator)
    black_NTHWC = torch.zeros(1, *clip_shape, 3, dtype=torch.uint8)
    coarse_NCTHW = torch.rand(3, 3, 3, 5, 5, generator=generator)
    smooth_NCTHW = functional.interpolate(coarse_NCTHW, clip_shape, mode="trilinear") * 255
    smooth_NTHWC = smooth_NCTHW.permute(0, 2, 3, 4, 1).to(torch.uint8)
    return [noise_NCTHW, to_input(black_NTHWC), to_input(smooth_NTHWC)]
