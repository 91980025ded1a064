"""The Predictor: it scores clips with a model package.

Batch scoring, Ray Serve and SageMaker use the same class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import InputError, PackageError
from emotion.models.steps import logits_and_steps
from emotion.models.transforms import decode_crops, to_input
from emotion.package.model_package import ModelPackage, load_package
from emotion.package.onnx_file import OnnxModel, load_onnx
from emotion.predict.engine import Engine
from emotion.predict.ensemble import ScoringPackage, mean_steps, one_or_mean, packages_of

Model = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Function from normalised clips to the logits of clips and of steps."""

BATCH_SIZE = 16
"""Number of clips that callers collect for the Predictor, and the most in one call on a GPU."""

CPU_BATCH_SIZE = 2
"""Largest number of clips in one call of the model on a CPU.

The features of more clips do not fit the CPU's cache: MobileFaceNet took 35 ms per face with 16
clips and 27 with two, and twice the memory. One clip alone makes 3D networks slow.
"""


@dataclass(frozen=True)
class Answers:
    """Probabilities of N clips; the last axis sums to 1.

    Attributes:
        probs: (N, K) float32, probabilities of the clips.
        steps: (N, S, K) float32, probabilities of S equal parts of each clip in time. S is 1 if the
            model has no steps (``emotion.models.steps``); then the part is the clip.
    """

    probs: NDArray[np.float32]
    steps: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        check_array("Answers.probs", self.probs, shape=(None, None), dtype=np.float32)
        num_clips, num_labels = self.probs.shape
        shape = (num_clips, None, num_labels)
        check_array("Answers.steps", self.steps, shape=shape, dtype=np.float32)


class Predictor:
    """Model that turns clips into probabilities, in float32, on one device.

    The model is one package, or the mean of the calibrated probabilities of several.

    Args:
        package: the package, or several (``emotion.predict.ensemble``).
        device: as for ``load``.
        onnx: ONNX model of the package, or of each of several in their order; if given,
            onnxruntime runs them instead of torch.

    Raises:
        InputError: if ``onnx`` is given and the device is not the CPU.
    """

    def __init__(
        self,
        package: ScoringPackage,
        *,
        device: str = "auto",
        onnx: OnnxModel | Sequence[OnnxModel] | None = None,
    ) -> None:
        files = (onnx,) if isinstance(onnx, OnnxModel) else tuple(onnx or ())
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() and not files else "cpu"
        if files and device != "cpu":
            raise InputError(
                f"engine onnx runs on the CPU, device is {device!r}; take cpu, or engine torch"
            )
        self.package = package
        self._device = _device(device)
        packages = packages_of(package)
        models: list[Model] = [_onnx_model(file) for file in files]
        models = models or [_torch_model(one, self._device) for one in packages]
        temperatures = [one.temperature for one in packages]
        self._models = list(zip(models, temperatures, strict=True))

    @classmethod
    def load(
        cls,
        package_uri: str | Sequence[str],
        *,
        device: str = "auto",
        engine: Engine = "torch",
    ) -> Predictor:
        """Load a package, or several, and return their Predictor.

        Args:
            package_uri: a folder, an s3:// prefix, or a model.tar.gz; of several, the
                probabilities are averaged.
            device: ``cpu``, ``cuda``, ``cuda:1``, or ``auto``: a GPU if there is one and the engine
                is ``torch``, else the CPU.
            engine: ``torch`` runs the weights. ``onnx`` runs the package's model.onnx on the CPU,
                with torch's number of threads.

        Raises:
            PackageError: if one is broken, of another release, or lacks the engine's model.onnx;
                or several differ in labels or extraction spec.
            InputError: if the engine does not run on the device.
        """
        package, onnx = load_parts(package_uri, engine)
        return cls(package, device=device, onnx=onnx)

    def probs(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities of clips, (N, K), in label order; arguments as ``answers``."""
        return self.answers(clips).probs

    def answers(self, clips: NDArray[np.uint8]) -> Answers:
        """Return the probabilities of clips and of their steps, in the package's label order.

        Args:
            clips: (N, T, H, W, 3) uint8 RGB; N may be 0.

        Raises:
            PackageError: if T, H or W are not those of the package's extraction spec.
        """
        spec = self.package.spec
        needed = (spec.clip_len, spec.crop_px, spec.crop_px, 3)
        if clips.shape[1:] != needed:
            raise PackageError(
                f"clips of shape {clips.shape[1:]}, model {self.package.model_id} needs {needed}; "
                "build them with the package's extraction spec"
            )
        if not len(clips):
            num_labels = len(self.package.labels)
            return Answers(
                np.empty((0, num_labels), np.float32), np.empty((0, 1, num_labels), np.float32)
            )
        size = CPU_BATCH_SIZE if self._device.type == "cpu" else BATCH_SIZE
        parts = [self._batch(clips[i : i + size]) for i in range(0, len(clips), size)]
        return Answers(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def jpeg_answers(self, clips: Sequence[Sequence[bytes]]) -> Answers:
        """Return ``answers`` for stored clips, each a list of T JPEGs; may be empty."""
        spec = self.package.spec
        if not clips:
            return self.answers(
                np.empty((0, spec.clip_len, spec.crop_px, spec.crop_px, 3), np.uint8)
            )
        return self.answers(np.stack([decode_crops(crops) for crops in clips]))

    def jpeg_probs(self, clips: Sequence[Sequence[bytes]]) -> NDArray[np.float32]:
        """Return the probabilities, (N, K), of N stored clips, each a list of T JPEGs."""
        return self.jpeg_answers(clips).probs

    def _batch(self, clips: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            x_NCTHW = to_input(torch.from_numpy(clips).to(self._device))
            each = [_probs(model(x_NCTHW), temperature) for model, temperature in self._models]
        if len(each) == 1:
            return each[0]
        probs, steps = zip(*each, strict=True)
        return [np.mean(probs, axis=0, dtype=np.float32), mean_steps(steps)]


def _probs(logits: tuple[Tensor, Tensor], temperature: float) -> list[NDArray[np.float32]]:
    return [torch.softmax(part.float() / temperature, dim=-1).cpu().numpy() for part in logits]


def _device(name: str) -> torch.device:
    """Return the device of a name.

    Raises:
        InputError: if the name is unknown, or this machine has no such GPU.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}") from None
    num_gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= num_gpus:
        raise InputError(f"device is {name!r}, this machine has {num_gpus} usable GPUs; take cpu")
    return device


