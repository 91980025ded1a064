"""Videos are recognised by name, and without a known name by their first bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo
from emotion.video.formats import OTHER_SUFFIXES, SUFFIXES, is_video
from jobs.ledger.listing import stream_videos
from jobs.ledger.recognise import only_videos
from tests.helpers.odd_videos import FILES, OddVideo, write_odd


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Bytes of one small video in each container."""
    folder, found = tmp_path_factory.mktemp("videos"), {}
    for codec, suffixes in FILES.items():
        for suffix in suffixes:
            if suffix not in found and codec not in ("libsvtav1", "libx265"):
                pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                video = OddVideo(suffix, codec, (96, 160), pix_fmt=pix_fmt)
                found[suffix] = write_odd(folder / f"v{suffix}", video).read_bytes()
    return found


def sound(suffix: str, codec: str) -> bytes:
    file = io.BytesIO()
    file.name = f"a{suffix}"
    with av.open(file, "w", format={".wav": "wav", ".ogg": "ogg", ".mp3": "mp3"}[suffix]) as out:
        stream: Any = out.add_stream(codec, rate=48000)
        form = {"pcm_s16le": "s16", "libopus": "flt", "mp3": "fltp"}[codec]
        for k in range(4):
            data = np.zeros((1, 1152), np.int16 if form == "s16" else np.float32)
            frame = av.AudioFrame.from_ndarray(data, format=form, layout="mono")
            frame.sample_rate, frame.pts = 48000, k * 1152
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    return file.getvalue()


OTHERS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"uri,subject_id,label\nv.mp4,s,happy\n" * 40,
    "many letters G": lambda: b"G" * 187,
    "json": lambda: json.dumps({"ftyp": "mp4"}).encode(),
    "zip": zipped,
    "wav": lambda: sound(".wav", "pcm_s16le"),
    "ogg with sound": lambda: sound(".ogg", "libopus"),
    "zeros": lambda: bytes(5000),
    "noise": lambda: np.random.default_rng(0).bytes(5000),
}


@pytest.mark.large
def test_every_container_is_recognised(videos: dict[str, bytes]) -> None:
    assert len(videos) == 15
    assert [suffix for suffix, data in videos.items() if not is_video(data[:4096])] == []


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_no_videos(name: str) -> None:
    assert not is_video(OTHERS[name]()[:4096])


def test_suffixes_are_told_apart() -> None:
    assert not set(SUFFIXES) & set(OTHER_SUFFIXES)
    assert all(s == s.lower() and s.startswith(".") for s in (*SUFFIXES, *OTHER_SUFFIXES))


@pytest.mark.large
def test_a_folder_of_all_kinds(store: str, videos: dict[str, bytes]) -> None:
    """List by name and by content, on disk and on S3, in the storage's order."""
    files = {
        "a/00001.MTS": videos[".ts"],
        "a/no suffix": videos[".mp4"],
        "b/film.xyz": videos[".mkv"],
        "b/broken.mp4": b"not a video",
        "b/table.csv": b"uri,label\n",
        "b/sound.xyz": OTHERS["wav"](),
        "c/clip.wmv": videos[".wmv"],
        "c/cover.jpg": videos[".mp4"],  # its name says picture: it is not opened
        "c/notes": OTHERS["text"](),
        ".hidden/v": videos[".mp4"],
    }
    for name, data in files.items():
        storage.write_bytes(storage.join(store, *name.split("/")), data)
    found = [file.uri for file in stream_videos(store)]
    wanted = {"a/00001.MTS", "a/no suffix", "b/film.xyz", "b/broken.mp4", "c/clip.wmv"}
    assert set(found) == wanted and len(found) == len(wanted)


def test_a_folder_without_a_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("text")
    with pytest.raises(InputError, match="holds no video"):
        list(stream_videos(str(tmp_path)))


def test_the_order_stays_for_many_files(tmp_path: Path) -> None:
    """Names that say video, and names that must be looked into, in turns."""
    names = [f"{k}.mp4" if k % 3 else f"{k}.bin" for k in range(900)]
    for name in names:
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypisom" if name != "300.bin" else b"text")
    files = [FileInfo(name, 1, "1") for name in names]
    assert [f.uri for f in only_videos(files, root=str(tmp_path))] == [
        n for n in names if n != "300.bin"
    ]


def test_a_file_that_is_gone_is_no_video(tmp_path: Path) -> None:
    assert list(only_videos([FileInfo("gone", 1, "1")], root=str(tmp_path))) == []
