"""Files that are no videos are named by what they are."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion.errors import VideoError
from emotion.video.container import Limits, open_video


def picture(path: Path, suffix: str) -> None:
    encoded = cv2.imencode(suffix, np.zeros((40, 40, 3), np.uint8))[1]
    path.write_bytes(encoded.tobytes())


@pytest.mark.parametrize(
    "kind, text",
    [
        (".jpg", "it is a JPEG picture"),
        (".png", "it is a PNG picture"),
        (".webp", "it is a WebP picture"),
        (".bmp", "it is a BMP picture"),
        (".tiff", "it is a TIFF picture"),
        ("zip", "it is a zip archive or an Office document"),
        ("text", "its content is of no video format that is read"),
        ("page", "it is an HTML page"),
    ],
)
def test_the_reason_says_what_it_is(tmp_path: Path, kind: str, text: str) -> None:
    path = tmp_path / "a.mp4"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "text")
    elif kind == "text":
        path.write_text("text\n" * 99)
    elif kind == "page":
        path.write_text("<!DOCTYPE html><title>404</title>")
    else:
        picture(path, kind)
    with pytest.raises(VideoError) as refused, open_video(path, Limits()):
        pass
    assert (refused.value.reason, refused.value.detail) == ("not_a_video", text)
