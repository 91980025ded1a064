"""Videos that arguments name, and the names of their outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotion import storage
from emotion.errors import InputError
from jobs.predicting.inputs import output_names, videos_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "videos"
    for name in (
        "b.mp4",
        "a.MKV",
        "s1/b.mp4",
        "s1/deep/c.webm",
        "notes.txt",
        ".hidden.mp4",
        ".t/x.mp4",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_a_folder_gives_its_videos_at_any_depth(folder: Path) -> None:
    expected = ["a.MKV", "b.mp4", "s1/b.mp4", "s1/deep/c.webm"]
    assert list(videos_of(str(folder))) == [str(folder / name) for name in expected]


def test_addresses_stay_as_they_were_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert list(videos_of("videos/s1/")) == ["videos/s1/b.mp4", "videos/s1/deep/c.webm"]
    assert list(videos_of("videos/b.mp4")) == ["videos/b.mp4"]


def test_a_file_may_have_any_ending(folder: Path) -> None:
    assert list(videos_of(str(folder / "notes.txt"))) == [str(folder / "notes.txt")]


def test_objects_are_listed(s3: str) -> None:
    for name in ("in/a.mp4", "in/s1/b.mov", "in/c.txt"):
        storage.write_bytes(f"{s3}/{name}", b"x")
    assert list(videos_of(f"{s3}/in")) == [f"{s3}/in/a.mp4", f"{s3}/in/s1/b.mov"]
    assert list(videos_of(f"{s3}/in/c.txt")) == [f"{s3}/in/c.txt"]


def test_entries_that_cannot_be_read_come_last(folder: Path) -> None:
    (folder / "gone.mp4").symlink_to("nowhere")
    (folder / "up").symlink_to(".")
    os.mkfifo(folder / "pipe.mp4")
    listed = list(videos_of(str(folder)))
    others = [entry for entry in listed if isinstance(entry, storage.Unreadable)]
    assert listed[len(listed) - 3 :] == others
    assert sorted((Path(entry.uri).name, entry.reason) for entry in others) == [
        ("gone.mp4", "missing"),
        ("pipe.mp4", "not_a_video"),
        ("up", "storage_error"),
    ]


@pytest.mark.parametrize(
    "name, message",
    [("none.mp4", "none.mp4 does not exist"), ("empty", "empty holds no video")],
)
def test_nothing_to_predict_is_named(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        list(videos_of(str(tmp_path / name)))


@pytest.mark.parametrize(
    "videos, names",
    [
        ([], []),
        (["/v/a.mp4"], ["a.mp4"]),
        (["/v/x/a.mp4", "/v/y/a.mp4", "/v/a.mp4"], ["x/a.mp4", "y/a.mp4", "a.mp4"]),
        (["/v/a.mp4", "/v/a.mov"], ["a.mp4", "a.mov"]),
        (["/v/x/../a.mp4", "/v/x/b.mp4"], ["a.mp4", "x/b.mp4"]),
        (["s3://b/x/a.mp4", "s3://b/y/a.mp4"], ["x/a.mp4", "y/a.mp4"]),
        (["s3://b/a.mp4", "s3://c/a.mp4"], ["b/a.mp4", "c/a.mp4"]),
        (["s3://v/a.mp4", "/v/a.mp4"], ["s3/v/a.mp4", "local/v/a.mp4"]),
        (["s3://b//a.mp4", "s3://b/a.mp4"], ["/a.mp4", "a.mp4"]),
        (["s3://b/../../a.mp4", "s3://b/c.mp4"], ["../../a.mp4", "c.mp4"]),
    ],
    ids=[
        "none", "one", "same name", "same stem", "parent", "prefixes", "buckets", "both",
        "empty part", "dots in a key",
    ],
)  # fmt: skip
def test_names_never_collide(videos: list[str], names: list[str]) -> None:
    assert output_names(videos) == names
    assert len(set(names)) == len(videos)
