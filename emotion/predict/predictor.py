"""A model package that answers: the one Predictor of batch, Ray Serve and SageMaker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from emotion.errors import PackageError
from emotion.learn.package import ModelPackage, load_package
from emotion.learn.transforms import decode_crops, to_input

BATCH_SIZE = 16


class Predictor:
    """Clips to probabilities, in float32, on one device."""

    def __init__(self, package: ModelPackage, *, device: str = "auto") -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.package = package
        self._device = torch.device(device)
        self._model = package.build().to(self._device).eval()

    @classmethod
    def load(cls, package_uri: str, *, device: str = "auto") -> Predictor:
        """Read a package: a folder, an s3:// prefix, or a model.tar.gz.

        Args:
            package_uri: its address.
            device: ``cpu``, ``cuda``, ``cuda:1``; ``auto`` takes a GPU if there is one.

        Raises:
            PackageError: if it is broken or of another release.
        """
        return cls(load_package(package_uri), device=device)

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
