"""Files by address; the same on a local folder and on S3 (moto)."""

from pathlib import Path

import pyarrow as pa
import pytest

from emotion import storage
from emotion.errors import InputError


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "root")
    bucket: str = request.getfixturevalue("s3")
    return f"{bucket}/root"


def test_bytes_come_back(root: str) -> None:
    uri = storage.join(root, "a", "b.bin")
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.read_bytes(uri) == b"two"
    assert storage.exists(uri)
    assert storage.is_folder(root)
    assert storage.stat(uri).size_bytes == 3


def test_nothing_is_there(root: str) -> None:
    uri = storage.join(root, "none")
    assert not storage.exists(uri)
    assert not storage.is_folder(uri)
    assert storage.list_files(uri) == []
    storage.remove(uri)
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(uri)
    with pytest.raises(FileNotFoundError):
        storage.stat(uri)
    with pytest.raises(InputError, match="holds no Parquet"):
        storage.read_tables(uri)


def test_listing_is_sorted_filtered_and_fresh(root: str) -> None:
    for name in ("b.MP4", "a/c.mp4", "x.txt", ".hidden.mp4", ".tmp/d.mp4"):
        storage.write_bytes(storage.join(root, name), name.encode())
    listed = storage.list_files(root, suffixes=(".mp4",))
    assert [storage.relative_to(f.uri, root) for f in listed] == ["a/c.mp4", "b.MP4"]
    assert [f.size_bytes for f in listed] == [7, 5]
    storage.write_bytes(storage.join(root, "late.mp4"), b"")
    assert len(storage.list_files(root, suffixes=(".mp4",))) == 3
    storage.remove(storage.join(root, "late.mp4"))
    assert len(storage.list_files(root, suffixes=(".mp4",))) == 2


def test_the_version_changes_with_the_content(root: str) -> None:
    uri = storage.join(root, "a.bin")
    storage.write_bytes(uri, b"one")
    before = storage.stat(uri).version
    assert storage.stat(uri).version == before
    storage.write_bytes(uri, b"two")
    assert storage.stat(uri).version != before


def test_tables_are_read_in_order_of_name(root: str) -> None:
    for name, value in (("part-1", 2), ("part-0", 1)):
        storage.write_table(storage.join(root, f"{name}.parquet"), pa.table({"x": [value]}))
    assert storage.read_tables(root).to_pydict() == {"x": [1, 2]}


def test_a_file_is_moved_in(root: str, tmp_path: Path) -> None:
    path = tmp_path / "made.bin"
    path.write_bytes(b"made")
    storage.put_file(path, storage.join(root, "deep", "made.bin"))
    assert not path.exists()
    assert storage.read_bytes(storage.join(root, "deep", "made.bin")) == b"made"
    assert [f.uri for f in storage.list_files(root)] == [storage.join(root, "deep", "made.bin")]


def test_a_local_copy_is_readable_and_leaves_nothing(root: str) -> None:
    uri = storage.join(root, "a.bin")
    storage.write_bytes(uri, b"one")
    with storage.local_copy(uri) as path:
        assert path.read_bytes() == b"one"
    assert path.exists() == storage.is_local(root)
    with pytest.raises(FileNotFoundError), storage.local_copy(uri + "x"):
        pass


def test_json_is_strict(root: str) -> None:
    uri = storage.join(root, "a.json")
    storage.write_json(uri, {"b": 1, "a": [None, "ü"]})
    assert storage.read_json(uri) == {"a": [None, "ü"], "b": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(uri, {"a": float("nan")})
    storage.write_bytes(uri, b"{")
    with pytest.raises(InputError, match="is not JSON"):
        storage.read_json(uri)


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="name another --out"):
        storage.check_writable(str(tmp_path / "file" / "out"))


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(InputError, match="nosuch"):
        storage.read_bytes("nosuch://bucket/a")
