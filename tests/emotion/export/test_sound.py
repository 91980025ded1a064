"""Sound that AAC cannot hold, that is damaged, or that cannot be decoded at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from emotion.export.overlay import overlay
from emotion.export.sound import choose_way
from emotion.video.container import Limits

pytestmark = pytest.mark.large


def film(path: Path, codec: str, rate: int, layout: str = "mono") -> Path:
    """Write one second of grey pictures with a tone."""
    channels = av.AudioLayout(layout).nb_channels
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio: Any = out.add_stream(codec, rate=rate, layout=layout)
        for number in range(25):
            grey = np.full((64, 64, 3), 128, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        tone = (8000 * np.sin(np.arange(rate) * 2765 / rate)).astype(np.int16)
        for start in range(0, rate, rate // 25):
            some = np.repeat(tone[start : start + rate // 25], channels)[None]
            sample = av.AudioFrame.from_ndarray(some, "s16", layout)
            sample.sample_rate, sample.pts = rate, start
            out.mux(audio.encode(sample))
        out.mux(audio.encode(None))
    return path


def sound_s(path: Path) -> float:
    """Return the seconds of sound that can be decoded; 0 without a sound stream."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return 0.0
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize(
    "codec, rate, layout",
    [
        ("pcm_s16le", 192_000, "mono"),
        ("pcm_s16le", 37_800, "stereo"),
        ("pcm_s16le", 6_000, "mono"),
        ("pcm_s16le", 48_000, "7.1"),
        ("pcm_s16le", 44_100, "mono"),
    ],
)
def test_sound_of_any_rate_is_encoded(tmp_path: Path, codec: str, rate: int, layout: str) -> None:
    source = film(tmp_path / "a.mkv", codec, rate, layout)
    assert overlay(source, tmp_path / "o.mp4", []).audio == "encoded"
    assert sound_s(tmp_path / "o.mp4") == pytest.approx(1.0, abs=0.1)


def test_damaged_sound_costs_its_packets_and_no_picture(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", "flac", 48_000)
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        sizes = [(p.pos or 0, p.size) for p in container.demux(audio=0) if p.size]
    for pos, size in sizes[5:10]:
        data[pos + 8 : pos + size] = bytes(size - 8)
    source.write_bytes(data)
    made = overlay(source, tmp_path / "o.mp4", [])
    assert (made.audio, made.num_frames) == ("encoded", 25)
    assert 0.5 < sound_s(tmp_path / "o.mp4") < 1.1


def test_sound_that_nothing_decodes_is_left_out(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", "flac", 48_000)
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                start = packet.pos or 0
                data[start + 4 : start + packet.size] = b"\xff" * (packet.size - 4)
    source.write_bytes(data)
    made = overlay(source, tmp_path / "o.mp4", [])
    assert (made.audio, made.num_frames) == ("dropped", 25)
    assert sound_s(tmp_path / "o.mp4") == 0.0


@pytest.mark.parametrize("codec, suffix, way", [("aac", "mp4", "copied"), ("aac", "ts", "copied"),
                                                ("ac3", "mkv", "copied")])  # fmt: skip
def test_sound_that_mp4_holds_is_copied(tmp_path: Path, codec: str, suffix: str, way: str) -> None:
    source = film(tmp_path / f"a.{suffix}", codec, 48_000)
    assert choose_way(source, Limits()) == way
    assert overlay(source, tmp_path / "o.mp4", []).audio == way
    assert sound_s(tmp_path / "o.mp4") == pytest.approx(1.0, abs=0.1)
