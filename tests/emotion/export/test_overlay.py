"""Overlay videos: frames, times and sound of the source, boxes and blur at the right place."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.errors import VideoError
from emotion.export.overlay import DrawnTrack, overlay
from emotion.predict.spans import Span
from emotion.video.container import Limits
from emotion.video.decode import sample_frames
from emotion.video.facts import VideoFacts

pytestmark = pytest.mark.large

GREY = 128
BOX = (40.0, 30.0, 72.0, 62.0)


def draw_video(
    path: Path,
    times: Sequence[int],
    *,
    size: tuple[int, int] = (160, 120),
    sound: str = "",
    codec: str = "libx264",
    time_base: Fraction = Fraction(1, 1000),
) -> Path:
    """Write frames at ``times``, in ticks, with stripes that a blur removes, and a tone."""
    width, height = size
    stripes = np.full((height, width, 3), GREY, np.uint8)
    stripes[:, ::4], stripes[:, 1::4] = 0, 0
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        video: Any = out.add_stream(codec, rate=25, options={"bf": "2"})
        video.width, video.height = width, height
        video.pix_fmt = "yuv444p" if codec == "ffv1" else "yuv420p"
        video.codec_context.time_base = time_base
        audio: Any = out.add_stream(sound, rate=48000) if sound else None
        for pts in times:
            frame = av.VideoFrame.from_ndarray(stripes, format="rgb24")
            frame.pts, frame.time_base = pts, time_base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            wave = (0.1 * np.sin(np.arange(48000) * 0.05)).astype(np.float32)[None]
            for start in range(0, 48000, 960):
                sample = av.AudioFrame.from_ndarray(wave[:, start : start + 960], "fltp", "mono")
                sample.sample_rate, sample.pts = 48000, start
                out.mux(audio.encode(sample))
            out.mux(audio.encode(None))
    return path


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(f.time or 0) for f in container.decode(video=0)]


def picture(path: Path, number: int) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return np.asarray(frames[number], np.uint8)


def face(times_s: Sequence[float] = (0.0, 1.0), *, name: str = "person 1") -> DrawnTrack:
    boxes = np.tile(np.array(BOX), (len(times_s), 1))
    return DrawnTrack(
        name=name,
        times_s=np.array(times_s),
        boxes=boxes,
        spans=[Span(0, 0, 0.0, 1.0, "glad", 0.9)],
        colour={"glad": (255, 128, 0), "calm": (0, 0, 255)},
        bars={0: (0.1, 0.9)},
        labels=("calm", "glad"),
    )


VARIABLE = [0, 40, 80, 200, 240, 500, 520, 1000]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_every_frame_keeps_its_time(tmp_path: Path, suffix: str) -> None:
    source = draw_video(tmp_path / f"a.{suffix}", VARIABLE)
    done = overlay(source, tmp_path / "o.mp4", [face()])
    assert done.num_frames == len(VARIABLE)
    assert frame_times(tmp_path / "o.mp4") == pytest.approx([t / 1000 for t in VARIABLE], abs=2e-3)


def test_duration_is_the_sources(tmp_path: Path) -> None:
    source = draw_video(tmp_path / "a.mp4", range(0, 1000, 40))
    overlay(source, tmp_path / "o.mp4", [])
    with av.open(str(source)) as a, av.open(str(tmp_path / "o.mp4")) as b:
        assert b.duration == pytest.approx(a.duration, abs=45_000)
        assert b.streams.video[0].frames == a.streams.video[0].frames == 25


@pytest.mark.parametrize(
    "sound, suffix, how, codec",
    [
        ("aac", "mp4", "copied", "aac"),
        ("libopus", "mkv", "encoded", "aac"),
        ("", "mp4", "none", ""),
    ],
)
def test_sound_is_kept(tmp_path: Path, sound: str, suffix: str, how: str, codec: str) -> None:
    source = draw_video(tmp_path / f"a.{suffix}", range(0, 1000, 40), sound=sound)
    assert overlay(source, tmp_path / "o.mp4", []).audio == how
    with av.open(str(tmp_path / "o.mp4")) as made:
        assert [s.codec_context.name for s in made.streams.audio] == ([codec] if codec else [])
        num_samples = [f.samples for f in made.decode(audio=0)] if codec else []
    assert sum(num_samples) == (pytest.approx(48000, abs=3000) if codec else 0)


def test_a_start_offset_is_kept_between_sound_and_pictures(tmp_path: Path) -> None:
    """Pictures that begin half a second after the sound do so in the overlay too."""
    source = draw_video(tmp_path / "a.mkv", range(500, 1000, 40), sound="aac")
    overlay(source, tmp_path / "o.mp4", [])
    with av.open(str(tmp_path / "o.mp4")) as made:
        pictures: Any = made.streams.video[0]
        sound: Any = made.streams.audio[0]
        late = pictures.start_time * pictures.time_base - sound.start_time * sound.time_base
    assert float(late) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "suffix, first_pts, sound, begins_s",
    [
        ("ts", 0, "", 0.0),  # the file itself begins at 1.48 s
        ("ts", 500, "aac", 0.5),
        ("mpg", 0, "", 0.0),
        ("mkv", 500, "", 0.5),
        ("mp4", 0, "aac", 0.0),
    ],
)
def test_an_overlay_begins_where_players_begin_to_count(
    tmp_path: Path, suffix: str, first_pts: int, sound: str, begins_s: float
) -> None:
    """The file's own times count from ``first_frame_s`` on, as subtitles do."""
    codec = "mpeg4" if suffix == "mpg" else "libx264"
    times = range(first_pts, first_pts + 1000, 40)
    source = draw_video(tmp_path / f"a.{suffix}", times, sound=sound, codec=codec)
    facts = VideoFacts()
    list(sample_frames(source, sample_fps=1.0, limits=Limits(), facts=facts))
    first_s = facts.first_frame_s
    assert first_s == pytest.approx(begins_s, abs=0.05)
    overlay(source, tmp_path / "o.mp4", [])
    assert frame_times(tmp_path / "o.mp4")[0] == pytest.approx(first_s, abs=0.002)


