"""Extractor on real clips, compared with known facts and with the times of their packets."""

from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from emotion.extract.align import crop_face, head_angles
from emotion.extract.detect import load_detector, spec_for
from emotion.extract.extractor import Extractor
from emotion.extract.spec import DetectorName
from emotion.extract.walk import VideoSummary
from emotion.video.decode import VideoFacts
from emotion.weights import YUNET
from tests.helpers.drawing import number_frame, write_video

pytestmark = pytest.mark.large

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def yunet_model(shared: Path) -> bytes:
    return (shared / "models" / YUNET.name).read_bytes()


@pytest.fixture(scope="module")
def extractor(yunet_model: bytes) -> Extractor:
    return Extractor(spec_for("yunet"), yunet_model=yunet_model)


def extract(extractor: Extractor, path: Path) -> tuple[Rows, VideoSummary]:
    rows: Rows = defaultdict(list)
    summary = VideoSummary()
    for table, row in extractor.rows(path, video_id="v", summary=summary):
        rows[table].append(row)
    return rows, summary


def packet_pts(path: Path) -> list[Fraction]:
    """Return every frame's presentation time from the container, without decoding."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.pts is not None]
        return sorted(Fraction(p.pts or 0) * (p.time_base or 1) for p in packets)


def test_no_face_gives_no_clip_and_no_error(extractor: Extractor, shared: Path) -> None:
    rows, summary = extract(extractor, shared / "data/real/no_face.mp4")
    assert (rows["faces"], rows["clips"]) == ([], [])
    assert len(rows["frames"]) == summary.num_frames == 33
    assert (summary.reason, summary.coverage) == ("no_face", 0.0)


def test_no_track_crosses_a_cut(extractor: Extractor, shared: Path) -> None:
    rows, _ = extract(extractor, shared / "data/real/bikes.mp4")
    cuts_s = (1.24, 5.48, 9.72)  # scenes of the clip: rider, street, cyclist, no person
    scenes = defaultdict(set)
    for face in rows["faces"]:
        if face["track_id"] is not None:
            scenes[face["track_id"]].add(sum(face["pts_s"] >= at for at in cuts_s))
    assert scenes
    assert all(len(numbers) == 1 for numbers in scenes.values())


@pytest.mark.parametrize(
    "name, from_s, to_s", [("face_noface.mov", 0.0, 2.49), ("noface_face.mov", 3.95, 6.35)]
)
def test_faces_only_while_there_is_one(
    extractor: Extractor, shared: Path, name: str, from_s: float, to_s: float
) -> None:
    rows, summary = extract(extractor, shared / "data/real" / name)
    times = [face["pts_s"] for face in rows["faces"]]
    assert min(times) >= from_s
    assert max(times) <= to_s
    assert len(times) >= 0.95 * (to_s - from_s) * 8 - 1
    assert summary.num_tracks == 1


def test_two_faces_are_two_tracks_at_once(extractor: Extractor, shared: Path) -> None:
    rows, summary = extract(extractor, shared / "data/real/obama_speech.mp4")
    assert summary.num_tracks == 2
    per_frame = Counter(face["frame_index"] for face in rows["faces"])
    assert set(per_frame.values()) == {2}
    left, right = (
        np.array([f["box"] for f in rows["faces"] if f["track_id"] == k]).mean(0) for k in (0, 1)
    )
    assert abs(left[0] - right[0]) > 40


def test_one_person_is_one_track(extractor: Extractor, shared: Path) -> None:
    rows, summary = extract(extractor, shared / "data/real/WolfgangLanger_Pexels.mp4")
    tracks = Counter(face["track_id"] for face in rows["faces"])
    assert tracks.most_common(1)[0][1] >= 0.98 * summary.num_frames


@pytest.mark.parametrize("detector", ["yunet", "dlib"])
def test_rows_agree_with_each_other(
    shared: Path, yunet_model: bytes, detector: DetectorName
) -> None:
    extractor = Extractor(spec_for(detector), yunet_model=yunet_model)
    rows, summary = extract(extractor, shared / "data/real/carphone_pristine.mp4")
    assert len(rows["clips"]) == summary.num_clips == 2
    assert summary.coverage > 0.9
    times = {f["frame_index"]: f["pts_s"] for f in rows["frames"]}
    for face in rows["faces"]:
        x0, y0, x1, y1 = face["box"]
        assert 0 <= x0 < x1 <= 176
        assert 0 <= y0 < y1 <= 144
        assert face["pts_s"] == times[face["frame_index"]]
        assert len(face["landmarks"]) == 10
        assert abs(face["roll_deg"]) < 40
    for clip in rows["clips"]:
        assert len(clip["crops"]) == len(clip["pts_s"]) == 16
        assert set(clip["pts_s"]) <= set(times.values())
        crop = cv2.imdecode(np.frombuffer(clip["crops"][0], np.uint8), cv2.IMREAD_COLOR)
        assert crop is not None
        assert crop.shape == (112, 112, 3)


@pytest.mark.parametrize("detector", ["yunet", "dlib"])
def test_the_crop_shows_the_face_upright(
    shared: Path, yunet_model: bytes, detector: DetectorName
) -> None:
    """Turn a face in the frame: the detector must see it upright in its crop."""
    spec = spec_for(detector)
    detect = load_detector(spec, yunet_model)
    picture = cv2.imread(str(shared / "data/real/single_face.jpg"))
    assert picture is not None
    image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 1)
    turned = np.asarray(cv2.warpAffine(image, turn, (width, height)), np.uint8)
    faces = detect(turned)
    assert abs(head_angles(faces.landmarks[0], detector)[1] + 20) < 8
    crop = crop_face(turned, faces.landmarks[0], landmarks_by=detector, crop_px=224)
    bordered = cv2.copyMakeBorder(crop, 112, 112, 112, 112, cv2.BORDER_REPLICATE)
    again = detect(np.asarray(bordered, np.uint8))
    assert len(again) == 1
    assert abs(head_angles(again.landmarks[0], detector)[1]) < 10


def test_faces_of_a_group_picture(shared: Path, yunet_model: bytes) -> None:
    picture = cv2.imread(str(shared / "data/real/multi_face.jpg"))
    image = np.asarray(picture, np.uint8)[:, :, ::-1].copy()
    assert len(load_detector(spec_for("yunet"), yunet_model)(image)) == 5
    assert len(load_detector(spec_for("dlib"), None)(image)) >= 3  # HOG misses small ones


def test_times_are_the_containers_own(extractor: Extractor, shared: Path) -> None:
    """Compare pts_s of every sampled frame with its packet's time, in 42 clips of four codecs."""
    paths = sorted((shared / "data/acted/videos").rglob("*.*"))[::7]
    assert {p.suffix for p in paths} == {".mp4", ".mkv", ".webm", ".avi"}
    for path in paths:
        pts = packet_pts(path)
        rows, _ = extract(extractor, path)
        for frame in rows["frames"]:
            at = pts[0] + Fraction(frame["frame_index"], 8)
            shown = max(p for p in pts if p <= at)
            assert frame["pts_s"] == pytest.approx(float(shown - pts[0]), abs=1e-9), path.name
        seconds = float(pts[-1] - pts[0])
        assert abs(rows["frames"][-1]["frame_index"] - seconds * 8) <= 1.7, path.name


