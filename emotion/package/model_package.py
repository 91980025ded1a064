"""Model package: everything that scoring with a trained model needs, in three plain files.

::

    PACKAGE/weights.safetensors   tensors
    PACKAGE/card.md               model card for people
    PACKAGE/model.json            facts; written last, so a folder without it is no package

``model_id`` is a hash over the facts, and the facts hold the hash of the weights. A package is
refused if one byte of its facts or weights was changed. SageMaker takes the same three files in a
``model.tar.gz``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from emotion import storage
from emotion.errors import InputError, PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.models.own import check_allowed, is_own
from emotion.models.registry import ModelArg, build_model
from emotion.package.card import model_card, with_test
from emotion.package.checks import check_fit, check_types
from emotion.package.files import (
    CARD,
    FACTS,
    TAR_ENDINGS,
    WEIGHTS,
    read_files,
    write_files,
)
from emotion.package.onnx_file import OnnxModel, find_onnx
from emotion.package.seen import Seen, seen_from_json
from emotion.package.trust import Trust
from emotion.versions import installed, versions

FORMAT = 3
"""Version of the files. A new number means that older releases cannot read them.

Format 1 has no temperature and no trust, format 2 has no trust.
"""

ADDED_IN = {"temperature": 2, "trust": 3}
"""Format in which a fact was added."""

FACT_NAMES = (
    "format",
    "architecture",
    "args",
    "labels",
    "extraction",
    "weights_sha256",
    "temperature",
    "trust",
    "training",
    "metrics",
    "versions",
)


@dataclass(frozen=True)
class ModelPackage:
    """Trained model with the facts of its training.

    Attributes:
        name: architecture, one of ``emotion.models.registry.MODELS``, or ``package.module:Class``.
        args: arguments of the architecture.
        labels: labels in the order of the model's outputs.
        spec: extraction spec of the clips that it was trained on.
        weights: bytes of a safetensors file.
        training: facts of the run: dataset digest, subjects, seed, epochs, wall seconds.
        metrics: figures on val.
        versions: versions of the libraries that trained it.
        temperature: divisor of the logits before softmax, fitted on val (Guo et al. 2017).
        trust: kind of faces it was trained on, measured figures, margin of certain answers.
        format: ``FORMAT`` of the files that it was read from. It is kept for an older package, so
            that its ``model_id`` stays the same.
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
    trust: Trust = Trust()
    format: int = FORMAT

    def facts(self) -> dict[str, Any]:
        """Return the content of ``model.json`` without ``model_id``."""
        facts: dict[str, Any] = {
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
        added = {"temperature": self.temperature, "trust": self.trust.to_json()}
        return facts | {k: v for k, v in added.items() if ADDED_IN[k] <= self.format}

    @functools.cached_property
    def model_id(self) -> str:
        """First 16 hex digits of the SHA-256 of the facts, which hold that of the weights."""
        return _model_id(self.facts())

    @functools.cached_property
    def seen(self) -> Seen | None:
        """People and files that the weights were trained on or chosen by; None: not known.

        Empty for a published network, which this project did not train.
        """
        if not self.training:
            return Seen()
        stored: Any = self.training.get("seen")
        return seen_from_json(stored)

    def build(self) -> nn.Module:
        """Build the trained model on the CPU, in eval mode.

        It maps normalised clips (B, 3, T, H, W) to logits (B, K).
        """
        model = build_model(self.name, len(self.labels), self.args)
        model.load_state_dict(safetensors.torch.load(self.weights))
        return model.eval()


def _all_facts(package: ModelPackage) -> dict[str, Any]:
    return package.facts() | {"model_id": package.model_id}


def _model_id(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def package_versions() -> dict[str, str]:
    """Return the versions of the libraries that affect numbers, by name.

    Ray, numpy, OpenCV and PyAV are left out where they are not installed.
    """
    needed = versions("torchvision", "video-emotion") | {"torch": torch.__version__}
    return needed | installed("ray", "numpy", "opencv-python-headless", "opencv-python", "av")


def weights_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as the bytes of a safetensors file; equal tensors give equal bytes."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in state.items()})


def save_package(
    uri: str, package: ModelPackage, onnx: OnnxModel | None = None, *, card: str | None = None
) -> None:
    """Write a package, and its ONNX model if given; ``model.json`` is written last.

    Equal arguments give equal bytes.

    Args:
        uri: a folder, an s3:// prefix, or a ``.tar.gz``.
        package: the package.
        onnx: its model from ``emotion.package.onnx_export``.
        card: text of its card.md; None: a card from the package's facts.
    """
    facts = _all_facts(package)
    files = {WEIGHTS: package.weights, CARD: (card or model_card(facts)).encode()}
    files |= onnx.files() if onnx else {}
    write_files(uri, files | {FACTS: storage.json_bytes(facts)})


def load_package(uri: str) -> ModelPackage:
    """Read and check a package: a folder, an s3:// prefix, or a ``.tar.gz`` of one.

    Raises:
        PackageError: if a file is missing, was changed, or belongs to another package.
    """
    files = read_files(uri, (FACTS, WEIGHTS))
    try:
        return _parse(files[FACTS], files[WEIGHTS])
    except InputError as err:
        raise PackageError(f"package {uri}: {err}") from err


def pack_tar(uri: str, out: str) -> None:
    """Put the package ``uri`` into one ``.tar.gz`` at ``out``, with its ONNX model if it has one.

    The card is copied from ``uri``, with its sections about tests.

    Raises:
        PackageError: if ``uri`` is no valid package.
    """
    package = load_package(uri)
    onnx = find_onnx(uri, package.model_id)
    save_package(out, package, onnx, card=_read_card(uri, package))


def add_to_card(uri: str, metrics: Mapping[str, Any], *, name: str) -> None:
    """Write the figures of a test into the card of the package folder ``uri``.

    ``model_id`` does not change.

    Args:
        uri: the folder.
        metrics: content of an evaluation's ``metrics.json``.
        name: name of the test; it replaces the figures of an earlier test of this name.

    Raises:
        PackageError: if ``uri`` is no valid package folder, or the figures are of another model.
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
    """Return the card at ``uri``; if there is none, a new one from the package's facts."""
    files = read_files(uri, (), optional=(CARD,))
    return files[CARD].decode() if files else model_card(_all_facts(package))


def _parse(text: bytes, weights: bytes) -> ModelPackage:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(f"{FACTS} is not JSON ({err}): copy the package again") from err
    facts = facts if isinstance(facts, dict) else {}
    model_id = facts.pop("model_id", None)
    stored_format = facts.get("format")
    if stored_format is None:
        raise InputError(f"{FACTS} has no format: it is not the file of a package")
    if not isinstance(stored_format, int) or not 1 <= stored_format <= FORMAT:
        raise InputError(f"format is {stored_format}, this release reads 1 to {FORMAT}")
    names = {name for name in FACT_NAMES if ADDED_IN.get(name, 1) <= stored_format}
    missing, unknown = names - facts.keys(), facts.keys() - names
    if missing or unknown:
        raise InputError(f"{FACTS} lacks {sorted(missing)} and has unknown {sorted(unknown)}")
    check_types(facts)
    spec = ExtractionSpec.from_json(facts["extraction"])
    sha256 = hashlib.sha256(weights).hexdigest()
    if sha256 != facts["weights_sha256"]:
        raise InputError(
            f"{WEIGHTS} has SHA-256 {sha256}, {FACTS} says {facts['weights_sha256']}: "
            "they are not of one training run, or a copy was cut short; copy the package again"
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
        trust=Trust.from_json(facts["trust"]) if "trust" in facts else Trust(),
        format=int(facts["format"]),
    )
    if not 0 < package.temperature < math.inf:
        raise InputError(f"temperature is {package.temperature}; it must be a number above 0")
    if is_own(package.name):
        check_allowed(package.name, made_with=package.training.get("model_code"))
    check_fit(package.name, package.args, len(package.labels), weights)
    if model_id != package.model_id:
        raise InputError(
            f"{FACTS} was edited: model_id is {model_id}, its facts give {package.model_id}; "
            "take the package as it was made"
        )
    return package
