"""Extraction spec and the weights that it names."""

from pathlib import Path

import pytest

from emotion import weights
from emotion.errors import InputError
from emotion.extract.detect import load_detector, spec_for
from emotion.extract.spec import ExtractionSpec


def test_json_and_back() -> None:
    spec = spec_for("dlib", sample_fps=5.0)
    assert ExtractionSpec.from_json(spec.to_json()) == spec


def test_every_field_is_in_the_digest() -> None:
    spec = spec_for("yunet")
    changed = {
        "detector": "dlib",
        "detector_sha256": "0" * 64,
        "landmarks": "yunet",
        "landmarks_sha256": "0" * 64,
        "sample_fps": 5.0,
        "detect_side_px": 640,
        "min_score": 0.5,
        "crop_px": 96,
        "clip_len": 8,
        "clip_stride": 8,
        "min_clip_faces": 4,
        "jpeg_quality": 80,
        "embedder_sha256": "",
        "version": 99,
    }
    assert set(changed) == set(vars(spec))
    digests = {spec.digest}
    for name, value in changed.items():
        fields = vars(spec) | {name: value}
        if name == "clip_len":
            fields["clip_stride"] = 8
        digests.add(ExtractionSpec(**fields).digest)
    assert len(digests) == len(changed) + 1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sample_fps": 5.0}, "it was edited"),
        ({"version": 2}, "is of version 2, this release cuts crops by version 3; build"),
        ({"landmarks": "yunet"}, "landmarks with detector dlib must be dlib, got yunet"),
        ({"surprise": 1}, "not one of this release"),
        ({"clip_len": 0}, "clip_len must be at least 1 and at most 1024, got 0"),
    ],
)
def test_a_stored_spec_that_was_changed(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExtractionSpec.from_json(spec_for("dlib").to_json() | change)


def test_a_detector_with_other_weights_is_refused() -> None:
    with pytest.raises(InputError, match="wants dlib weights 000000000000"):
        load_detector(spec_for("dlib", detector_sha256="0" * 64), None)


def test_yunet_without_its_weights_is_refused() -> None:
    with pytest.raises(InputError, match="--yunet"):
        load_detector(spec_for("yunet"), None)


def test_named_weights_must_be_the_right_ones(tmp_path: Path) -> None:
    wrong = tmp_path / "yunet.onnx"
    wrong.write_bytes(b"not it")
    with pytest.raises(InputError, match="has SHA-256"):
        weights.load_yunet(str(wrong))
    with pytest.raises(InputError, match="No such file"):
        weights.load_yunet(str(tmp_path / "none"))


def test_weights_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEO_EMOTION_YUNET", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "video-emotion"
    folder.mkdir()
    (folder / weights.YUNET.name).write_bytes(b"bit rot")
    with pytest.raises(InputError, match="has SHA-256"):
        weights.load_yunet()


def test_the_landmark_file_is_the_known_one() -> None:
    assert weights.find_dlib_landmarks().name == weights.DLIB_LANDMARKS.name


def test_a_spec_of_an_earlier_package_has_its_side_and_digest() -> None:
    """Load a spec that was stored before ``auto``: its own digest, and 320 pixels for all sizes."""
    stored = {
        "clip_len": 16,
        "clip_stride": 16,
        "crop_px": 112,
        "detect_side_px": 320,
        "detector": "yunet",
        "detector_sha256": weights.YUNET.sha256,
        "digest": "93a7d63b6ec7b57d",
        "embedder_sha256": weights.DLIB_EMBEDDER.sha256,
        "jpeg_quality": 92,
        "landmarks": "dlib",
        "landmarks_sha256": weights.DLIB_LANDMARKS.sha256,
        "min_clip_faces": 8,
        "min_score": 0.7,
        "sample_fps": 8.0,
        "version": 3,
    }
    spec = ExtractionSpec.from_json(stored)
    assert spec.detect_side_px == 320
    assert spec.to_json() == stored
    assert spec.difference(spec_for("yunet")) == "detect_side_px 320 and auto"


@pytest.mark.parametrize("side_px", [63, 4097, "large"])
def test_a_side_out_of_range(side_px: object) -> None:
    message = "detect_side_px must be at least 64 and at most 4096 or auto, got"
    with pytest.raises(InputError, match=message):
        spec_for("yunet", detect_side_px=side_px)