def test_odd_sides_are_padded(tmp_path: Path) -> None:
    source = draw_video(tmp_path / "a.mkv", range(0, 400, 40), size=(161, 121), codec="ffv1")
    done = overlay(source, tmp_path / "o.mp4", [], draw=False)
    assert done.num_frames == 10
    assert picture(tmp_path / "o.mp4", 0).shape == (122, 162, 3)


def test_boxes_are_drawn_at_the_face_and_nowhere_else(tmp_path: Path) -> None:
    source = draw_video(tmp_path / "a.mp4", range(0, 400, 40))
    overlay(source, tmp_path / "plain.mp4", [])
    overlay(source, tmp_path / "o.mp4", [face()])
    before, after = (picture(tmp_path / n, 3).astype(int) for n in ("plain.mp4", "o.mp4"))
    assert before.shape == after.shape == (360, 480, 3)  # three times as large, to be read
    changed = np.abs(after - before).max(axis=2) > 60
    assert changed[84:96, 3 * 40 : 3 * 72].mean() > 0.5  # the upper edge of the box
    assert changed[3 * 30 : 3 * 62, 114:126].mean() > 0.5  # its left one
    assert not changed[3 * 100 :, :].any()
    assert not changed[:, 3 * 140 :].any()
    assert not changed[3 * 36 : 3 * 56, 3 * 46 : 3 * 66].any()  # the face itself


def test_blurred_faces_have_no_detail_left(tmp_path: Path) -> None:
    source = draw_video(tmp_path / "a.mp4", range(0, 400, 40))
    overlay(source, tmp_path / "o.mp4", [face(name="")], blur_faces=True, draw=False)
    shown = picture(tmp_path / "o.mp4", 3).astype(int)
    inside, outside = shown[34:58, 44:68, 0], shown[80:110, 44:68, 0]
    assert np.abs(np.diff(inside, axis=1)).mean() < 4
    assert np.abs(np.diff(outside, axis=1)).mean() > 20