def load_parts(
    package_uri: str | Sequence[str], engine: Engine
) -> tuple[ScoringPackage, tuple[OnnxModel, ...]]:
    """Read and check a package, or several, and the ONNX models that engine ``onnx`` needs.

    Raises:
        PackageError: if a file is missing or broken, or several packages do not fit each other.
    """
    uris = (package_uri,) if isinstance(package_uri, str) else tuple(package_uri)
    for uri in uris:
        if uris.count(uri) > 1:
            raise PackageError(f"package {uri} is named twice; name each once")
    packages = [load_package(uri) for uri in uris]
    package = one_or_mean(packages)
    if engine != "onnx":
        return package, ()
    uri_of = {one.model_id: uri for uri, one in zip(uris, packages, strict=True)}
    ids = [one.model_id for one in packages_of(package)]
    return package, tuple(load_onnx(uri_of[model_id], model_id) for model_id in ids)


def _torch_model(package: ModelPackage, device: torch.device) -> Model:
    model = package.build().to(device).eval()
    return lambda x_NCTHW: logits_and_steps(model, x_NCTHW)


def _onnx_model(onnx: OnnxModel) -> Model:
    """Return a function that runs the ONNX model and has the same outputs as the torch model."""
    from emotion.extract.inference import (
        open_session,  # imports onnxruntime, which torch does not need
    )

    session: Any = open_session(onnx.model, threads=torch.get_num_threads())
    name = session.get_inputs()[0].name

    def logits(x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        logits_NK, steps_NSK = session.run(None, {name: x_NCTHW.contiguous().numpy()})
        return torch.from_numpy(logits_NK), torch.from_numpy(steps_NSK)

    return logits
