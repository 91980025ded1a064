"""One video after the model has run, before the rows of its tables are computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from emotion.errors import InputError
from emotion.predict.faces import coverages

Row = dict[str, Any]


@dataclass(frozen=True)
class Scan:
    """Rows of one video that do not depend on each other yet.

    Attributes:
        video: the columns ``VIDEO_FACTS``.
        clips: for each clip the columns ``CLIP_FACTS``, ``pts_s``, ``probs`` and ``steps``; see
            ``emotion.predict.score_rows.video_rows``.
        faces: rows of ``SCORED_FACES``.
    """

    video: Row
    clips: list[Row]
    faces: list[Row]


def check_people(count: int | None) -> None:
    """Raise InputError if a number of persons is less than 1; None is allowed."""
    if count is not None and count < 1:
        raise InputError(f"people must be at least 1, got {count}")


def keep_people(scan: Scan, count: int | None) -> Scan:
    """Return a video with only the persons who have the most faces.

    Faces and clips of other persons are left out, and the facts of the video count the kept persons
    only. Faces without a track stay. Persons keep their identity_id.

    Args:
        scan: the video.
        count: number of persons, at least 1; of two with as many faces, the one who appears first.
            None keeps everybody.

    Raises:
        InputError: if ``count`` is less than 1.
    """
    check_people(count)
    if count is None:
        return scan
    sizes = Counter(f["identity_id"] for f in scan.faces if f["identity_id"] is not None)
    ranked = sorted(sizes, key=lambda identity: (-sizes[identity], identity))
    kept = {None, *ranked[:count]}
    faces = [face for face in scan.faces if face["identity_id"] in kept]
    clips = [clip for clip in scan.clips if clip["identity_id"] in kept]
    return replace(scan, video=_facts(scan.video, faces, clips), clips=clips, faces=faces)


def _facts(video: Row, faces: Sequence[Row], clips: Sequence[Row]) -> Row:
    names = ("video_id", "track_id", "identity_id", "frame_index")
    table = pa.table({name: [face[name] for face in faces] for name in names})
    return video | {
        "num_faces": len(faces),
        "num_clips": len(clips),
        "num_tracks": len({f["track_id"] for f in faces} - {None}),
        "num_identities": len({f["identity_id"] for f in faces} - {None}),
        "coverage": coverages(table, {video["video_id"]: video["num_frames"]})[video["video_id"]]
        if faces
        else 0.0,
        "reason": None if clips else "short_tracks" if faces else "no_face",
    }
