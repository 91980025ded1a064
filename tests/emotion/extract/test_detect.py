"""YuNet under onnxruntime, against OpenCV's own detector; frames that come already small."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.detect import Detector, Faces, load_detector, spec_for
from emotion.extract.spec import DetectorName
from emotion.extract.yunet import STRIDES, YuNet, decode, suppress
from emotion.weights import YUNET

pytestmark = pytest.mark.large

Image = NDArray[np.uint8]
Rows = NDArray[np.float32]
MIN_SCORE = 0.7
VIDEOS = {
    "acted/videos/s000/s000_t0_happy.mp4": 1,  # portrait
    "acted/videos/s001": 1,
    "real/WolfgangLanger_Pexels.mp4": 1,
    "real/bikes.mp4": 0,  # the first frame; a small face comes later
    "real/carphone_pristine.mp4": 1,
    "real/no_face.mp4": 0,
    "real/obama_speech.mp4": 2,
}


@pytest.fixture(scope="module")
def model(shared: Path) -> bytes:
    return (shared / "models" / YUNET.name).read_bytes()


@pytest.fixture(scope="module")
def network(model: bytes) -> YuNet:
    return YuNet(model, min_score=MIN_SCORE)


class OpenCV:
    """OpenCV's detector with the same network."""

    def __init__(self, model: bytes) -> None:
        cv2.utils.logging.setLogLevel(2)
        data, none = np.frombuffer(model, np.uint8), np.empty(0, np.uint8)
        self._net = cv2.FaceDetectorYN.create("onnx", data, none, (320, 320), MIN_SCORE, 0.3, 500)

    def __call__(self, image: Image) -> Rows:
        self._net.setInputSize((image.shape[1], image.shape[0]))
        _, result = self._net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return np.zeros((0, 15), np.float32) if result is None else np.asarray(result, np.float32)


@pytest.fixture(scope="module")
def opencv(model: bytes) -> OpenCV:
    return OpenCV(model)


def read(path: Path, *, every: int = 40, last: int = 160) -> list[Image]:
    """Some RGB frames of a video; of a folder's first one."""
    path = sorted(path.iterdir())[0] if path.is_dir() else path
    frames = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if number >= last:
                break
    return frames


def scaled(image: Image, side_px: int) -> Image:
    scale = side_px / max(image.shape[:2])
    size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def five(shared: Path) -> Image:
    picture = cv2.imread(str(shared / "data/real/multi_face.jpg"))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def same(result: Rows, expected: Rows) -> None:
    assert result.shape == expected.shape
    np.testing.assert_allclose(result[:, :14], expected[:, :14], atol=1e-2)
    np.testing.assert_allclose(result[:, 14], expected[:, 14], atol=1e-4)


@pytest.mark.parametrize("name", VIDEOS)
def test_equal_to_opencv_on_videos(name: str, shared: Path, network: YuNet, opencv: OpenCV) -> None:
    frames = read(shared / "data" / name)
    assert len(network(scaled(frames[0], 320))) == VIDEOS[name]
    for frame in frames:
        for side_px in (320, 301):
            small = scaled(frame, side_px)
            same(network(small), opencv(small))


