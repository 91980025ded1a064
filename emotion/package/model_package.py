"""The model package: everything needed to score with a trained model, in three plain files.

::

    PACKAGE/weights.safetensors   the tensors
    PACKAGE/card.md               what it is for, for people
    PACKAGE/model.json            the facts, written last: a folder without it is no package

``model_id`` is a hash over the facts, and the facts hold the hash of the weights: a package that
was changed by a byte of either is refused. The same three files in a ``model.tar.gz`` are what
SageMaker takes.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from emotion import storage
from emotion.errors import InputError, PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.models.registry import ModelArg, build_model
from emotion.package.card import model_card, with_test
from emotion.package.files import (
    CARD,
    FACTS,
    TAR_ENDINGS,
    WEIGHTS,
    read_files,
    write_files,
)
from emotion.package.onnx_file import OnnxModel, find_onnx
from emotion.versions import installed
from emotion.versions import versions as versions_of

FORMAT = 2
"""Raised when an older release could not read what this one writes. 1 had no temperature."""

FACT_NAMES = (
    "format",
    "architecture",
    "args",
    "labels",
    "extraction",
    "weights_sha256",
    "temperature",
    "training",
    "metrics",
    "versions",
)


@dataclass(frozen=True)
class ModelPackage:
    """A trained model and what it was trained for.

    Attributes:
        name: architecture, one of ``emotion.models.registry.MODELS``.
        args: what the architecture was built with.
        labels: in the order of the model's outputs.
        spec: how the clips that it knows were cut.
        weights: bytes of a safetensors file.
        training: facts of the run: dataset digest, subjects, seed, epochs, wall seconds.
        metrics: measured on val.
        versions: of the libraries that trained it.
        temperature: what logits are divided by before softmax, fitted on val (Guo et al. 2017).
        format: that of the files that it was read from; an older one keeps its ``model_id``.
    """

    name: str
    args: Mapping[str, ModelArg]
    labels: tuple[str, ...]
    spec: ExtractionSpec
    weights: bytes = field(repr=False)
    training: Mapping[str, object]
    metrics: Mapping[str, object]
    versions: Mapping[str, str]
    temperature: float = 1.0
    format: int = FORMAT

    def facts(self) -> dict[str, Any]:
        """What ``model.json`` holds, but for ``model_id``."""
        found: dict[str, Any] = {
            "format": self.format,
            "architecture": self.name,
            "args": dict(self.args),
            "labels": list(self.labels),
            "extraction": self.spec.to_json(),
            "weights_sha256": hashlib.sha256(self.weights).hexdigest(),
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            "versions": dict(self.versions),
        }
        return found if self.format == 1 else found | {"temperature": self.temperature}

    @functools.cached_property
    def model_id(self) -> str:
        """First 16 hex digits of the hash of weights and facts."""
        return _model_id(self.facts())

    def build(self) -> nn.Module:
        """The trained model, in eval mode on the CPU: normalised clips to (B, K) logits."""
        model = build_model(self.name, len(self.labels), self.args)
        model.load_state_dict(safetensors.torch.load(self.weights))
        return model.eval()


def _all_facts(package: ModelPackage) -> dict[str, Any]:
    return package.facts() | {"model_id": package.model_id}


def _model_id(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Of what decides the numbers; those that a scoring machine may do without, if installed."""
    found = versions_of("torchvision", "video-emotion") | {"torch": torch.__version__}
    return found | installed("ray", "numpy", "opencv-python-headless", "opencv-python", "av")


def weights_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Named tensors as the bytes of a safetensors file; equal tensors give equal bytes."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in state.items()})


def save_package(
    uri: str, package: ModelPackage, onnx: OnnxModel | None = None, *, card: str | None = None
) -> None:
    """Write a package, with its ONNX model if given, ``model.json`` last.

    Args:
        uri: a folder, an s3:// prefix, or a ``.tar.gz``; equal input gives equal bytes.
        package: what to write.
        onnx: its model as ``emotion.package.onnx_export`` made it.
        card: its card.md; None writes it from the package's facts.
    """
    facts = _all_facts(package)
    files = {WEIGHTS: package.weights, CARD: (card or model_card(facts)).encode()}
    files |= onnx.files() if onnx else {}
    write_files(uri, files | {FACTS: storage.json_bytes(facts)})


