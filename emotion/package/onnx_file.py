"""A package's model for onnxruntime: ``model.onnx`` beside it, and ``onnx.json``, which says whose.

The package is the same with them and without: ``model_id`` is over the package's own facts, and
``onnx.json`` names it, so that a model.onnx of other weights is refused.
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
    """A model as ONNX: float32 normalised clips (N, 3, T, H, W), any N, to (N, K) logits, and to
    (N, S, K) logits of the clips' steps (emotion.models.steps).

    Attributes:
        model: bytes of a .onnx file.
        model_id: of the package whose weights these are.
        opset: of the operators in it.
        max_difference: the largest between its logits and torch's when it was made.
    """

    model: bytes = field(repr=False)
    model_id: str
    opset: int
    max_difference: float

    def files(self) -> dict[str, bytes]:
        """Both files by name, in the order in which they are written."""
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
        model_id: of the package.

    Raises:
        PackageError: if it has none, or one that was changed or is another package's.
    """
    found = find_onnx(uri, model_id)
    if found is None:
        raise PackageError(f"package {uri} has no {ONNX}, which engine onnx needs; {EXPORT}")
    return found


def find_onnx(uri: str, model_id: str) -> OnnxModel | None:
    """As ``load_onnx``; None where the package has no such files."""
    files = read_files(uri, (), optional=(ONNX, ONNX_FACTS))
    if not files:
        return None
    for name in (ONNX, ONNX_FACTS):
        if name not in files:
            raise PackageError(f"package {uri} has no {name} beside the other; {EXPORT} again")
    facts = _facts(uri, files[ONNX_FACTS])
    found = hashlib.sha256(files[ONNX]).hexdigest()
    if facts.get("sha256") != found:
        raise PackageError(
            f"package {uri}: {ONNX} has SHA-256 {found}, {ONNX_FACTS} says {facts.get('sha256')}: "
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
