"""Resampling from the crop to a network's face frame, against positions worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from emotion.extract.align import crop_face, eyes_and_nose
from emotion.models import mini_xception, mobilefacenet
from emotion.models.face_frame import CROP_EYE_HEIGHT, CROP_EYES, FaceFrame, to_frame
from emotion.models.registry import build_model

OWN = FaceFrame(size_px=112, eyes=CROP_EYES, eye_height=CROP_EYE_HEIGHT)


def ramp(side: int) -> torch.Tensor:
    """Return (1, 2, side, side): channel 0 is x, channel 1 is y, as shares of the side."""
    shares = (torch.arange(side) + 0.5) / side
    return torch.stack([shares.expand(side, side), shares[:, None].expand(side, side)])[None]


def test_the_crops_own_frame_changes_nothing() -> None:
    crops = torch.rand(2, 3, 112, 112)
    assert torch.equal(to_frame(crops, OWN), crops)


@pytest.mark.parametrize("side", [112, 96, 64, 224, 301])
@pytest.mark.parametrize("frame", [mobilefacenet.FRAME, mini_xception.FRAME], ids=["arc", "mini"])
def test_every_pixel_comes_from_the_place_that_the_eyes_give(frame: FaceFrame, side: int) -> None:
    """A ramp shows the place that each pixel comes from; beyond the crop the edge is repeated."""
    places = (np.arange(frame.size_px) + 0.5) / frame.size_px
    xs = 0.5 + (places - 0.5) * 0.38 / frame.eyes
    ys = 0.35 + (places - frame.eye_height) * 0.38 / frame.eyes
    reduction = max(1, int(side * 0.38 / (frame.size_px * frame.eyes)))  # of large crops
    edge = 0.5 * reduction / side
    got = to_frame(ramp(side), frame)[0].numpy()
    np.testing.assert_allclose(got[0, 0], xs.clip(edge, 1 - edge), atol=1 / side)
    np.testing.assert_allclose(got[1, :, 0], ys.clip(edge, 1 - edge), atol=1 / side)


def test_it_equals_opencv() -> None:
    """OpenCV rounds its weights to 1/32, so a smooth picture differs by little."""
    frame = mobilefacenet.FRAME
    picture = cv2.GaussianBlur(np.random.default_rng(0).random((112, 112), np.float32), (0, 0), 5)
    scale = frame.eyes / 0.38
    matrix = np.array([
        [scale, 0, 112 * (0.5 - 0.5 * scale) - 0.5 + 0.5 * scale],
        [0, scale, 112 * (frame.eye_height - 0.35 * scale) - 0.5 + 0.5 * scale],
    ])  # fmt: skip
    expected = cv2.warpAffine(
        picture, matrix, (112, 112), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    got = to_frame(torch.from_numpy(picture)[None, None], frame)[0, 0].numpy()
    assert np.abs(got - expected).max() < 0.02 * np.ptp(picture)


def test_the_crop_has_its_eyes_there() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    points = np.array([[80, 90], [120, 90], [100, 112.63], [0, 0], [0, 0]], np.float32)
    left, right, _ = eyes_and_nose(points, "yunet")
    for x, y in (left, right):
        cv2.circle(picture, (int(x), int(y)), 2, (255, 255, 255), -1)
    crop = crop_face(picture, points, landmarks_by="yunet", crop_px=112)
    ys, xs = np.nonzero(crop[..., 0] > 100)
    assert ys.mean() / 112 == pytest.approx(CROP_EYE_HEIGHT, abs=0.02)
    apart = (xs[xs > 56].mean() - xs[xs < 56].mean()) / 112
    assert apart == pytest.approx(CROP_EYES, abs=0.02)


@pytest.mark.parametrize("backbone", ["mobilefacenet", "mini_xception"])
def test_a_larger_crop_of_the_same_face_gives_the_same_logits(backbone: str) -> None:
    torch.manual_seed(0)
    model = build_model("cnn_mean", 3, {"backbone": backbone}).eval()
    coarse = torch.randn(1, 3, 2, 6, 6)
    small, large = (
        torch.nn.functional.interpolate(coarse, (2, side, side), mode="trilinear")
        for side in (112, 224)
    )
    with torch.inference_mode():
        one, other = model(small), model(large)
    assert (one - other).abs().max() < 0.05 * one.std()
