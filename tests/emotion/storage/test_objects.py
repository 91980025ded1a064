"""Objects by address: the same in a local folder and on S3 (moto)."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.storage.remote import filesystem


def test_bytes_come_back(store: str) -> None:
    uri = storage.join(store, "a", "b.bin")
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.read_bytes(uri) == b"two"
    assert storage.exists(uri)
    assert storage.is_folder(store)
    assert storage.is_folder(storage.join(store, "a"))
    assert storage.stat(uri).size_bytes == 3


def test_an_object_is_read_while_it_is_replaced(store: str) -> None:
    uri = storage.join(store, "a.bin")
    storage.write_bytes(uri, b"a" * 1000)
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            for byte in (b"a", b"b"):
                storage.write_bytes(uri, byte * 1000)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(replace)
        try:
            read = [storage.read_bytes(uri) for _ in range(100)]
        finally:
            stop.set()
    assert {len(data) for data in read} == {1000}
    assert all(len(set(data)) == 1 for data in read)


def test_an_object_that_does_not_exist(store: str) -> None:
    uri = storage.join(store, "none")
    assert not storage.exists(uri)
    assert not storage.is_folder(uri)
    assert storage.list_files(uri) == []
    storage.remove(uri)
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(uri)
    with pytest.raises(FileNotFoundError):
        storage.stat(uri)


def test_listing_is_sorted_filtered_and_fresh(store: str) -> None:
    for name in ("b.MP4", "a/c.mp4", "x.txt", ".hidden.mp4", ".tmp/d.mp4"):
        storage.write_bytes(storage.join(store, name), name.encode())
    listed = storage.list_files(store, suffixes=(".mp4",))
    assert [storage.relative_to(f.uri, store) for f in listed] == ["a/c.mp4", "b.MP4"]
    assert [f.size_bytes for f in listed] == [7, 5]
    assert [f.size_bytes for f in storage.list_files(store)] == [7, 5, 5]
    storage.write_bytes(storage.join(store, "late.mp4"), b"")
    assert len(storage.list_files(store, suffixes=(".mp4",))) == 3
    storage.remove(storage.join(store, "late.mp4"))
    assert len(storage.list_files(store, suffixes=(".mp4",))) == 2


def test_the_version_changes_with_the_content(store: str) -> None:
    uri = storage.join(store, "a.bin")
    storage.write_bytes(uri, b"one")
    before = storage.stat(uri)
    assert storage.stat(uri) == before
    storage.write_bytes(uri, b"two")
    assert storage.stat(uri).version != before.version
    assert storage.list_files(store) == [storage.stat(uri)]


def test_a_file_is_moved_in(store: str, tmp_path: Path) -> None:
    path = tmp_path / "made.bin"
    path.write_bytes(b"made")
    storage.put_file(path, storage.join(store, "deep", "made.bin"))
    assert not path.exists()
    assert storage.read_bytes(storage.join(store, "deep", "made.bin")) == b"made"
    assert [f.uri for f in storage.list_files(store)] == [storage.join(store, "deep", "made.bin")]


def test_a_file_of_another_mount_is_copied_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two mounts of one disk have one device number, and yet nothing can be renamed across."""
    made, uri, replace = tmp_path / "made", str(tmp_path / "out/a.bin"), Path.replace
    made.write_bytes(b"abc")

    def across(self: Path, target: Path) -> Path:
        if self == made:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    storage.put_file(made, uri)
    assert storage.read_bytes(uri) == b"abc"
    assert not made.exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.bin"]


def test_a_local_copy_has_bytes_and_suffix_and_is_removed(store: str) -> None:
    uri = storage.join(store, "a.mp4")
    storage.write_bytes(uri, b"video")
    with storage.local_copy(uri) as path:
        assert path.read_bytes() == b"video"
        assert path.suffix == ".mp4"
    assert path.exists() == storage.is_local(store)
    with pytest.raises(FileNotFoundError), storage.local_copy(uri + "x"):
        pass


def test_writable_is_checked_without_a_trace(store: str) -> None:
    storage.check_writable(store)
    assert storage.list_files(store) == []


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="name another --out"):
        storage.check_writable(str(tmp_path / "file" / "out"))


FILL = """
import resource, signal, sys
from emotion import storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
for write in (storage.write_bytes, storage.create_bytes):
    try:
        write(sys.argv[1] + "/a.bin", bytes(2**21))
    except OSError as err:
        print(err.errno)
"""


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The system ends a write after 1 MiB, as a full disk would."""
    storage.write_bytes(f"{tmp_path}/b.bin", b"b")
    ended = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == [str(errno.EFBIG)] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["b.bin"]


@pytest.mark.s3
def test_a_missing_bucket_is_named(s3_server: str) -> None:
    with pytest.raises(InputError, match="cannot write to s3://no-such-bucket-here/a"):
        storage.check_writable("s3://no-such-bucket-here/a")


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(InputError, match="nosuch"):
        storage.read_bytes("nosuch://bucket/a")


def test_a_read_of_many_objects_asks_once_for_each(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = [f"{s3}/{number}" for number in range(5)]
    for uri in uris:
        storage.write_bytes(uri, uri.encode())
    asked = []
    client = type(filesystem(s3)[0].s3)
    make = client._make_api_call

    async def watched(self: object, name: str, given: object) -> object:
        asked.append(name)
        return await make(self, name, given)

    monkeypatch.setattr(client, "_make_api_call", watched)
    assert storage.read_many(uris) == [uri.encode() for uri in uris]
    assert storage.read_bytes(uris[0]) == uris[0].encode()
    assert asked == ["GetObject"] * 6
