"""A build on Ray: the parts of a build in processes, byte for byte."""

from pathlib import Path

import pytest
import s3fs

from schemas.tables import DATASETS
from tests.helpers.building import build, by_uri, without_identity

pytestmark = pytest.mark.usefixtures("local_ray")


def parts(dataset: Path) -> dict[str, bytes]:
    """Return the bytes of every part of a dataset by its name."""
    return {
        str(path.relative_to(dataset)): path.read_bytes()
        for name in DATASETS
        for path in (dataset / name).glob("*.parquet")
    }


def test_parts_are_those_of_processes(dataset: Path, corpus: Path, tmp_path: Path) -> None:
    assert build(corpus, tmp_path / "out", "--runner", "ray") == 0
    assert len(parts(dataset)) > len(DATASETS)
    assert parts(tmp_path / "out") == parts(dataset)


def test_chunks_on_ray_give_the_rows_of_whole_videos(
    dataset: Path, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert build(corpus, out, "--runner", "ray", "--chunk-minutes", "0.02") == 0
    for name in ("frames", "faces", "tracks", "clips"):
        assert by_uri(out, name) == by_uri(dataset, name)


def test_s3_on_ray_gives_equal_tables(dataset: Path, corpus: Path, s3: str) -> None:
    s3fs.S3FileSystem(skip_instance_cache=True).put(str(corpus), f"{s3}/corpus", recursive=True)
    assert build(f"{s3}/corpus", f"{s3}/dataset", "--runner", "ray") == 0
    for name in ("videos", "frames", "faces", "clips"):
        assert without_identity(f"{s3}/dataset", name) == without_identity(dataset, name)
