"""Parts of a video: equal to the whole in every frame and pixel."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from emotion.video.decode import (
    Frame,
    Limits,
    VideoFacts,
    join_facts,
    open_video,
    probe,
    sample_frames,
)
from emotion.video.packets import Reader
from tests.helpers.drawing import read_number
from tests.helpers.timed import SOUGHT, Case, same, sampled


@pytest.mark.parametrize("case", SOUGHT, ids=lambda case: case.name)
def test_parts_add_up_to_the_whole_at_every_cut(tmp_path: Path, case: Case) -> None:
    path = case.draw(tmp_path)
    whole = VideoFacts()
    frames = list(sample_frames(path, sample_fps=12.5, limits=Limits(), facts=whole))
    for cut in range(frames[-1].index + 2):
        parts = [VideoFacts(), VideoFacts(), VideoFacts()]
        result: list[Frame] = []
        for facts, (start, stop) in zip(
            parts, ((0, cut), (cut, cut + 5), (cut + 5, None)), strict=True
        ):
            result += sample_frames(
                path, sample_fps=12.5, limits=Limits(), facts=facts, start=start, stop=stop
            )
        assert same(result, frames), f"cut at {cut}"
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
    can_skip = Reader._can_skip

    def noting(self: Reader, packet: av.Packet[VideoStream]) -> bool:
        sent.append(packet.pts or 0)
        return can_skip(self, packet)

    monkeypatch.setattr(Reader, "_can_skip", noting)
    frames = sampled(path, 25, start=260, stop=270)
    assert [read_number(f.image) for f in frames] == list(range(260, 270))
    assert min(pts for pts in sent if pts) == 250 * 3600
    assert max(sent) < 275 * 3600


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_an_open_file_is_read_as_a_path_is(tmp_path: Path, suffix: str) -> None:
    path = Case("", suffix, b_frames=3, options={"g": "10"}).draw(tmp_path)
    with path.open("rb") as file:
        for start, stop in ((0, None), (0, 7), (23, None), (12, 25)):
            frames = sample_frames(
                file, sample_fps=25, limits=Limits(), facts=VideoFacts(), start=start, stop=stop
            )
            assert same(list(frames), sampled(path, 25, start=start, stop=stop))


def test_an_empty_part_has_no_frames(tmp_path: Path) -> None:
    path = Case("", ".mp4").draw(tmp_path)
    assert sampled(path, 25, start=7, stop=7) == []
    assert sampled(path, 25, start=99) == []


def test_an_edit_list_hides_what_lies_before_it(tmp_path: Path) -> None:
    """Start the track at 0.4 s: frames 0 to 9 are in the file, but are not shown."""
    path = Case("", ".mp4", b_frames=2, options={"g": "40"}).draw(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    assert int.from_bytes(data[at + 4 : at + 8], "big") == 1  # one entry: duration and start
    length_ms, from_ticks = (int.from_bytes(data[k : k + 4], "big") for k in (at + 8, at + 12))
    data[at + 8 : at + 12] = (length_ms - 400).to_bytes(4, "big")
    data[at + 12 : at + 16] = (from_ticks + 36_000).to_bytes(4, "big")
    path.write_bytes(data)
    frames = sampled(path, 25)
    assert [(f.index, read_number(f.image)) for f in frames] == [(k, k + 10) for k in range(30)]
    for cut in (1, 8, 20):
        parts = sampled(path, 25, stop=cut) + sampled(path, 25, start=cut)
        assert same(parts, frames)
