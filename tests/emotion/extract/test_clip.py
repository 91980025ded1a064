"""Windows of crops, by hand for clips of four crops."""

import numpy as np
import pytest

from emotion.extract.clip import Clip, ClipBuilder, CropItem
from emotion.extract.spec import ExtractionSpec

SPEC = ExtractionSpec(
    detector="dlib",
    detector_sha256="0" * 64,
    sample_fps=4,
    clip_len=4,
    clip_stride=4,
    min_clip_faces=2,
)


def item(k: int) -> CropItem:
    return CropItem(k, k / 4 + 0.01, (k, 0.0, k + 10.0, 10.0), 0.5, str(k).encode())


def clips_of(frames: list[int], spec: ExtractionSpec = SPEC) -> list[Clip]:
    builder = ClipBuilder(spec)
    made = [clip for k in frames for clip in builder.add(item(k))]
    return made + builder.finish()


@pytest.mark.parametrize(
    "frames, crops",
    [
        ([], []),
        ([0], []),  # fewer faces than min_clip_faces
        ([3, 4], ["3444"]),
        ([0, 1, 2, 3], ["0123"]),
        ([5, 6, 7, 8], ["5678"]),  # windows start at the track's first face
        ([0, 1, 2, 3, 4], ["0123"]),  # one face is left over
        ([0, 1, 2, 3, 4, 5], ["0123", "4555"]),
        ([0, 3], ["0003"]),  # a missing face shows the one before it
        ([0, 1, 2, 3, 4, 9, 10], ["0123", "9101010"]),  # ... within its window
        ([0, 1, 5, 6], ["0111", "5666"]),  # after a gap the window starts at the next face
        ([0, 1, 20, 21], ["0111", "20212121"]),
    ],
    ids=str,
)
def test_crops_of_each_window(frames: list[int], crops: list[str]) -> None:
    assert [b"".join(c.crops).decode() for c in clips_of(frames)] == crops


def test_every_crop_is_in_one_clip_when_the_stride_is_the_length() -> None:
    clips = clips_of(list(range(40)))
    shown = [crop for clip in clips for crop in clip.crops]
    assert shown == [str(k).encode() for k in range(40)]


def test_overlapping_windows() -> None:
    spec = ExtractionSpec(**(vars(SPEC) | {"clip_stride": 2}))
    crops = [b"".join(c.crops).decode() for c in clips_of([0, 1, 2, 3, 4, 5], spec)]
    assert crops == ["0123", "2345"]


def test_times_box_and_quality() -> None:
    (clip,) = clips_of([0, 1, 3])
    assert (clip.start_s, clip.stop_s) == (0.0, 1.0)
    np.testing.assert_allclose(clip.pts_s, [0.01, 0.26, 0.26, 0.76])
    np.testing.assert_allclose(clip.box, [4 / 3, 0, 4 / 3 + 10, 10])
    assert clip.num_faces == 3
    assert clip.quality == pytest.approx(3 / 4 * 0.5)


def test_clips_of_one_track_do_not_overlap_in_time() -> None:
    clips = clips_of(list(range(10)))
    for before, after in zip(clips, clips[1:], strict=False):
        assert before.stop_s <= after.start_s
