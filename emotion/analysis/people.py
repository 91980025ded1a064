"""A row per person, from the tables of one or more videos: the answer and its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from emotion.export.names import NOBODY, ArchiveNames
from emotion.pooling import pool_videos
from emotion.predict.spans import NO_NAMES, person
from emotion.predict.timeline import answer_columns
from schemas.scores import person_answers_schema, prob_column, share_column
from schemas.tables import rows_table

Row = dict[str, Any]
Key = tuple[str, int]  # video_id and identity_id


def person_answers(
    tables: Mapping[str, pa.Table],
    labels: tuple[str, ...],
    *,
    margin: float,
    names: ArchiveNames = NOBODY,
) -> pa.Table:
    """Return the rows of ``people`` with the answer for each person.

    The answer is pooled over the person's clips, as that of a video is over all clips.

    Args:
        tables: tables ``people``, ``scores``, ``segments`` and ``tracks`` of one or more videos.
        labels: K names.
        margin: margin below which an answer is uncertain.
        names: names that a user gave to people, by the uri of their video.

    Returns:
        Table with ``schemas.scores.person_answers_schema``; without a person it has no rows.
    """
    tracks: dict[Key, list[Row]] = {}
    for track in tables["tracks"].to_pylist():
        tracks.setdefault((track["video_id"], track["identity_id"]), []).append(track)
    probs = _pooled(tables["scores"], labels)
    shares = _shares(tables["segments"], labels)
    rows = []
    for row in tables["people"].to_pylist():
        key = (row["video_id"], row["identity_id"])
        share = shares.get(key, [None] * len(labels))
        rows.append(
            row
            | _span(tracks[key])
            | {"person": person(row["identity_id"], names.get(row["uri"], NO_NAMES))}
            | answer_columns(probs.get(key), labels, margin=margin)
            | {share_column(label): value for label, value in zip(labels, share, strict=True)}
        )
    return rows_table(rows, person_answers_schema(labels))


def _span(tracks: Sequence[Row]) -> Row:
    """Return first and last time, and counts of one person."""
    return {
        "start_s": min(track["start_s"] for track in tracks),
        "stop_s": max(track["stop_s"] for track in tracks),
        "num_faces": sum(track["num_faces"] for track in tracks),
        "num_tracks": len(tracks),
        "num_clips": sum(track["num_clips"] for track in tracks),
    }


def _pooled(scores: pa.Table, labels: Sequence[str]) -> dict[Key, Any]:
    """Return probabilities pooled over clips, (K,) float32, by person."""
    if not scores.num_rows:
        return {}
    ids = (scores[name].to_pylist() for name in ("video_id", "identity_id"))
    keys: list[Key] = list(zip(*ids, strict=True))
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    probs = np.stack([scores[prob_column(label)].to_numpy() for label in labels], axis=1)
    index = [place[key] for key in keys]
    pooled = pool_videos(probs, scores["num_faces"].to_numpy(), index, num_videos=len(place))
    return dict(zip(place, pooled.astype(np.float32), strict=True))


def _shares(segments: pa.Table, labels: Sequence[str]) -> dict[Key, list[float]]:
    """Return each label's share of the samples in segments, by person."""
    counts: dict[Key, Counter[str]] = {}
    names = ("video_id", "identity_id", "label", "num_faces")
    for video, identity, label, num in zip(*(segments[n].to_pylist() for n in names), strict=True):
        counts.setdefault((video, identity), Counter())[label] += num
    return {key: [n[label] / n.total() for label in labels] for key, n in counts.items()}
