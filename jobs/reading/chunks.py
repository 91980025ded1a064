"""Chunks of a long video: different workers observe them, one worker joins them.

The observations of a chunk are one Parquet file in ``_ledger/chunks``, with the facts of the
decoding in its metadata. The file is written in one step: a chunk whose file exists is done.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.cuts import Signature
from emotion.extract.observe import DetectedFace, Observation
from emotion.extract.walk import VideoSummary
from emotion.video.decode import VideoFacts, join_facts
from schemas.tables import CHUNKS, rows_table

_GROUP_ROWS = 256


def chunk_name(shard_id: str, number: int) -> str:
    """Return the name of one chunk of a long video, which is a shard of its own."""
    return f"{shard_id}-{number:05d}"


def chunk_uri(out: str, name: str) -> str:
    """Return the address of the observations of one chunk."""
    return storage.join(out, "_ledger", "chunks", f"{name}.parquet")


def chunk_uris(out: str, shard_id: str, num_chunks: int) -> list[str]:
    """Return the addresses of the chunks of a long video, in order."""
    return [chunk_uri(out, chunk_name(shard_id, k)) for k in range(num_chunks)]


def forget_chunks(out: str, shard_id: str, num_chunks: int) -> None:
    """Remove the chunks of a long video whose rows are stored; a video of one chunk has none."""
    if num_chunks > 1:
        for uri in chunk_uris(out, shard_id, num_chunks):
            storage.remove(uri)


def finished_chunks(out: str) -> set[str]:
    """Return the names of the chunks whose file exists."""
    files = storage.list_files(storage.join(out, "_ledger", "chunks"), suffixes=(".parquet",))
    return {file.uri.rsplit("/", 1)[-1].removesuffix(".parquet") for file in files}


def chunk_samples(number: int, *, num_chunks: int, samples: int) -> tuple[int, int | None]:
    """Return the samples of one chunk, as [start, stop); the stop of the last chunk is None.

    >>> [chunk_samples(number, num_chunks=2, samples=2400) for number in (0, 1)]
    [(0, 2400), (2400, None)]
    """
    last = number == num_chunks - 1
    return number * samples, None if last else (number + 1) * samples


def write_chunk(uri: str, observations: Iterator[Observation], facts: VideoFacts) -> dict[str, Any]:
    """Write the observations of one chunk.

    A ``VideoError`` ends the chunk; it is stored, and raised again by ``join_chunks``.

    Returns:
        Counts: frames and faces.
    """
    began = time.monotonic()
    rows: list[dict[str, object]] = []
    counts = {"frames": 0, "faces": 0}
    with tempfile.TemporaryDirectory(prefix="video-emotion-chunk-") as folder:
        path = Path(folder) / "chunk.parquet"
        with pq.ParquetWriter(path, CHUNKS, compression="zstd") as writer:
            broken: dict[str, object] | None = None
            try:
                for observation in observations:
                    rows.append(_row(observation))
                    counts["frames"] += 1
                    counts["faces"] += len(observation.faces)
                    if len(rows) == _GROUP_ROWS:
                        writer.write_table(rows_table(rows, CHUNKS))
                        rows = []
            except VideoError as err:
                broken = vars(err)
            writer.write_table(rows_table(rows, CHUNKS))
            wall_s = time.monotonic() - began
            decoding = {"facts": asdict(facts), "broken": broken, "wall_s": wall_s}
            writer.add_key_value_metadata({"video_emotion": json.dumps(decoding)})
        storage.put_file(path, uri)
    return counts


def join_chunks(
    uris: Sequence[str], summary: VideoSummary, walls_s: list[float]
) -> Iterator[Observation]:
    """Yield the observations of a whole video.

    Args:
        uris: addresses of its chunks, in order.
        summary: receives ``facts``.
        walls_s: receives the seconds that each chunk took.

    Raises:
        VideoError: if the decoding of a chunk broke off, after the observations before the break.
    """
    parts = []
    for uri in uris:
        with storage.open_parquet(uri) as parquet:
            decoding = json.loads(parquet.metadata.metadata[b"video_emotion"])
        walls_s.append(decoding["wall_s"])
        parts.append(VideoFacts(**decoding["facts"]))
        summary.facts = join_facts(parts)
        for group in storage.part_groups(uri):
            for row in group.to_pylist():
                yield _observation(row)
        if decoding["broken"]:
            raise VideoError(**decoding["broken"])


def _row(observation: Observation) -> dict[str, object]:
    return {
        "frame_index": observation.frame_index,
        "pts_s": observation.pts_s,
        "brightness": observation.brightness,
        "blur": observation.blur,
        "signature_small": observation.signature.small,
        "signature_counts": observation.signature.counts,
        "faces": [asdict(face) for face in observation.faces],
    }


def _observation(row: dict[str, Any]) -> Observation:
    return Observation(
        frame_index=row["frame_index"],
        pts_s=row["pts_s"],
        brightness=row["brightness"],
        blur=row["blur"],
        signature=Signature(row["signature_small"], row["signature_counts"]),
        faces=tuple(
            DetectedFace(
                **face | {"box": tuple(face["box"]), "landmarks": tuple(face["landmarks"])}
            )
            for face in row["faces"]
        ),
    )
