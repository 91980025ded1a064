"""Storage behaves the same in a local folder and on S3."""

from __future__ import annotations

import pyarrow as pa
import pytest

from emotion import storage
from emotion.errors import InputError


def test_nothing_is_there_at_first(store: str) -> None:
    assert not storage.exists(storage.join(store, "a.json"))
    assert storage.list_files(store) == []
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(storage.join(store, "a.json"))
    with pytest.raises(FileNotFoundError):
        storage.stat(storage.join(store, "a.json"))


def test_what_is_written_is_read_and_listed(store: str) -> None:
    for name in ("b/two.bin", "a.bin", ".hidden"):
        storage.write_bytes(storage.join(store, name), name.encode())
    found = storage.list_files(store)
    assert [storage.relative_to(f.uri, store) for f in found] == ["a.bin", "b/two.bin"]
    assert [f.size_bytes for f in found] == [5, 9]
    assert storage.read_bytes(storage.join(store, "b/two.bin")) == b"b/two.bin"
    assert storage.is_folder(storage.join(store, "b"))


def test_a_version_changes_with_the_content(store: str) -> None:
    uri = storage.join(store, "a.bin")
    storage.write_bytes(uri, b"one")
    first = storage.stat(uri)
    storage.write_bytes(uri, b"two")
    assert storage.stat(uri).version != first.version
    assert storage.list_files(store) == [storage.stat(uri)]


def test_json_and_its_error(store: str) -> None:
    uri = storage.join(store, "a.json")
    storage.write_json(uri, {"b": [1, None], "a": "ä"})
    assert storage.read_json(uri) == {"a": "ä", "b": [1, None]}
    storage.write_bytes(uri, b"{")
    with pytest.raises(InputError, match=r"a\.json is not JSON"):
        storage.read_json(uri)


def test_tables_are_read_in_order_of_name(store: str) -> None:
    for number in (1, 0):
        table = pa.table({"n": [number]})
        storage.write_table(storage.join(store, "t", f"part-{number}.parquet"), table)
    assert storage.read_tables(storage.join(store, "t"))["n"].to_pylist() == [0, 1]
    with pytest.raises(InputError, match="holds no Parquet file"):
        storage.read_tables(storage.join(store, "nowhere"))


def test_a_local_copy_has_the_bytes_and_the_suffix(store: str) -> None:
    uri = storage.join(store, "a.mp4")
    storage.write_bytes(uri, b"video")
    with storage.local_copy(uri) as path:
        assert path.read_bytes() == b"video"
        assert path.suffix == ".mp4"
    with pytest.raises(FileNotFoundError), storage.local_copy(storage.join(store, "no.mp4")):
        pass


def test_writable_is_checked_without_a_trace(store: str) -> None:
    storage.check_writable(store)
    assert storage.list_files(store) == []


@pytest.mark.s3
def test_a_missing_bucket_is_named(s3_server: str) -> None:
    with pytest.raises(InputError, match="cannot write to s3://no-such-bucket-here/a"):
        storage.check_writable("s3://no-such-bucket-here/a")