def test_a_face_that_moves_is_followed_between_samples() -> None:
    track = DrawnTrack("", np.array([0.0, 0.5, 4.0]), np.array([[0.0] * 4, [10.0] * 4, [50.0] * 4]))
    at = {t: track.box_at(t) for t in (0.0, 0.25, 0.5, 0.6, 2.0, 3.9, 4.0, 4.1, 4.3)}
    left_px = {t: None if box is None else float(box[0]) for t, box in at.items()}
    assert left_px == {
        0.0: 0.0, 0.25: 5.0, 0.5: 10.0, 0.6: 10.0, 2.0: None, 3.9: 50.0, 4.0: 50.0, 4.1: 50.0,
        4.3: None,
    }  # fmt: skip


def test_a_broken_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"I am text")
    with pytest.raises(VideoError, match="not_a_video"):
        overlay(tmp_path / "text.mp4", tmp_path / "o.mp4", [])
    whole = draw_video(tmp_path / "a.mp4", range(0, 40000, 40)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(VideoError, match="truncated"):
        overlay(tmp_path / "cut.mp4", tmp_path / "o.mp4", [])


def joined(folder: Path, parts: Sequence[tuple[float, tuple[int, int]]]) -> Path:
    """Join recordings of a second as .ts: for each, when its clock begins, and its size."""
    path = folder / "joined.ts"
    with path.open("wb") as out:
        for number, (begins_s, size) in enumerate(parts):
            one = folder / f"{number}.ts"
            draw_video(one, range(0, 1000, 40), size=size, sound="aac")
            moved = folder / f"{number}_moved.ts"
            with av.open(str(one)) as old, av.open(str(moved), "w") as new:
                streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
                for packet in old.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    ticks = round(begins_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = streams[packet.stream_index]
                    new.mux(packet)
            out.write(moved.read_bytes())
    return path


@pytest.mark.parametrize(
    "begins_s", [(0.0, 0.0), (0.0, 40_000.0), (500.0, 0.0, 90.0)], ids=["again", "ahead", "three"]
)
@pytest.mark.parametrize("blur", [False, True])
def test_joined_recordings_are_one_film(
    tmp_path: Path, begins_s: tuple[float, ...], blur: bool
) -> None:
    """Pictures and sound of every recording follow each other, together."""
    source = joined(tmp_path, [(s, (160, 120)) for s in begins_s])
    done = overlay(source, tmp_path / "o.mp4", [face()], blur_faces=blur)
    seconds = len(begins_s)
    assert done.num_frames == 25 * seconds
    assert done.duration_s == pytest.approx(seconds, abs=0.15)
    times = frame_times(tmp_path / "o.mp4")
    assert np.diff(times).max() < 0.15
    with av.open(str(tmp_path / "o.mp4")) as made:
        sound = [float(f.time or 0) for f in made.decode(audio=0)]
    assert len(sound) == pytest.approx(seconds * 48000 / 1024, rel=0.06)
    assert np.diff(sound).max() < 0.2
    assert sound[-1] == pytest.approx(times[-1], abs=0.25)


@pytest.mark.parametrize("size", [(320, 240), (80, 60), (120, 160)])
def test_a_video_that_changes_its_size_keeps_the_first_size(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    source = joined(tmp_path, [(0.0, (480, 420)), (0.0, size)])
    overlay(source, tmp_path / "o.mp4", [face((0.0, 0.5, 1.0, 1.5))])
    with av.open(str(tmp_path / "o.mp4")) as made:
        frames = [f.to_ndarray(format="rgb24") for f in made.decode(video=0)]
    assert {f.shape for f in frames} == {(420, 480, 3)} and len(frames) == 50
    edge = frames[-1][30:390, 40:72]  # the box is where it was in the first picture
    assert np.abs(edge[:, 0].astype(int) - frames[5][30:390, 40]).mean() < 140
