"""Stored videos that a client names: odd names are read literally, other places never."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from emotion import storage
from emotion.errors import VideoError
from serve.errors import RequestError
from serve.sources import allowed_uri, fetched

ODD = [
    "take #2.mp4",
    "50%.mp4",
    "%2e%2e.mp4",
    "who?.mp4",
    "a?versionId=1.mp4",
    "2024-01-01T10::30.mp4",
    "back\\slash.mp4",
    "*[1].mp4",
    "\u6620\u753b\u3000\u4e00.mp4",
    "no-break\u00a0space.mp4",
    "right-to-left\u202e.mp4",
]
ODD_FILES = ["two\nlines.mp4", "tab\t.mp4", "bell\a.mp4"]
"""Names that moto's XML or routes cannot hold."""


def read(uri: str, prefix: str) -> bytes:
    with fetched(uri, [prefix], max_bytes=100) as path:
        return path.read_bytes()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_read(store: str, name: str) -> None:
    storage.write_bytes(storage.join(store, "in", name), name.encode())
    assert read(storage.join(store, "in", name), storage.join(store, "in")) == name.encode()


@pytest.mark.parametrize("name", ODD_FILES)
def test_a_control_character_in_a_name_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(name.encode())
    assert read(f"{tmp_path}/{name}", str(tmp_path)) == name.encode()


@pytest.mark.parametrize("chain", ["::file://{root}/secret.mp4", "::s3://bucket/secret.mp4"])
def test_no_part_of_a_name_is_another_address(tmp_path: Path, chain: str) -> None:
    (tmp_path / "in").mkdir()
    for name in ("secret.mp4", "in/a.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    uri = f"{tmp_path}/in/a.mp4" + chain.format(root=tmp_path)
    with pytest.raises(VideoError, match="missing"):
        read(uri, f"{tmp_path}/in")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://b/in/../a.mp4",
        "s3://b/in/./a.mp4",
        "s3:///in/a.mp4",
        "s3://b/in",
        "s3://b/in/\0.mp4",
        "s3://b/in/\udcff.mp4",
    ],
)
def test_a_key_outside_the_prefix_is_refused(uri: str) -> None:
    with pytest.raises(RequestError, match="uri_not_allowed"):
        allowed_uri(uri, ["s3://b/in"])


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "circle.mp4").symlink_to("circle.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.mp4"))
    with pytest.raises(VideoError, match="not_a_video: .*named pipe"):
        read(f"{tmp_path}/pipe.mp4", str(tmp_path))
    with pytest.raises(VideoError, match="not_a_video: .*socket"):
        read(f"{tmp_path}/socket.mp4", str(tmp_path))
    with pytest.raises((RequestError, VideoError), match="uri_not_allowed|storage_error"):
        read(f"{tmp_path}/circle.mp4", str(tmp_path))
