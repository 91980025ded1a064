"""A model package that answers: the one Predictor of batch, Ray Serve and SageMaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion.errors import InputError, PackageError
from emotion.learn.onnx_file import OnnxModel, load_onnx
from emotion.learn.package import ModelPackage, load_package
from emotion.learn.transforms import decode_crops, to_input

BATCH_SIZE = 16

Engine = Literal["torch", "onnx"]
"""What runs a model: torch, or onnxruntime on the CPU."""


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
        self._model: Callable[[Tensor], Tensor]
        self._model = _onnx_model(onnx) if onnx else package.build().to(self._device).eval()

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
        """Probabilities in the package's label order.

        Args:
            clips: (N, T, H, W, 3) uint8 RGB; N may be 0.

        Returns:
            (N, K) float32; rows sum to 1.

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
        parts = [self._batch(clips[i : i + BATCH_SIZE]) for i in range(0, len(clips), BATCH_SIZE)]
        return np.concatenate([np.empty((0, len(self.package.labels)), np.float32), *parts])

    def jpeg_probs(self, clips: Sequence[Sequence[bytes]]) -> NDArray[np.float32]:
        """Probabilities of clips as they are stored, each a list of T JPEGs."""
        if not clips:
            return np.empty((0, len(self.package.labels)), np.float32)
        return self.probs(np.stack([decode_crops(crops) for crops in clips]))

    def _batch(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = self._model(to_input(torch.from_numpy(clips).to(self._device)))
            probs: NDArray[np.float32] = (
                torch.softmax(logits.float() / self.package.temperature, dim=1).cpu().numpy()
            )
        return probs


def load_parts(package_uri: str, engine: Engine) -> tuple[ModelPackage, OnnxModel | None]:
    """Read and check what an engine needs of a package; ``torch`` needs no ONNX model.

    Raises:
        PackageError: if something is missing or broken.
    """
    package = load_package(package_uri)
    return package, load_onnx(package_uri, package.model_id) if engine == "onnx" else None


def _onnx_model(onnx: OnnxModel) -> Callable[[Tensor], Tensor]:
    """The session as a function on tensors, like the model that it was made from."""
    from emotion.extract.inference import open_session  # onnxruntime: for this engine only

    session: Any = open_session(onnx.model, threads=torch.get_num_threads())
    name = session.get_inputs()[0].name

    def logits(x_NCTHW: Tensor) -> Tensor:
        (logits_NK,) = session.run(None, {name: x_NCTHW.contiguous().numpy()})
        return torch.from_numpy(logits_NK)

    return logits


def pool_clips(probs: NDArray[np.float32], num_faces: Sequence[int]) -> NDArray[np.float32]:
    """One video's probabilities: the mean over its clips, weighted by their own faces.

    Args:
        probs: (N, K), N at least 1.
        num_faces: N weights.

    >>> pool_clips(np.array([[1, 0], [0, 1]], np.float32), [3, 1])
    array([0.75, 0.25], dtype=float32)
    """
    mean = np.average(probs.astype(np.float64), axis=0, weights=np.asarray(num_faces))
    return np.asarray(mean, np.float32)
