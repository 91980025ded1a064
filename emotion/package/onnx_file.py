"""ONNX files of a package: ``model.onnx`` for onnxruntime, and ``onnx.json`` with its facts.

Both files are optional: the package's ``model_id`` does not depend on them. ``onnx.json`` holds
the ``model_id``, so that a model.onnx of other weights is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from emotion import storage
from emotion.errors import PackageError
from emotion.package.files import read_files

ONNX, ONNX_FACTS = "model.onnx", "onnx.json"
EXPORT = "run jobs.export_onnx"


@dataclass(frozen=True)
class OnnxModel:
    """Model in ONNX form.

    It takes normalised clips, float32 (N, 3, T, H, W) with any N. It returns the (N, K) logits of
    the clips and the (N, S, K) logits of their steps (emotion.models.steps).

    Attributes:
        model: bytes of a .onnx file.
        model_id: id of the package whose weights it has.
        opset: version of its ONNX operators.
        max_difference: largest difference between its logits and torch's, measured at the export.
    """

    model: bytes = field(repr=False)
    model_id: str
    opset: int
    max_difference: float

    def files(self) -> dict[str, bytes]:
        """Return the bytes of both files by name, in the order in which they are written."""
        facts = {
            "model_id": self.model_id,
            "sha256": hashlib.sha256(self.model).hexdigest(),
            "opset": self.opset,
            "max_difference": self.max_difference,
        }
        return {ONNX: self.model, ONNX_FACTS: storage.json_bytes(facts)}


def load_onnx(uri: str, model_id: str) -> OnnxModel:
    """Read and check the ONNX model of a package.

    Args:
        uri: the package: a folder, an s3:// prefix, or a ``.tar.gz``.
        model_id: id of the package.

    Raises:
        PackageError: if it has none, or its ONNX model was changed or is of another package.
    """
    onnx = find_onnx(uri, model_id)
    if onnx is None:
        raise PackageError(f"package {uri} has no {ONNX}, which engine onnx needs; {EXPORT}")
    return onnx


def find_onnx(uri: str, model_id: str) -> OnnxModel | None:
    """Read and check the ONNX model of a package; return None if the package has none.

    The arguments are those of ``load_onnx``.

    Raises:
        PackageError: if only one of its two files exists, or the ONNX model was changed or is of
            another package.
    """
    files = read_files(uri, (), optional=(ONNX, ONNX_FACTS))
    if not files:
        return None
    for name in (ONNX, ONNX_FACTS):
        if name not in files:
            raise PackageError(f"package {uri} has no {name} beside the other; {EXPORT} again")
    facts = _facts(uri, files[ONNX_FACTS])
    sha256 = hashlib.sha256(files[ONNX]).hexdigest()
    if facts.get("sha256") != sha256:
        raise PackageError(
            f"package {uri}: {ONNX} has SHA-256 {sha256}, {ONNX_FACTS} says {facts.get('sha256')}: "
            f"it was changed, or a copy was cut short; {EXPORT} again"
        )
    if facts.get("model_id") != model_id:
        raise PackageError(
            f"package {uri}: {ONNX} is of model {facts.get('model_id')}, the package is "
            f"{model_id}: it was trained again since; {EXPORT} again"
        )
    try:
        return OnnxModel(files[ONNX], model_id, int(facts["opset"]), float(facts["max_difference"]))
    except (KeyError, TypeError, ValueError):
        raise PackageError(
            f"package {uri}: {ONNX_FACTS} lacks opset or max_difference; {EXPORT} again"
        ) from None


def _facts(uri: str, text: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except ValueError as err:
        raise PackageError(f"package {uri}: {ONNX_FACTS} is not JSON: {err}") from err
    return facts if isinstance(facts, dict) else {}
