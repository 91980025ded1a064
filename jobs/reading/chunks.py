"""Chunks of a long video: several workers process the chunks, then one worker joins them.

A worker writes the observations of a chunk (frames and detected faces) to one Parquet file in
``_ledger/chunks``. Its metadata holds the facts of the decoding. The file is written in one step,
so a chunk is done when its file exists.
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
    """Return the name of one chunk of a long video; ``shard_id`` is the shard of that video."""
    return f"{shard_id}-{number:05d}"


def chunk_uri(out: str, name: str) -> str:
    """Return the address of the file with the observations of one chunk."""
    return storage.join(out, "_ledger", "chunks", f"{name}.parquet")


def chunk_uris(out: str, shard_id: str, num_chunks: int) -> list[str]:
    """Return the addresses of the chunk files of a long video, in order of time."""
    return [chunk_uri(out, chunk_name(shard_id, k)) for k in range(num_chunks)]


def forget_chunks(out: str, shard_id: str, num_chunks: int) -> None:
    """Remove the chunk files of a shard; do nothing for a shard without chunks.

    Call this after the ledger entry of the shard is written.
    """
    if num_chunks > 1:
        for uri in chunk_uris(out, shard_id, num_chunks):
            storage.remove(uri)


def finished_chunks(out: str) -> set[str]:
    """Return the names of the chunks whose file exists."""
    files = storage.list_files(storage.join(out, "_ledger", "chunks"), suffixes=(".parquet",))
    return {file.name.removesuffix(".parquet") for file in files}


def chunk_samples(number: int, *, num_chunks: int, samples: int) -> tuple[int, int | None]:
    """Return the sample numbers [start, stop) of one chunk; stop is None for the last chunk.

    Args:
        number: number of the chunk, from 0.
        num_chunks: number of chunks of the video.
        samples: number of samples per chunk.

    >>> [chunk_samples(number, num_chunks=2, samples=2400) for number in (0, 1)]
    [(0, 2400), (2400, None)]
    """
    last = number == num_chunks - 1
    return number * samples, None if last else (number + 1) * samples


def write_chunk(uri: str, observations: Iterator[Observation], facts: VideoFacts) -> dict[str, Any]:
    """Write the observations of one chunk to its file.

    A ``VideoError`` of ``observations`` ends the chunk. It is stored, and ``join_chunks`` raises it
    again.

    Args:
        uri: address of the file.
        observations: observations of the chunk, in order of time.
        facts: facts of the decoding, complete after the last observation.

    Returns:
        Number of frames and of faces, by the names "frames" and "faces".
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
    """Yield the observations of a whole video from the files of its chunks.

    Args:
        uris: addresses of the chunk files, in order of time.
        summary: its ``facts`` are set.
        walls_s: the wall time of each chunk in seconds is appended.

    Raises:
        VideoError: if the decoding of a chunk failed; the observations before the failure are
            yielded first.
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
