"""Files that refer to other files or addresses, which must never be opened."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from emotion.errors import VideoError
from emotion.video.decode import Limits, probe
from tests.helpers.breaking import put, read
from tests.helpers.drawing import number_video


class Watch:
    """Watch on a file that notes if any process opens it (inotify)."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(self._file, os.fsencode(path), 0x20) < 0:  # IN_OPEN
            pytest.skip("no inotify here")

    def opened(self) -> bool:
        try:
            return bool(os.read(self._file, 4096))
        except BlockingIOError:
            return False


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[bool]]]:
    """Yield an address of this machine, and a list that gets an entry per connection to it."""
    calls: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def accept() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    server.accept()[0].close()
                    calls.append(True)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret.ts", calls
        done.wait(0.1)  # a late connection
        done.set()
        thread.join()


def hls(uri: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{uri}\n#EXT-X-ENDLIST\n"


def dash(uri: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{uri}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )


def concat(uri: str) -> str:
    return f"ffconcat version 1.0\nfile '{uri}'\n"


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ""], ids=["as mp4", "as ts", "as it is"])
@pytest.mark.parametrize("playlist, own", [(hls, ".m3u8"), (dash, ".mpd"), (concat, ".ffconcat")])
def test_a_playlist_opens_nothing(
    tmp_path: Path, playlist: Callable[[str], str], own: str, suffix: str
) -> None:
    secret = number_video(tmp_path / "secret.ts", 25)
    watch = Watch(secret)
    with listening() as (uri, calls):
        for target in ("secret.ts", str(secret), f"file:{secret}", uri):
            path = put(tmp_path, f"v{suffix or own}", playlist(target))
            assert read(path).reason == "not_a_video"
            with path.open("rb") as file, pytest.raises(VideoError, match="not_a_video"):
                probe(file, Limits())
    assert not watch.opened()
    assert not calls


@pytest.mark.parametrize("playlist, own", [(hls, ".m3u8"), (concat, ".ffconcat")])
def test_ffmpeg_alone_would_open_it(
    tmp_path: Path, playlist: Callable[[str], str], own: str
) -> None:
    """Check that both watches notice an access."""
    watch = Watch(number_video(tmp_path / "secret.ts", 25))
    options = {"protocol_whitelist": "file,http,tcp"}
    if own == ".ffconcat":
        options["safe"] = "0"
    with listening() as (uri, calls):
        for target in ("secret.ts", uri):
            path = put(tmp_path, f"v{own}", playlist(target))
            with contextlib.suppress(av.FFmpegError):
                av.open(str(path), options=options, timeout=2).close()
    assert watch.opened()
    assert calls


def alias(path: Path) -> bytes:
    """Return a QuickTime data reference (an alias record) to a file by its path."""
    absolute = os.fsencode(path)
    name = os.fsencode(path.name)
    record = bytes(10) + b"\x01v".ljust(28, b"\0") + bytes(12)
    record += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    record += (-1).to_bytes(2, "big", signed=True) * 2 + bytes(16)
    padded = absolute + b"\0" * (len(absolute) % 2)
    record += (18).to_bytes(2, "big") + len(absolute).to_bytes(2, "big") + padded
    record += (2).to_bytes(2, "big") + len(absolute).to_bytes(2, "big") + padded
    record += (0xFFFF).to_bytes(2, "big") + bytes(2)
    record = record.ljust(160, b"\0")
    return (12 + len(record)).to_bytes(4, "big") + b"alis" + bytes(4) + record


def refers_to(path: Path, target: Path) -> Path:
    """Write a .mov that names another file as the place of its media data."""
    data = bytearray(number_video(path, 25).read_bytes())
    entry = data.index(b"dref") + 12  # version, flags, count
    size = int.from_bytes(data[entry : entry + 4], "big")
    new = alias(target)
    data[entry : entry + size] = new
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.index(name) - 4
        grown = int.from_bytes(data[at : at + 4], "big") + len(new) - size
        data[at : at + 4] = grown.to_bytes(4, "big")
    return put(path.parent, path.name, data)


def test_references_of_a_mov_are_not_followed(tmp_path: Path) -> None:
    secret = number_video(tmp_path / "secret.mov", 25)
    path = refers_to(tmp_path / "v.mov", secret)
    watch = Watch(secret)
    read(path)
    with path.open("rb") as file:
        probe(file, Limits())
    assert not watch.opened()
    followed = {"enable_drefs": "1", "use_absolute_path": "1"}
    with contextlib.suppress(av.FFmpegError):
        av.open(str(path), options=followed).close()
    assert watch.opened()  # FFmpeg can follow this reference
