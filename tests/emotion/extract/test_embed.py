"""Embedder: compared with dlib's own, and its distances between real faces."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import av
import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import weights
from emotion.errors import InputError
from emotion.extract.align import crop_face
from emotion.extract.detect import Detector, load_detector, spec_for
from emotion.extract.dlib_network import ByteReader, read_face_network
from emotion.extract.embed import SAME_PERSON_DISTANCE, Embedder, chip, load_embedder_model
from emotion.extract.spec import DetectorName

Image = NDArray[np.uint8]
PADDING = 0.18  # dlib's name for the room around the face, as this project chose it


@pytest.fixture(scope="module")
def embed() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def dlib_network() -> Any:
    return dlib.face_recognition_model_v1(str(weights.find_dlib_embedder()))


def frame(path: Path, number: int) -> Image:
    with av.open(str(path)) as container:
        for index, each in enumerate(container.decode(video=0)):
            if index == number:
                return np.asarray(each.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"{path} has no frame {number}")


def a_detector(name: DetectorName, shared: Path) -> Detector:
    return load_detector(spec_for(name), (shared / "models" / weights.YUNET.name).read_bytes())


def crops_of(image: Image, name: DetectorName, detector: Detector) -> list[Image]:
    """Return every face from left to right, after the JPEG coding of stored crops."""
    faces = detector(image)
    order = np.argsort(faces.boxes[:, 0])
    cut = [crop_face(image, faces.landmarks[k], landmarks_by=name, crop_px=112) for k in order]
    return [through_jpeg(crop) for crop in cut]


def through_jpeg(image: Image) -> Image:
    done, data = cv2.imencode(".jpg", image[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1].copy(), np.uint8)


def noise(side_px: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)


def test_no_face(embed: Embedder) -> None:
    result = embed([])
    assert (result.shape, result.dtype.name) == ((0, 128), "float32")


def test_equal_to_dlib_on_drawn_pictures(embed: Embedder, dlib_network: Any) -> None:
    chips = [np.zeros((150, 150, 3), np.uint8), np.full((150, 150, 3), 255, np.uint8), noise(150)]
    expected = [np.array(dlib_network.compute_face_descriptor(each)) for each in chips]
    np.testing.assert_allclose(embed.descriptors(chips), expected, atol=1e-3)


def test_equal_to_dlib_on_faces(embed: Embedder, dlib_network: Any, shared: Path) -> None:
    picture = frame(shared / "data/real/obama_speech.mp4", 0)
    chips = [chip(crop) for crop in crops_of(picture, "yunet", a_detector("yunet", shared))]
    assert len(chips) == 2
    expected = [np.array(dlib_network.compute_face_descriptor(each)) for each in chips]
    np.testing.assert_allclose(embed.descriptors(chips), expected, atol=1e-3)


def test_unit_length_whatever_the_crop(embed: Embedder) -> None:
    crops = [noise(16), noise(112), noise(301), np.zeros((64, 64, 3), np.uint8)]
    result = embed(crops)
    assert (result.shape, result.dtype.name) == ((4, 128), "float32")
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-6)


def test_a_face_does_not_depend_on_its_company(embed: Embedder) -> None:
    """Compare with faces alone: a row must not depend on the chunks of a video."""
    crops = [noise(112, seed) for seed in range(10)]
    alone = [embed([crop])[0] for crop in crops]
    np.testing.assert_array_equal(embed(crops), alone)


def test_the_chip_is_the_one_that_dlib_cuts(shared: Path) -> None:
    """Compare dlib's own alignment in the frame with the fixed warp of the crop."""
    picture = frame(shared / "data/real/single_face.mp4", 0)
    box = dlib.get_frontal_face_detector()(picture, 0)[0]
    points = dlib.shape_predictor(str(weights.find_dlib_landmarks()))(picture, box)
    expected = dlib.get_face_chip(picture, points, size=150, padding=PADDING)
    landmarks = np.array([(p.x, p.y) for p in points.parts()], np.float32)
    warped = chip(crop_face(picture, landmarks, landmarks_by="dlib", crop_px=150))
    inside = (slice(20, 130), slice(20, 130))
    shifts = [(dx, dy) for dx in (-6, 0, 6) for dy in (-6, 0, 6)]
    apart = {
        shift: np.abs(np.roll(warped, shift, (1, 0))[inside].astype(int) - expected[inside]).mean()
        for shift in shifts
    }
    assert min(apart, key=lambda shift: apart[shift]) == (0, 0)
    assert apart[0, 0] < 8  # of 255; the crop's template is not exactly dlib's mean face