def test_acted_clips_give_one_track_each(extractor: Extractor, shared: Path) -> None:
    paths = sorted((shared / "data/acted/videos").rglob("*.*"))[3::7]
    summaries = [extract(extractor, path)[1] for path in paths]
    assert sum(s.num_clips > 0 for s in summaries) >= 0.98 * len(paths)
    assert sum(s.num_tracks == 1 for s in summaries) >= 0.97 * len(paths)


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 25.0])
def test_every_sample_of_a_slow_video_is_answered_for(
    extractor: Extractor, shared: Path, tmp_path: Path, fps: float
) -> None:
    """Show one face with few frames a second: a frame has a row for each sample it is shown at."""
    picture = cv2.imread(str(shared / "data/real/single_face.jpg"))
    assert picture is not None
    image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)[:360, :640]
    count = round(6 * fps)
    path = write_video(tmp_path / "v.mp4", [image] * count, fps=fps)
    rows, summary = extract(extractor, path)
    assert [row["frame_index"] for row in rows["frames"]] == list(range(48))
    times = [row["pts_s"] for row in rows["frames"]]
    for index, time_s in enumerate(times):
        assert index / 8 - 1 / fps < time_s <= index / 8
    assert times == sorted(set(times))
    assert (summary.num_faces, summary.num_faceless_frames) == (48, 0)
    assert (summary.num_tracks, summary.num_clips, summary.coverage) == (1, 3, 1.0)


@pytest.mark.parametrize("stop", [3, 8, 11])
def test_parts_of_a_slow_video_give_the_observations_of_the_whole(
    extractor: Extractor, tmp_path: Path, stop: int
) -> None:
    images = [number_frame(k, hw=(64, 64)) for k in range(3)]
    path = write_video(tmp_path / "v.mp4", images, pts_s=[0.0, 1.3, 1.4])

    def observed(start: int, end: int | None) -> list[tuple[int, float]]:
        found = extractor.observations(path, facts=VideoFacts(), start=start, stop=end)
        return [(o.frame_index, o.pts_s) for o in found]

    assert observed(0, stop) + observed(stop, None) == observed(0, None)


def test_boxes_of_a_video_that_changes_its_size(
    extractor: Extractor, shared: Path, tmp_path: Path
) -> None:
    """A face in 640 x 360, then the same picture in 960 x 540: its box stays where it is."""
    picture = cv2.imread(str(shared / "data/real/single_face.jpg"))
    assert picture is not None
    image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    parts = []
    for number, size in enumerate([(640, 360), (960, 540), (360, 640)]):
        scale = min(size[0] / image.shape[1], size[1] / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        top, left = (size[1] - small.shape[0]) // 2, (size[0] - small.shape[1]) // 2
        frame[top : top + small.shape[0], left : left + small.shape[1]] = small
        parts.append(write_video(tmp_path / f"{number}.ts", [frame] * 25).read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    rows, summary = extract(extractor, path)
    assert (summary.facts.width, summary.facts.height) == (640, 360)
    boxes = np.array([row["box"] for row in rows["faces"]])
    assert len(boxes) == len(rows["frames"]) == 24
    assert (boxes.min(0) >= 0).all() and (boxes.max(0) <= [640, 360, 640, 360]).all()
    np.testing.assert_allclose(boxes[:16], np.tile(boxes[0], (16, 1)), atol=12)
