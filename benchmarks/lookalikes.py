"""Measure the search for people in videos of different splits, by the number of subjects.

    python -m benchmarks.lookalikes --subjects 10000 100000

Draws random embeddings: a person per subject, and a second person beside every fourth. One subject
in a thousand is twice there, under two names.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from emotion.extract.embed import SAME_PERSON_DISTANCE
from emotion.splits import SPLITS
from emotion.validate.lookalikes import find_lookalikes
from emotion.validate.subjects import SubjectStore
from jobs.common.command import one_line_errors, parse
from schemas.tables import EMBEDDING_LENGTH

VIDEOS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    subjects: tuple[int, ...] = (10_000, 100_000)
    """Numbers of subjects."""


def tracks(count: int) -> Iterator[pa.Table]:
    """Yield the tracks of ``count`` videos, each of another subject."""
    random = np.random.default_rng(0)
    for first in range(0, count, VIDEOS_AT_A_TIME):
        videos = np.arange(first, min(first + VIDEOS_AT_A_TIME, count))
        people = np.concatenate([videos, videos[videos % 4 == 0]])
        vectors = random.normal(size=(len(people), EMBEDDING_LENGTH))
        twins = np.flatnonzero(people[: len(videos)] % 1000 == 1)
        vectors[twins] = vectors[twins - 1]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        is_second = np.arange(len(people)) >= len(videos)
        yield pa.table(
            {
                "video_id": [f"v{k}" for k in people],
                "identity_id": pa.array(is_second.astype(np.int32)),
                "subject_id": [f"s{k}" for k in people],
                "split": [SPLITS[k % len(SPLITS)] for k in people],
                "num_faces": pa.array(np.where(is_second, 5, 10).astype(np.int32)),
                "embedding": pa.array(list(vectors.astype(np.float32)), pa.list_(pa.float32())),
            }
        )


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size; print seconds, people found and the peak memory so far."""
    config = parse(Config, argv, verb="benchmarks.lookalikes", doc=__doc__)
    for count in config.subjects:
        with tempfile.TemporaryDirectory() as folder:
            store = SubjectStore(Path(folder), same_distance=SAME_PERSON_DISTANCE)
            began = time.monotonic()
            for table in tracks(count):
                store.add(table)
            added_s = time.monotonic() - began
            near = find_lookalikes(store, same_distance=SAME_PERSON_DISTANCE)
            search_s = time.monotonic() - began - added_s
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{count:>9,} subjects: stored in {added_s:.1f} s, compared in {search_s:.1f} s; "
            f"{near.same.num_people} found twice; peak {peak_mib:,.0f} MiB"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