@pytest.mark.parametrize(
    "hw, faces",
    [((640, 960), 5), ((320, 480), 5), ((417, 333), 5), ((481, 97), 0), ((97, 481), 0)],
    ids=["large", "multiples of 32", "odd", "tall", "wide"],
)
def test_equal_to_opencv_on_five_faces(
    hw: tuple[int, int], faces: int, five: Image, network: YuNet, opencv: OpenCV
) -> None:
    small = np.asarray(cv2.resize(five, hw[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    result = network(small)
    assert len(result) == faces
    same(result, opencv(small))


@pytest.mark.parametrize("hw", [(1, 1), (1, 50), (31, 33), (32, 32), (64, 40)])
def test_tiny_pictures(hw: tuple[int, int], five: Image, network: YuNet, opencv: OpenCV) -> None:
    small = np.asarray(cv2.resize(five, hw[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    same(network(small), opencv(small))


def outputs(anchors: dict[tuple[int, int], list[float]], *, side_px: int = 64) -> list[Rows]:
    """Network outputs for a square picture: {(stride, anchor): cls, obj, bbox, keypoints}."""
    made = []
    for width, start in ((1, 0), (1, 1), (4, 2), (10, 6)):
        for stride in STRIDES:
            rows = np.zeros((1, (side_px // stride) ** 2, width), np.float32)
            for (its, anchor), values in anchors.items():
                if its == stride:
                    padded = values + [0.0] * (16 - len(values))
                    rows[0, anchor] = padded[start : start + width]
            made.append(rows)
    return made


@pytest.mark.parametrize(
    "anchors, expected",
    [
        ({}, []),
        ({(8, 0): [0.5, 0.9]}, []),  # sqrt(0.45) < 0.7
        # Column 2, row 1 of 4; centre (2.5, 1.25) * 16 = (40, 20), size e^0 * 16 and e^ln2 * 16.
        (
            {(16, 6): [0.81, 1.0, 0.5, 0.25, 0.0, np.log(2), 1.0, -1.0]},
            [[32, 4, 16, 32, 48, 0, 0.9]],
        ),
        ({(32, 3): [4.0, 1.0, 0, 0, 0, 0]}, [[16, 16, 32, 32, 32, 32, 1.0]]),  # clamped to 1
    ],
    ids=["nothing", "below the threshold", "by hand", "score above one"],
)
def test_decoding(anchors: dict[tuple[int, int], list[float]], expected: list[list[float]]) -> None:
    rows = decode(outputs(anchors), 64, MIN_SCORE)
    assert rows.shape == (len(expected), 15)
    shown = rows[:, [0, 1, 2, 3, 4, 5, 14]]
    np.testing.assert_allclose(shown, np.reshape(expected, (-1, 7)), atol=1e-5)


def a_row(x: float, width: float, score: float) -> list[float]:
    return [x, 0, width, 10, *[0] * 10, score]


@pytest.mark.parametrize(
    "rows, kept",
    [
        ([], []),
        ([a_row(0, 10, 0.8)], [0]),
        ([a_row(0, 10, 0.8), a_row(40, 10, 0.9)], [1, 0]),  # by score
        ([a_row(0, 10, 0.8), a_row(5, 10, 0.9)], [1]),  # overlap 5 of 15
        ([a_row(0, 10, 0.8), a_row(6, 10, 0.9)], [1, 0]),  # 4 of 16
        ([a_row(0, 10, 0.8), a_row(5.9, 10, 0.9)], [1]),  # 5.9 counts as 5
    ],
    ids=["none", "one", "apart", "over each other", "touching", "whole pixels"],
)
def test_suppression(rows: list[list[float]], kept: list[int]) -> None:
    table = np.array(rows, np.float32).reshape(-1, 15)
    np.testing.assert_array_equal(suppress(table, 0.7), table[kept])


@pytest.fixture(scope="module", params=["yunet", "dlib"])
def detector(request: pytest.FixtureRequest, model: bytes) -> tuple[DetectorName, Detector]:
    name: DetectorName = request.param
    return name, load_detector(spec_for(name, detect_side_px=320), model)


def test_faces_check_their_arrays_and_print_shapes() -> None:
    boxes, scores = np.zeros((2, 4), np.float32), np.zeros(2, np.float32)
    faces = Faces(boxes, scores, np.zeros((2, 5, 2), np.float32))
    assert repr(faces) == (
        "Faces(boxes=(2, 4) float32, scores=(2,) float32, landmarks=(2, 5, 2) float32)"
    )
    with pytest.raises(ValueError, match=r"Faces.landmarks must be \(2, 5, 2\) float32, got"):
        Faces(boxes, scores, np.zeros((1, 5, 2), np.float32))
    with pytest.raises(ValueError, match=r"Faces.boxes must be \(2, 4\) float32, got .* float64"):
        Faces(boxes.astype(float), scores, np.zeros((2, 5, 2), np.float32))


def equal(result: Faces, expected: Faces) -> None:
    np.testing.assert_array_equal(result.boxes, expected.boxes)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.landmarks, expected.landmarks)


def test_a_picture_already_small_gives_the_faces_of_the_frame(
    detector: tuple[DetectorName, Detector], shared: Path
) -> None:
    frame = read(shared / "data/real/single_face.mp4", last=0)[0]
    whole = detector[1](frame)
    assert len(whole) == 1
    assert whole.boxes[0, 0] > 200  # in pixels of the frame, which is wider than 320
    equal(detector[1].in_pictures([scaled(frame, 320)], frame_hw=frame.shape[:2]), whole)


def test_a_frame_smaller_than_the_detector_wants(
    detector: tuple[DetectorName, Detector], shared: Path
) -> None:
    name, detect = detector
    frame = read(shared / "data/real/carphone_pristine.mp4", last=0)[0]
    assert frame.shape[:2] == (144, 176)
    result = detect(frame)
    assert len(result) == 1, name
    x0, y0, x1, y1 = result.boxes[0]
    assert (60 < x0 < x1 < 150, 20 < y0 < y1 < 144) == (True, True)


def test_an_empty_frame(detector: tuple[DetectorName, Detector]) -> None:
    result = detector[1](np.zeros((90, 160, 3), np.uint8))
    assert (len(result), result.boxes.shape, result.landmarks.shape) == (0, (0, 4), (0, 5, 2))
