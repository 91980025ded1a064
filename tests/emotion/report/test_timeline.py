"""The picture of a track over time, and the reel that the demo draws."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.report.timeline import ActedSpan, DrawnClip, timeline_png
from emotion.synth.reel import Act, render_reel

LABELS = ("happy", "sad")
HAPPY, SAD = (0xE6, 0x9F, 0x00), (0x00, 0x72, 0xB2)


def clip(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((4, 8, 8, 3), colour, np.uint8)


def decode(png: bytes) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[:, :, ::-1], np.uint8)


def count(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((image == np.array(colour)).all(axis=2).sum())


def test_no_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        timeline_png([], LABELS, title="empty")


def test_areas_are_the_probabilities() -> None:
    """Two clips of 2 s, 3/4 and 1/4 happy, have equal areas; then 4 s are sad."""
    clips = [
        DrawnClip(0, 2, (0.75, 0.25), clip((0, 0, 0))),
        DrawnClip(2, 4, (0.25, 0.75), clip((0, 0, 0))),
        DrawnClip(4, 8, (0.0, 1.0), clip((0, 0, 0))),
    ]
    image = decode(timeline_png(clips, LABELS, title="areas"))
    assert count(image, SAD) / count(image, HAPPY) == pytest.approx(3, rel=0.1)


def test_crops_stand_at_their_time() -> None:
    """Red crops are on the left, blue ones on the right, and none between them."""
    clips = [
        DrawnClip(0, 4, (1.0, 0.0), clip((255, 0, 0))),
        DrawnClip(8, 12, (1.0, 0.0), clip((0, 0, 255))),
    ]
    image = decode(timeline_png(clips, LABELS, title="crops"))
    width = image.shape[1]
    left, right = image[:, : width // 2], image[:, width // 2 :]
    assert count(left, (255, 0, 0)) > 1000
    assert count(left, (0, 0, 255)) == 0
    assert count(right, (0, 0, 255)) == pytest.approx(count(left, (255, 0, 0)), rel=0.1)


def test_acted_labels_are_a_strip() -> None:
    clips = [DrawnClip(0, 4, (1.0, 0.0), clip((0, 0, 0)))]
    with_strip = timeline_png(clips, LABELS, title="x", acted=[ActedSpan("sad", 0, 4)])
    without = timeline_png(clips, LABELS, title="x")
    assert with_strip != without


def test_a_reel_has_every_act_in_order(tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    acts = render_reel(path, seed=1, subject=0, labels=("happy", "sad"), act_s=0.5)
    assert acts == [Act("happy", 0.0, 0.5), Act("sad", 0.5, 1.0)]
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [(f.height, f.width) for f in frames] == [(240, 320)] * 12