def load_package(uri: str) -> ModelPackage:
    """Read and check a package: a folder, an s3:// prefix, or a ``.tar.gz`` of one.

    Raises:
        PackageError: if a file is missing, was changed, or does not fit the others.
    """
    files = read_files(uri, (FACTS, WEIGHTS))
    try:
        return _parse(files[FACTS], files[WEIGHTS])
    except InputError as err:
        raise PackageError(f"package {uri}: {err}") from err


def pack_tar(uri: str, out: str) -> None:
    """Put the package ``uri`` into one ``.tar.gz`` at ``out``, with its ONNX model if it has one.

    The card is the folder's own, which may tell of tests.

    Raises:
        PackageError: if ``uri`` is no sound package.
    """
    package = load_package(uri)
    found = find_onnx(uri, package.model_id)
    save_package(out, package, found, card=_read_card(uri, package))


def add_to_card(uri: str, metrics: Mapping[str, Any], *, name: str) -> None:
    """Write a test's figures into the card of the package folder ``uri``; ``model_id`` stays.

    Args:
        uri: the folder.
        metrics: as ``metrics.json`` of an evaluation has them.
        name: of the test; figures of an earlier one of this name are replaced.

    Raises:
        PackageError: if ``uri`` is no sound package folder, or the figures are another model's.
    """
    if uri.endswith(TAR_ENDINGS):
        raise PackageError(f"package {uri} is an archive: name its folder to write into its card")
    package = load_package(uri)
    if metrics.get("model_id") != package.model_id:
        raise PackageError(
            f"package {uri} is model {package.model_id}, the figures are of "
            f"{metrics.get('model_id')}"
        )
    card = with_test(_read_card(uri, package), metrics, name=name)
    storage.write_bytes(storage.join(uri, CARD), card.encode())


def _read_card(uri: str, package: ModelPackage) -> str:
    files = read_files(uri, (), optional=(CARD,))
    return files[CARD].decode() if files else model_card(_all_facts(package))


def _parse(text: bytes, weights: bytes) -> ModelPackage:
    try:
        facts = json.loads(text)
    except ValueError as err:
        raise InputError(f"{FACTS} is not JSON: {err}") from err
    facts = facts if isinstance(facts, dict) else {}
    model_id = facts.pop("model_id", None)
    names = set(FACT_NAMES) - ({"temperature"} if facts.get("format") == 1 else set())
    missing, surprise = names - facts.keys(), facts.keys() - names
    if missing or surprise:
        raise InputError(f"{FACTS} lacks {sorted(missing)} and has surprising {sorted(surprise)}")
    if facts["format"] not in (1, FORMAT):
        raise InputError(f"format is {facts['format']}, this release reads 1 to {FORMAT}")
    spec = ExtractionSpec.from_json(facts["extraction"])
    found = hashlib.sha256(weights).hexdigest()
    if found != facts["weights_sha256"]:
        raise InputError(
            f"{WEIGHTS} has SHA-256 {found}, {FACTS} says {facts['weights_sha256']}: "
            "the two files are not of one training run, or a copy was cut short"
        )
    package = ModelPackage(
        name=facts["architecture"],
        args=facts["args"],
        labels=tuple(facts["labels"]),
        spec=spec,
        weights=weights,
        training=facts["training"],
        metrics=facts["metrics"],
        versions=facts["versions"],
        temperature=float(facts.get("temperature", 1.0)),
        format=int(facts["format"]),
    )
    if not package.temperature > 0:
        raise InputError(f"temperature is {package.temperature}; it must be more than 0")
    _check_fit(package)
    if model_id != package.model_id:
        raise InputError(
            f"{FACTS} was edited: model_id is {model_id}, its facts give {package.model_id}"
        )
    return package


def _check_fit(package: ModelPackage) -> None:
    """Whether the weights are those of the architecture with one output per label."""
    try:
        tensors = safetensors.torch.load(package.weights)
    except safetensors.SafetensorError as err:
        raise InputError(f"{WEIGHTS} is not a safetensors file: {err}") from err
    with torch.device("meta"):  # shapes only
        needed = build_model(package.name, len(package.labels), package.args).state_dict()
    for key in sorted(needed.keys() | tensors.keys()):
        own = tuple(needed[key].shape) if key in needed else None
        found = tuple(tensors[key].shape) if key in tensors else None
        if own != found:
            raise InputError(
                f"{WEIGHTS} has {key} {found}, {package.name} with {len(package.labels)} labels "
                f"needs {own}"
            )