@pytest.mark.parametrize("name", ["yunet", "dlib"])
def test_same_and_other_persons(name: DetectorName, embed: Embedder, shared: Path) -> None:
    real, detector = shared / "data/real", a_detector(name, shared)
    people: dict[str, NDArray[np.float32]] = {}
    for clip, frames, names in [
        ("obama_speech.mp4", (0, 24, 48), ("left", "right")),
        ("carphone_pristine.mp4", (0, 24, 48), ("caller",)),
        ("single_face.mp4", (0, 24, 48), ("smiler",)),
        ("WolfgangLanger_Pexels.mp4", (0, 24, 48), ("actress",)),
    ]:
        result = [embed(crops_of(frame(real / clip, k), name, detector)) for k in frames]
        for number, person in enumerate(names):
            people[person] = np.array([faces[number] for faces in result])
    for person, rows in people.items():
        mean = rows.mean(0) / np.linalg.norm(rows.mean(0))
        assert np.linalg.norm(rows - mean, axis=1).max() < SAME_PERSON_DISTANCE, person
        for other in people.keys() - {person}:
            apart = np.linalg.norm(people[other] - mean, axis=1).min()
            assert apart > SAME_PERSON_DISTANCE, (person, other)


def test_the_network_in_the_file() -> None:
    network = read_face_network(weights.find_dlib_embedder().read_bytes())
    # dlib's documentation of the input layer; 29 convolutions is what its author calls it.
    np.testing.assert_allclose(network.mean_rgb, (122.782, 117.001, 104.298), atol=1e-4)
    assert 1 + 2 * len(network.blocks) == 29
    assert network.stem.weight.shape == (32, 3, 7, 7)
    halved = [first.stride == 2 for first, _ in network.blocks]
    assert [k for k, down in enumerate(halved) if down] == [3, 7, 10, 13]
    assert network.projection.shape == (256, 128)


def test_the_network_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEO_EMOTION_DLIB_EMBEDDER", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = load_embedder_model()
    cached = tmp_path / "video-emotion" / weights.DLIB_EMBEDDER_ONNX.name
    assert cached.read_bytes() == model
    assert weights.load_dlib_embedder(lambda data: b"never called") == model
    cached.write_bytes(b"bit rot")
    with pytest.raises(InputError, match="has SHA-256"):
        load_embedder_model()


def test_without_a_cache_the_network_is_converted_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDEO_EMOTION_DLIB_EMBEDDER", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(load_embedder_model()) == 22437264
    with pytest.raises(InputError, match="did not give the known"):
        weights.load_dlib_embedder(lambda data: b"another version's bytes")


def test_the_environment_names_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(load_embedder_model())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("VIDEO_EMOTION_DLIB_EMBEDDER", str(path))
    assert load_embedder_model() == path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match="dlib's face network as ONNX .* cannot be read"):
        load_embedder_model()


def changed(data: bytes, *, at: int, to: bytes) -> bytes:
    return data[:at] + to + data[at + len(to) :]


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data: b"", "not dlib's face recognition network"),
        (lambda data: b"\x00" * 100, "not dlib's face recognition network"),
        (lambda data: data[: len(data) // 2], "it ends at byte"),
        (lambda data: data[:-1], "it ends at byte"),
        (lambda data: data + b"\x00", "1 bytes too many"),
        (lambda data: changed(data, at=data.index(b"relu_"), to=b"gelu_"), "'relu_' was expected"),
        (lambda data: changed(data, at=2, to=b"\x81\x0d"), "not dlib's face recognition network"),
    ],
    ids=["empty", "zeros", "half", "a byte short", "a byte long", "other layer", "negative length"],
)
def test_a_file_that_is_not_the_network(damage: Any, message: str) -> None:
    data = weights.find_dlib_embedder().read_bytes()
    with pytest.raises(InputError, match=message):
        read_face_network(damage(data))


@pytest.mark.parametrize(
    "written, value",
    [
        (b"\x01\x05\x01\x00", 5.0),
        (b"\x01\x03\x81\x02", 0.75),  # 3 * 2^-2
        (b"\x81\x03\x01\x01", -6.0),
        (b"\x03\x62\x90\xf5\x81\x11", 122.782),
    ],
    ids=["whole", "quarters", "negative", "three bytes"],
)
def test_how_dlib_writes_a_float(written: bytes, value: float) -> None:
    (number,) = ByteReader(written).floats(1)
    assert math.isclose(number, value, rel_tol=1e-6)
