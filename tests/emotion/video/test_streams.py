"""Choice of the film among several video streams, and its beginning on a player's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from emotion.errors import VideoError
from emotion.video.decode import Limits, VideoFacts, probe, sample_frames
from tests.helpers.drawing import number_frame, read_number

pytestmark = pytest.mark.large


@dataclass(frozen=True)
class Track:
    """One video stream: its pictures show ``first``, ``first`` + 1, ..."""

    first: int
    count: int
    hw: tuple[int, int] = (64, 64)
    codec: str = "libx264"
    is_default: bool = False
    is_cover: bool = False


def write(
    path: Path, tracks: Sequence[Track], *, begins_s: float = 0.0, sound_s: float = 0.0
) -> Path:
    """Write the streams one after the other; ``sound_s`` seconds of sound begin at 0."""
    with av.open(str(path), "w") as container:
        streams = []
        for track in tracks:
            stream: Any = container.add_stream(track.codec, rate=25)
            stream.height, stream.width = track.hw
            stream.pix_fmt = "yuvj420p" if track.codec == "mjpeg" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            stream.disposition = Disposition(
                (Disposition.default if track.is_default else 0)
                | (Disposition.attached_pic if track.is_cover else 0)
            )
            streams.append(stream)
        sound: Any = container.add_stream("aac", rate=16000) if sound_s else None
        packets: list[Any] = []
        if sound is not None:
            for start in range(0, round(16000 * sound_s), 1024):
                samples = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
                )
                samples.sample_rate, samples.pts = 16000, start
                samples.time_base = Fraction(1, 16000)
                packets += sound.encode(samples)
            packets += sound.encode(None)
        for track, stream in zip(tracks, streams, strict=True):
            for k in range(track.count):
                image = number_frame(track.first + k, hw=track.hw)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = k + round(25 * begins_s), Fraction(1, 25)
                packets += stream.encode(frame.reformat(format=stream.pix_fmt))
            packets += stream.encode(None)
        container.start_encoding()
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


FILM = Track(0, 20, (96, 128))


@pytest.mark.parametrize(
    "suffix, tracks",
    [
        (".mp4", [FILM]),
        (".mkv", [Track(500, 20, (48, 64), is_default=True), FILM]),
        (".mp4", [Track(500, 1, (256, 256), codec="mjpeg"), FILM]),
        (".mkv", [FILM, Track(500, 1, (480, 640), codec="mjpeg", is_default=True)]),
        (".mov", [Track(500, 5, (48, 64)), FILM, Track(600, 20, (64, 64))]),
        (".ts", [Track(500, 20, (64, 64)), FILM]),
        (".mkv", [Track(500, 20, (96, 128)), Track(0, 20, (96, 128), is_default=True)]),
    ],
    ids=["alone", "preview", "still", "still last", "three", "programs", "equal: the default"],
)
def test_the_film_is_found(tmp_path: Path, suffix: str, tracks: list[Track]) -> None:
    path = write(tmp_path / f"v{suffix}", tracks)
    facts = VideoFacts()
    with path.open("rb") as file:
        for source in (path, file):
            frames = list(sample_frames(source, sample_fps=25, limits=Limits(), facts=facts))
            assert [read_number(f.image) for f in frames] == list(range(20))
            assert (facts.height, facts.width) == (96, 128)
    part = sample_frames(
        path, sample_fps=25, limits=Limits(), facts=VideoFacts(), start=10, stop=15
    )
    assert [read_number(f.image) for f in part] == list(range(10, 15))
    assert probe(path, Limits()).height == 96


def test_a_cover_alone_is_no_film(tmp_path: Path) -> None:
    cover = Track(0, 1, (64, 64), codec="mjpeg", is_cover=True)
    path = write(tmp_path / "v.mp4", [cover], sound_s=1)
    with pytest.raises(VideoError, match="only pictures") as caught:
        probe(path, Limits())
    assert caught.value.reason == "no_video_stream"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".flv"])
@pytest.mark.parametrize("begins_s, sound_s", [(0.0, 3.0), (2.0, 3.0), (0.48, 1.0)])
def test_when_the_pictures_begin(
    tmp_path: Path, suffix: str, begins_s: float, sound_s: float
) -> None:
    path = write(tmp_path / f"v{suffix}", [FILM], begins_s=begins_s, sound_s=sound_s)
    facts = VideoFacts()
    frames = list(sample_frames(path, sample_fps=25, limits=Limits(), facts=facts))
    assert facts.first_frame_s == pytest.approx(begins_s, abs=0.09)  # AAC begins 64 ms earlier
    assert frames[0].pts_s == 0.0
