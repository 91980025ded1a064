"""Time is right: drawn videos whose pixels tell the frame number, in every codec and container.

What is expected is worked out from the times that were written. Where pixels are compared, the
other side is PyAV decoding every frame with nothing of this project in between.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.decode import (
    Frame,
    Limits,
    VideoFacts,
    join_facts,
    open_video,
    probe,
    sample_frames,
)
from emotion.extract.timeline import Reader
from tests.drawing import number_frame, read_number, write_video

STEADY = [n / 25 for n in range(40)]
VARIABLE = [0.0, 0.04, 0.08, 0.48, 0.56, 1.2, 1.24, 1.28, 1.32, 2.0, 2.04]
OFFSET = [t + 3.0 for t in VARIABLE]


@dataclass(frozen=True)
class Case:
    """A video to draw, and how far its container rounds times."""

    name: str
    suffix: str
    codec: str = "libx264"
    pts_s: list[float] = field(default_factory=lambda: STEADY)
    hw: tuple[int, int] = (64, 64)
    b_frames: int = 0
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    interlaced: bool = False
    rotation: int = 0

    def draw(self, folder: Path) -> Path:
        for kind, name in (("w", self.codec), ("r", DECODERS.get(self.codec, self.codec))):
            try:
                av.Codec(name, kind)
            except av.FFmpegError:
                pytest.skip(f"this FFmpeg has no {name} ({kind})")
        images = [self.image(number) for number in range(len(self.pts_s))]
        return write_video(
            folder / f"v{self.suffix}",
            images,
            pts_s=self.pts_s,
            codec=self.codec,
            b_frames=self.b_frames,
            pix_fmt=self.pix_fmt,
            options=self.options,
            interlaced=self.interlaced,
            rotation=self.rotation,
        )

    def image(self, number: int) -> NDArray[np.uint8]:
        return np.ascontiguousarray(np.rot90(number_frame(number, hw=self.hw), self.rotation // 90))


DECODERS = {
    "libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libvpx": "vp8",
    "libsvtav1": "libdav1d", "prores_ks": "prores",
}  # fmt: skip
PYRAMID = {"x264-params": "b-pyramid=normal:keyint=12:b-adapt=0"}
OPEN_GOP = {"x264-params": "open-gop=1:keyint=10:b-adapt=0"}
HEVC_OPEN_GOP = {
    "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=4:open-gop=1:keyint=10"
}
HEVC_CLOSED = {
    "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=4:open-gop=0:keyint=10"
}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:keyint=10"}

SOUGHT = [
    Case("h264 with b-frames, mp4", ".mp4", b_frames=3, options={"g": "12"}),
    Case("h264 with a pyramid, mp4", ".mp4", b_frames=7, options=PYRAMID),
    Case("h264 with open gops, mp4", ".mp4", b_frames=3, options=OPEN_GOP),
    Case("h264 with open gops, mkv", ".mkv", b_frames=3, options=OPEN_GOP),
    Case("h264 refreshed line by line, mp4", ".mp4", options=INTRA_REFRESH),
    Case("h264, uneven times, mp4", ".mp4", pts_s=VARIABLE, b_frames=2, options={"g": "4"}),
    Case("h264, uneven times from 3 s, mkv", ".mkv", pts_s=OFFSET, options={"g": "4"}),
    Case("h264, uneven times from 3 s, mov", ".mov", pts_s=OFFSET, options={"g": "4"}),
    Case("h264 with two fields, mp4", ".mp4", interlaced=True, options={"g": "10"}),
    Case("hevc with b-frames, mp4", ".mp4", codec="libx265", options=HEVC_CLOSED),
    Case("hevc with open gops, mkv", ".mkv", codec="libx265", options=HEVC_OPEN_GOP),
    Case("vp9, webm", ".webm", codec="libvpx-vp9", options={"g": "10"}),
    Case("av1, webm", ".webm", codec="libsvtav1", options={"g": "10"}),
    Case("av1, mp4", ".mp4", codec="libsvtav1", options={"g": "10"}),
    Case("mpeg-4 with b-frames, mp4", ".mp4", codec="mpeg4", b_frames=2),
    Case("mjpeg, mov", ".mov", codec="mjpeg", pix_fmt="yuvj420p"),
]
WHOLE = [
    *SOUGHT,
    Case("h264, uneven times, ts", ".ts", pts_s=VARIABLE, b_frames=2),
    Case("h264 from 3 s, ts", ".ts", pts_s=OFFSET, b_frames=2),
    Case("h264, m2ts", ".m2ts", b_frames=2),
    Case("h264, 3gp", ".3gp", b_frames=2),
    Case("h264 with b-frames, flv", ".flv", b_frames=2),
    Case("h264 without b-frames, avi", ".avi"),
    Case("h264 with b-frames, avi", ".avi", b_frames=2),
    Case("h264 of 10 bits, mp4", ".mp4", pix_fmt="yuv420p10le"),
    Case("h264 of an odd size, mkv", ".mkv", hw=(63, 77), pix_fmt="yuv444p"),
    Case("h264, lower field first, mkv", ".mkv", interlaced=True, options={"x264-params": "bff=1"}),
    *(Case(f"h264 turned by {d}, mp4", ".mp4", hw=(64, 96), rotation=d) for d in (90, 180, 270)),
    Case("hevc of 10 bits, mov", ".mov", codec="libx265", b_frames=2, pix_fmt="yuv420p10le"),
    Case("hevc turned by 90, mov", ".mov", codec="libx265", hw=(64, 96), rotation=90),
    Case("vp9 of an odd size, webm", ".webm", codec="libvpx-vp9", hw=(63, 77)),
    Case("vp9, uneven times, webm", ".webm", codec="libvpx-vp9", pts_s=VARIABLE),
    Case("vp8, webm", ".webm", codec="libvpx"),
    Case("av1, uneven times, mkv", ".mkv", codec="libsvtav1", pts_s=VARIABLE),
    Case("mpeg-4 with b-frames, avi", ".avi", codec="mpeg4", b_frames=2),
    Case("mpeg-4 of an odd size, avi", ".avi", codec="mpeg4", hw=(63, 77)),
    Case("mpeg-4 with b-frames, mkv", ".mkv", codec="mpeg4", b_frames=2),
    Case("mjpeg, avi", ".avi", codec="mjpeg", pix_fmt="yuvj420p"),
    Case("mjpeg of an odd size, mov", ".mov", codec="mjpeg", pix_fmt="yuvj420p", hw=(63, 77)),
    Case("mpeg-1, mpg", ".mpg", codec="mpeg1video", b_frames=2),
    Case("mpeg-2 with b-frames, mpg", ".mpg", codec="mpeg2video", b_frames=2),
    Case("mpeg-2 with b-frames, ts", ".ts", codec="mpeg2video", b_frames=2),
    Case("mpeg-2 with two fields, mpg", ".mpg", codec="mpeg2video", interlaced=True),
    Case("mpeg-2 with b-frames, mkv", ".mkv", codec="mpeg2video", b_frames=2),
    Case("prores of 10 bits, mov", ".mov", codec="prores_ks", pix_fmt="yuv422p10le"),
    Case("h263, 3gp", ".3gp", codec="h263", hw=(144, 176)),
]


def sampled(path: Path, fps: float, *, start: int = 0, stop: int | None = None) -> list[Frame]:
    frames = sample_frames(
        path, sample_fps=fps, limits=Limits(), facts=VideoFacts(), start=start, stop=stop
    )
    return list(frames)


def expected(pts_s: list[float], fps: float) -> list[tuple[int, int]]:
    """(sample, number of the frame shown then), each frame once; the last is shown for 0.04 s."""
    found: list[tuple[int, int]] = []
    k = 0
    while pts_s[0] + k / fps < pts_s[-1] + 0.04 - 1e-6:
        shown = max(n for n, pts in enumerate(pts_s) if pts <= pts_s[0] + k / fps + 1e-6)
        if not found or found[-1][1] != shown:
            found.append((k, shown))
        k += 1
    return found


@pytest.mark.parametrize(
    "pts_s, fps, samples",
    [
        ([0.0], 5, [(0, 0)]),
        ([0.0, 0.1, 0.2], 10, [(0, 0), (1, 1), (2, 2)]),
        ([7.0, 7.3, 7.4], 5, [(0, 0), (2, 2)]),
        ([0.0, 0.5], 10, [(0, 0), (5, 1)]),
    ],
    ids=["one frame", "as many", "from 7 s", "a long frame"],
)
def test_what_is_expected(pts_s: list[float], fps: float, samples: list[tuple[int, int]]) -> None:
    assert expected(pts_s, fps) == samples


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_each_sample_is_the_frame_shown_then(tmp_path: Path, case: Case) -> None:
    path = case.draw(tmp_path)
    for fps in (25.0, 5.0):
        facts = VideoFacts()
        frames = list(sample_frames(path, sample_fps=fps, limits=Limits(), facts=facts))
        seen = [(f.index, read_number(f.image)) for f in frames]
        assert seen == expected(case.pts_s, fps)
        for frame, (_, number) in zip(frames, seen, strict=True):
            at = case.pts_s[number] - case.pts_s[0]
            assert frame.pts_s == pytest.approx(at, abs=0.002)  # Matroska keeps milliseconds
            assert frame.hw == frame.image.shape[:2] == case.hw
        assert facts.num_decoded == len(case.pts_s)
        assert (facts.height, facts.width) == case.hw
        length = case.pts_s[-1] - case.pts_s[0]
        assert length < facts.duration_s <= length + 0.09


def decoded_by_pyav(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """(seconds from the first frame, pixels as coded) of every frame."""
    with av.open(str(path)) as container:
        frames = [
            (float(f.pts * f.time_base), np.asarray(f.to_ndarray(format="rgb24"), np.uint8))
            for f in container.decode(video=0)
            if f.pts is not None and f.time_base is not None
        ]
    return [(pts_s - frames[0][0], image) for pts_s, image in frames]


def left_out(path: Path, fps: float, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Frame], int]:
    """The frames, and how many packets were held not to be needed."""
    count = 0
    leave_out = Reader._leave_out

    def counting(self: Reader, packet: av.Packet) -> bool:
        nonlocal count
        done = leave_out(self, packet)
        count += done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_leave_out", counting)
        return sampled(path, fps), count


@pytest.mark.parametrize(
    "case",
    [c for c in WHOLE if not c.rotation and not c.interlaced and c.suffix != ".avi"],
    ids=lambda case: case.name,
)
def test_leaving_out_frames_changes_no_pixel(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = case.draw(tmp_path)
    frames, count = left_out(path, 5.0, monkeypatch)
    whole = decoded_by_pyav(path)
    assert [round(f.pts_s, 6) for f in frames] == [
        round(whole[number][0], 6) for _, number in expected(case.pts_s, 5.0)
    ]
    for frame, (_, number) in zip(frames, expected(case.pts_s, 5.0), strict=True):
        np.testing.assert_array_equal(frame.image, whole[number][1])
    assert count > 0


def same(one: list[Frame], other: list[Frame]) -> bool:
    return [(f.index, f.pts_s) for f in one] == [(f.index, f.pts_s) for f in other] and all(
        np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("case", SOUGHT, ids=lambda case: case.name)
def test_parts_add_up_to_the_whole_at_every_cut(tmp_path: Path, case: Case) -> None:
    path = case.draw(tmp_path)
    whole = VideoFacts()
    frames = list(sample_frames(path, sample_fps=12.5, limits=Limits(), facts=whole))
    for cut in range(frames[-1].index + 2):
        parts = [VideoFacts(), VideoFacts(), VideoFacts()]
        found: list[Frame] = []
        for facts, (start, stop) in zip(
            parts, ((0, cut), (cut, cut + 5), (cut + 5, None)), strict=True
        ):
            span = {"start": start, "stop": stop}
            found += sample_frames(path, sample_fps=12.5, limits=Limits(), facts=facts, **span)
        assert same(found, frames), f"cut at {cut}"
        assert join_facts(parts) == whole, f"cut at {cut}"


@pytest.mark.parametrize("suffix", [".avi", ".ts", ".mpg", ".flv"])
def test_parts_of_what_cannot_be_sought_are_read_from_the_start(
    tmp_path: Path, suffix: str
) -> None:
    case = Case("", suffix, codec="mpeg2video" if suffix == ".mpg" else "libx264")
    path = case.draw(tmp_path)
    with open_video(path, Limits()) as (container, _):
        assert container.format.name in ("avi", "mpegts", "mpeg", "flv")
    assert not probe(path, Limits()).seekable
    frames = sampled(path, 25)
    for cut in (1, 11, 39):
        parts = sampled(path, 25, stop=cut) + sampled(path, 25, start=cut)
        assert same(parts, frames)


def test_a_part_is_read_from_the_keyframe_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("", ".mp4", pts_s=[n / 25 for n in range(500)], options={"g": "25"})
    path = case.draw(tmp_path)
    sent: list[int] = []
    leave_out = Reader._leave_out

    def noting(self: Reader, packet: av.Packet) -> bool:
        sent.append(packet.pts or 0)
        return leave_out(self, packet)

    monkeypatch.setattr(Reader, "_leave_out", noting)
    frames = sampled(path, 25, start=260, stop=270)
    assert [read_number(f.image) for f in frames] == list(range(260, 270))
    assert min(pts for pts in sent if pts) == 250 * 3600
    assert max(sent) < 275 * 3600


def test_an_empty_part_has_no_frames(tmp_path: Path) -> None:
    path = Case("", ".mp4").draw(tmp_path)
    assert sampled(path, 25, start=7, stop=7) == []
    assert sampled(path, 25, start=99) == []


def test_an_edit_list_hides_what_lies_before_it(tmp_path: Path) -> None:
    """The track begins 0.4 s in: frames 0 to 9 are in the file, and are not shown."""
    path = Case("", ".mp4", b_frames=2, options={"g": "40"}).draw(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    assert int.from_bytes(data[at + 4 : at + 8], "big") == 1  # one entry: how long, from where
    length_ms, from_ticks = (int.from_bytes(data[k : k + 4], "big") for k in (at + 8, at + 12))
    data[at + 8 : at + 12] = (length_ms - 400).to_bytes(4, "big")
    data[at + 12 : at + 16] = (from_ticks + 36_000).to_bytes(4, "big")
    path.write_bytes(data)
    frames = sampled(path, 25)
    assert [(f.index, read_number(f.image)) for f in frames] == [(k, k + 10) for k in range(30)]
    for cut in (1, 8, 20):
        parts = sampled(path, 25, stop=cut) + sampled(path, 25, start=cut)
        assert same(parts, frames)


@pytest.mark.parametrize("lower_first", [False, True], ids=["upper first", "lower first"])
def test_of_two_fields_the_first_is_shown(tmp_path: Path, lower_first: bool) -> None:
    """A white bar moves between the fields: one bar is seen, where the first field has it."""
    frame = np.full((64, 96, 3), 16, np.uint8)
    first, second = (1, 0) if lower_first else (0, 1)
    frame[first::2, 16:32] = 235
    frame[second::2, 64:80] = 235
    order = {"x264-params": "bff=1" if lower_first else "tff=1"}
    path = write_video(tmp_path / "v.mp4", [frame] * 3, interlaced=True, options=order)
    shown = sampled(path, 25)[0]
    for image in (shown.image, shown.thumbnail(48)):
        columns = image[2:-2].mean((0, 2)) > 126
        scale = image.shape[1] / 96
        assert columns[int(20 * scale)] and not columns[int(72 * scale)]
        assert image[4:-4, int(24 * scale)].std() < 4  # no comb


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("side_px", [48, 1000])
def test_a_thumbnail_is_the_picture_made_small(tmp_path: Path, rotation: int, side_px: int) -> None:
    cv2 = pytest.importorskip("cv2")
    y, x = np.mgrid[:120, :160]
    image = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    path = write_video(tmp_path / "v.mp4", [image] * 2, rotation=rotation)
    frame = sampled(path, 25)[0]
    small = frame.thumbnail(side_px)
    height, width = (160, 120) if rotation % 180 else (120, 160)
    scale = min(1.0, side_px / 160)
    assert small.shape == (height * scale, width * scale, 3)
    reference = cv2.resize(
        frame.image, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA
    )
    assert np.abs(small.astype(int) - reference).mean() < 2


def test_real_videos_have_no_sample_changed(shared: Path) -> None:
    """Left out or not, in parts or not: the same pixels as PyAV decodes, on real recordings."""
    paths = sorted((shared / "data/real").glob("*.m[op][v4]"))
    assert paths
    for path in paths:
        shown = shown_by_pyav(path, fps=5)
        frames = sampled(path, 5)
        assert [(f.index, f.pts_s, zlib.crc32(f.image)) for f in frames] == shown, path.name
        cut = frames[-1].index // 2
        assert same(sampled(path, 5, stop=cut) + sampled(path, 5, start=cut), frames), path.name


def shown_by_pyav(path: Path, *, fps: int) -> list[tuple[int, float, int]]:
    """(sample, seconds from the first frame, checksum of the upright pixels), all decoded."""
    found: list[tuple[int, float, int]] = []
    with av.open(str(path)) as container:
        first: Fraction | None = None
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            at = frame.pts * frame.time_base
            first = at if first is None else first
            k = math.ceil((at - first) * fps)
            if found and found[-1][0] == k:
                found.pop()  # the frame before was gone when this sample came
            image = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
            found.append((k, float(at - first), zlib.crc32(np.ascontiguousarray(image))))
            stop = at - first + frame.duration * frame.time_base
    return found if Fraction(found[-1][0], fps) < stop else found[:-1]
