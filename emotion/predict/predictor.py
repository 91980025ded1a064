"""A model package that answers: the one Predictor of batch, Ray Serve and SageMaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion.errors import InputError, PackageError
from emotion.models.steps import logits_and_steps
from emotion.models.transforms import decode_crops, to_input
from emotion.package.model_package import ModelPackage, load_package
from emotion.package.onnx_file import OnnxModel, load_onnx

BATCH_SIZE = 16

Engine = Literal["torch", "onnx"]
"""What runs a model: torch, or onnxruntime on the CPU."""


@dataclass(frozen=True)
class Answers:
    """What a model says of N clips; float32, the last axis sums to 1.

    Attributes:
        probs: (N, K).
        steps: (N, S, K), of S equal parts of each clip; S is 1 where the model has no finer answer.
    """

    probs: NDArray[np.float32]
    steps: NDArray[np.float32]


class Predictor:
    """Clips to probabilities, in float32, on one device.

    Args of the constructor: the package; ``device`` as in ``load``; ``onnx``, the package's ONNX
    model, which is then what runs.
    """

    def __init__(
        self, package: ModelPackage, *, device: str = "auto", onnx: OnnxModel | None = None
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() and onnx is None else "cpu"
        self.package = package
        self._device = torch.device(device)
        if onnx and self._device.type != "cpu":
            raise InputError(
                f"engine onnx runs on the CPU, device is {device!r}; take cpu, or engine torch"
            )
        self._model: Callable[[Tensor], tuple[Tensor, Tensor]]
        self._model = _onnx_model(onnx) if onnx else _torch_model(package, self._device)

    @classmethod
    def load(cls, package_uri: str, *, device: str = "auto", engine: Engine = "torch") -> Predictor:
        """Read a package: a folder, an s3:// prefix, or a model.tar.gz.

        Args:
            package_uri: its address.
            device: ``cpu``, ``cuda``, ``cuda:1``; ``auto`` takes a GPU if there is one.
            engine: ``onnx`` runs the package's model.onnx on the CPU, with as many threads as
                torch would take.

        Raises:
            PackageError: if it is broken, of another release, or has no model.onnx to run.
            InputError: if the engine does not run on the device.
        """
        package, onnx = load_parts(package_uri, engine)
        return cls(package, device=device, onnx=onnx)

    def probs(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of clips, (N, K) float32 in the package's label order; see ``answers``."""
        return self.answers(clips).probs

    def answers(self, clips: NDArray[np.uint8]) -> Answers:
        """Probabilities in the package's label order, of clips and of their steps.

        Args:
            clips: (N, T, H, W, 3) uint8 RGB; N may be 0.

        Raises:
            PackageError: if T, H or W are not those of the package's extraction spec.
        """
        spec = self.package.spec
        wanted = (spec.clip_len, spec.crop_px, spec.crop_px, 3)
        if clips.shape[1:] != wanted:
            raise PackageError(
                f"clips of shape {clips.shape[1:]}, model {self.package.model_id} needs {wanted}; "
                "build them with the package's extraction spec"
            )
        if not len(clips):
            num_labels = len(self.package.labels)
            return Answers(
                np.empty((0, num_labels), np.float32), np.empty((0, 1, num_labels), np.float32)
            )
        parts = [self._batch(clips[i : i + BATCH_SIZE]) for i in range(0, len(clips), BATCH_SIZE)]
        return Answers(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def jpeg_answers(self, clips: Sequence[Sequence[bytes]]) -> Answers:
        """``answers`` of clips as they are stored, each a list of T JPEGs."""
        spec = self.package.spec
        if not clips:
            return self.answers(
                np.empty((0, spec.clip_len, spec.crop_px, spec.crop_px, 3), np.uint8)
            )
        return self.answers(np.stack([decode_crops(crops) for crops in clips]))

    def jpeg_probs(self, clips: Sequence[Sequence[bytes]]) -> NDArray[np.float32]:
        """Probabilities of clips as they are stored, each a list of T JPEGs."""
        return self.jpeg_answers(clips).probs

    def _batch(self, clips: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            found = self._model(to_input(torch.from_numpy(clips).to(self._device)))
            return [
                torch.softmax(logits.float() / self.package.temperature, dim=-1).cpu().numpy()
                for logits in found
            ]


def load_parts(package_uri: str, engine: Engine) -> tuple[ModelPackage, OnnxModel | None]:
    """Read and check what an engine needs of a package; ``torch`` needs no ONNX model.

    Raises:
        PackageError: if something is missing or broken.
    """
    package = load_package(package_uri)
    return package, load_onnx(package_uri, package.model_id) if engine == "onnx" else None


def _torch_model(
    package: ModelPackage, device: torch.device
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    model = package.build().to(device).eval()
    return lambda x_NCTHW: logits_and_steps(model, x_NCTHW)


def _onnx_model(onnx: OnnxModel) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The session as a function on tensors, like the model that it was made from."""
    from emotion.extract.inference import open_session  # onnxruntime: for this engine only

    session: Any = open_session(onnx.model, threads=torch.get_num_threads())
    name = session.get_inputs()[0].name

    def logits(x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        logits_NK, steps_NSK = session.run(None, {name: x_NCTHW.contiguous().numpy()})
        return torch.from_numpy(logits_NK), torch.from_numpy(steps_NSK)

    return logits
