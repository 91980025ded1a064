"""Functions that run the build job and read its tables."""

import shutil
from pathlib import Path
from typing import Any

import av

from benchmarks.memory import repeat
from emotion import storage
from jobs.build_dataset import main
from jobs.common import processes


def build(corpus: Path | str, out: Path | str, *options: str) -> int:
    """Run jobs.build_dataset in processes, with small shards; return its exit code."""
    import_workers()
    root = str(corpus)
    return main(
        ["--videos", root, "--labels", storage.join(root, "labels.csv"), "--out", str(out)]
        + ["--detector", "dlib", "--shard-minutes", "0.1", "--runner", "processes", *options]
    )


def import_workers() -> None:
    """Let the fork server of this process import the workers of every job, once."""
    processes.import_ahead(
        "jobs.scoring.shard", "jobs.building.worker", "jobs.exporting.worker", "s3fs"
    )


def copied(corpus: Path, to: Path) -> Path:
    return Path(shutil.copytree(corpus, to))


def cut_off(clip: Path, out: Path, *, share: float) -> float:
    """Write the clip as Matroska, cut off after a share of its bytes; return its full seconds."""
    whole = out.with_name("whole.mkv")
    repeat(clip, whole, seconds=0.1)  # once: it is longer
    data = whole.read_bytes()
    whole.unlink()
    out.write_bytes(data[: int(len(data) * share)])
    with av.open(str(clip)) as container:
        return float((container.duration or 0) / 1e6)


def rows(dataset: Path | str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = storage.read_tables(storage.join(str(dataset), name)).to_pylist()
    return found


def without_identity(dataset: Path | str, name: str) -> list[dict[str, Any]]:
    """Return rows with each video_id replaced by its uri, to compare two storages."""
    uris = {r["video_id"]: r["uri"] for r in rows(dataset, "videos")}
    found = []
    for row in rows(dataset, name):
        uri = uris[row.pop("video_id")]
        for key in ("face_id", "clip_id"):
            if key in row:
                row[key] = uri + row[key].partition("/")[2]
        row.pop("etag", None)
        found.append(row | {"uri": uri})
    return found


def by_uri(dataset: Path, name: str) -> list[dict[str, Any]]:
    return sorted(without_identity(dataset, name), key=lambda r: (r["uri"], str(r)))
