"""Extraction spec: every choice that decides which pixels become a clip."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, Literal

from emotion.errors import InputError
from emotion.ranges import Range
from emotion.weights import DLIB_EMBEDDER, DLIB_LANDMARKS, WeightsFile

DetectorName = Literal["yunet", "dlib"]
LandmarksName = Literal["yunet", "dlib"]
EXTRACTION_VERSION = 3
"""Version of the extraction: a release that makes other pixels from the same spec increases it.

3: landmarks by dlib's predictor in YuNet's box, field ``landmarks``. Corrections for kinds of files
whose pixels were wrong (HDR, pixels that are not square) do not increase it.
"""
AUTO: Literal["auto"] = "auto"
"""Value of ``detect_side_px`` that chooses the picture's size by the frame's size."""


@dataclasses.dataclass(frozen=True)
class ExtractionSpec:
    """Choices of the extraction; stored with every dataset, package and score set.

    Attributes:
        detector: name of the face detector.
        detector_sha256: hex SHA-256 of its weights file.
        landmarks: method that gives the landmarks, by which crops are aligned: dlib's predictor
            in the detected box, or the detector itself. With detector dlib it is dlib.
        landmarks_sha256: hex SHA-256 of the weights file of that method.
        sample_fps: samples per second of presentation time; above 0, at most 240.
        detect_side_px: longest side of the picture that the detector gets, pixels, 64 to 4096; or
            ``auto``, which by the frame's size adds a larger picture for small faces, see
            ``emotion.extract.detect.detect_sides``.
        min_score: lowest score of a detection that is used; -10 to 10, see ``Faces.scores``.
        crop_px: side of the square aligned crop, pixels; 16 to 1024.
        clip_len: crops per clip (T); 1 to 1024.
        clip_stride: samples from the start of one clip to that of the next; 1 to ``clip_len``.
            With ``clip_len``, clips do not overlap and every crop is stored once.
        min_clip_faces: least number of samples with a detected face that make a window a clip;
            1 to ``clip_len``.
        jpeg_quality: JPEG quality of the stored crops, 1 to 100.
        embedder_sha256: hex SHA-256 of the weights file of the network that embeds faces; if
            empty, every track gets a new identity.
        version: ``EXTRACTION_VERSION`` of the release.

    Raises:
        InputError: if a value is out of its range.
    """

    detector: DetectorName
    detector_sha256: str
    landmarks: LandmarksName = "dlib"
    landmarks_sha256: str = DLIB_LANDMARKS.sha256
    sample_fps: float = 8.0
    detect_side_px: int | Literal["auto"] = 320
    min_score: float = 0.7
    crop_px: int = 112
    clip_len: int = 16
    clip_stride: int = 16
    min_clip_faces: int = 8
    jpeg_quality: int = 92
    embedder_sha256: str = DLIB_EMBEDDER.sha256
    version: int = EXTRACTION_VERSION

    def __post_init__(self) -> None:
        ranges = {
            "sample_fps": Range(0, 240, low_open=True),
            "detect_side_px": Range(64, 4096),
            "min_score": Range(-10, 10),
            "crop_px": Range(16, 1024),
            "clip_len": Range(1, 1024),
            "clip_stride": Range(1, self.clip_len),
            "min_clip_faces": Range(1, self.clip_len),
            "jpeg_quality": Range(1, 100),
        }
        for name, allowed in ranges.items():
            value = getattr(self, name)
            if name == "detect_side_px" and value == AUTO:
                continue
            if isinstance(value, str) or value not in allowed:
                other = " or auto" if name == "detect_side_px" else ""
                raise InputError(f"extraction spec: {name} must be {allowed}{other}, got {value}")
        if self.landmarks not in ("dlib", self.detector):
            raise InputError(
                f"extraction spec: landmarks with detector {self.detector} must be dlib, "
                f"got {self.landmarks}"
            )

    @property
    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical JSON."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the digest, as ``spec.json`` and ``model.json`` store them."""
        return dataclasses.asdict(self) | {"digest": self.digest}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ExtractionSpec:
        """Return the spec from the value that ``to_json`` made.

        Raises:
            InputError: if a field is unknown, missing or out of range, or the digest does not
                match the fields.
        """
        fields = {k: v for k, v in value.items() if k != "digest"}
        version = fields.get("version", 1)
        if version != EXTRACTION_VERSION:
            raise InputError(
                f"extraction spec is of version {version}, this release cuts crops by version "
                f"{EXTRACTION_VERSION}; build the dataset and train the package again"
            )
        try:
            spec = cls(**fields)
        except TypeError as err:
            raise InputError(f"extraction spec is not one of this release: {err}") from err
        if value.get("digest", spec.digest) != spec.digest:
            raise InputError(
                f"extraction spec says digest {value['digest']}, its fields give {spec.digest}: "
                "it was edited or is from another release"
            )
        return spec

    def difference(self, other: ExtractionSpec) -> str:
        """Return text with the fields in which two specs differ; empty if they are equal.

        For an error message, such as "crop_px 112 and 96".
        """
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return ", ".join(f"{k} {mine[k]} and {theirs[k]}" for k in mine if mine[k] != theirs[k])


def check_known(kind: str, sha256: str, file: WeightsFile) -> None:
    """Check that an extraction spec names the weights that this release has.

    Args:
        kind: name of the weights in the message, such as "embedder".
        sha256: hex SHA-256 in the spec.
        file: the file of this release.

    Raises:
        InputError: if they differ.
    """
    if sha256 != file.sha256:
        raise InputError(
            f"the spec wants {kind} weights {sha256[:12]}, this release has {file.sha256[:12]}"
        )
