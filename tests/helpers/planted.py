"""Defects to plant in the tiny dataset, one for each expectation on rows and videos."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.helpers.tiny_dataset import Rows

Plant = Callable[[Rows], None]
HALF = [0.5, *[0.0] * 127]


def put(table: str, column: str, value: object, *, row: int = 0) -> Plant:
    def plant(rows: Rows) -> None:
        rows[table][row][column] = value

    return plant


def both(*plants: Plant) -> Plant:
    def plant(rows: Rows) -> None:
        for one in plants:
            one(rows)

    return plant


def repeat(table: str, **changed: object) -> Plant:
    def plant(rows: Rows) -> None:
        rows[table].append(copy.deepcopy(rows[table][0]) | changed)

    return plant


def boxed(box: list[float]) -> Plant:
    """Move the first face to another box, and change its size accordingly."""
    x0, y0, x1, y1 = [*box, 0.0][:4]
    side = max(0.1, (x1 - x0) * (y1 - y0)) ** 0.5
    return both(put("faces", "box", box), put("faces", "size_px", side))


def at(pts_s: float, *, row: int = 0) -> Plant:
    """Move a face and its frame to another time."""
    return both(put("faces", "pts_s", pts_s, row=row), put("frames", "pts_s", pts_s, row=row))


def at_index(number: int) -> Plant:
    """Give the first face and its frame another index."""
    return both(put("faces", "frame_index", number), put("frames", "frame_index", number))


def of_faces(track_id: int, plant: Plant) -> Plant:
    """Apply ``plant`` and put all faces on that track."""
    return both(plant, *[put("faces", "track_id", track_id, row=row) for row in range(3)])


def copied_faces(rows: Rows) -> None:
    """Repeat the faces under a video that does not exist."""
    rows["faces"] += [dict(row) | {"video_id": "v9"} for row in rows["faces"]]


def early(rows: Rows) -> None:
    """Start a clip and its track before the video."""
    rows["clips"][0]["start_s"] = rows["tracks"][0]["start_s"] = -0.1


DEFECTS: list[tuple[str, Plant, str, str]] = [
    # table, what is wrong, words of the expectation, words of an example
    ("videos", put("videos", "uri", None), "uri is never null", ""),
    ("videos", put("videos", "content_sha256", "abc"), "content_sha256 is 64 hex digits", "abc"),
    ("videos", put("videos", "content_sha256", None), "content_sha256 is never null", ""),
    ("videos", put("videos", "label", None), "label is never null", ""),
    ("videos", put("videos", "split", "dev"), "split is one of train, val, test", "dev"),
    ("videos", put("videos", "size_bytes", 0), "size_bytes is at least 1", "0"),
    ("videos", put("videos", "duration_s", 0.0), "duration_s is above 0", "0"),
    ("videos", put("videos", "duration_s", float("inf")), "duration_s is above 0", "inf"),
    ("videos", put("videos", "fps", -1.0), "fps is above 0 and at most 1000", "-1"),
    ("videos", put("videos", "fps", 5000.0), "fps is above 0 and at most 1000", "5000"),
    ("videos", put("videos", "num_clips", 2), "num_clips is the number", "is 2, clips has 1"),
    ("videos", put("videos", "num_frames", 4), "num_frames is the number", "frames has 3"),
    ("videos", put("videos", "num_faces", 2), "num_faces is the number", "faces has 3"),
    ("videos", put("videos", "num_tracks", 2), "num_tracks is the number", "tracks has 1"),
    ("videos", put("videos", "num_identities", 0), "num_identities is the number", "have 1"),
    ("videos", put("videos", "complete", None), "complete is never null", ""),
    ("videos", put("videos", "reason", "no_face"), "either clips or a reason", "1 clips"),
    ("videos", put("videos", "width", 0), "width is at least 1", "0"),
    ("videos", put("videos", "height", None), "height is never null", ""),
    ("frames", put("frames", "pts_s", None), "pts_s is never null", ""),
    ("frames", put("frames", "pts_s", -0.1), "pts_s is at least 0", "-0.1"),
    ("frames", put("frames", "pts_s", 0.125, row=2), "pts_s grows strictly", " frame 2"),
    ("frames", at_index(-1), "frame_index is at least 0", "-1"),
    ("frames", repeat("frames", pts_s=0.1), "a frame_index is there once", "frame_index 0"),
    ("frames", repeat("frames", video_id="v9", num_faces=0), "every frame's video is in", "v9"),
    ("frames", put("frames", "brightness", 256.0), "brightness is at least 0", "256"),
    ("frames", put("frames", "num_faces", 2), "num_faces is the number", "is 2, faces has 1"),
    ("frames", put("frames", "blur", -1.0), "blur is at least 0", "-1"),
    ("faces", put("faces", "face_id", None), "face_id is never null", ""),
    ("faces", put("faces", "face_id", "v2/0/0"), "face_id is there once", "v2/0/0"),
    ("faces", put("faces", "score", 11.0), "score is at least -10 and at most 10", "11"),
    ("faces", put("faces", "roll_deg", 181.0), "roll_deg is at least -180", "181"),
    ("faces", put("faces", "yaw_deg", -181.0), "yaw_deg is at least -180", "-181"),
    ("faces", put("faces", "brightness", -1.0), "brightness is at least 0", "-1"),
    ("faces", put("faces", "blur", -1.0), "blur is at least 0", "-1"),
    ("faces", put("faces", "landmarks", [1.0] * 9), "num_landmark_values is 10", "9"),
    ("faces", boxed([10.0, 10.0, 10.0, 60.0]), "box is inside", "/0/0"),
    ("faces", boxed([-1.5, 10.0, 50.0, 60.0]), "box is inside", "in a frame of 320"),
    ("faces", boxed([10.0, 10.0, 321.5, 60.0]), "box is inside", "321.5"),
    ("faces", boxed([10.0, 10.0, 50.0, 241.5]), "box is inside", "241.5"),
    ("faces", boxed([10.0, 10.0, 50.0]), "box is inside", "nan"),
    ("faces", at(-0.1), "pts_s is at least 0", "-0.1"),
    ("faces", put("faces", "pts_s", 0.01), "a face's pts_s is its frame's", "0.01, its frame's 0"),
    ("faces", put("faces", "size_px", 46.0), "size_px is the square root", "46.0, its box's 44.7"),
    ("faces", put("faces", "landmarks", [30.0] * 9 + [86.0]), "landmarks are in the box", "/0/0"),
    ("faces", put("faces", "landmarks", [-11.0] + [30.0] * 9), "landmarks are in the box", "/0/0"),
    ("faces", put("faces", "identity_id", None), "null exactly where", "identity nan"),
    ("faces", put("faces", "identity_id", 1), "identity is its track's", "1, its track's 0"),
    ("faces", put("faces", "track_id", 7), "every tracked face's track", "no track 7"),
    ("faces", at(0.0, row=1), "pts_s grows strictly along a track", "/1/0"),
    ("faces", put("faces", "frame_index", 7, row=2), "every face's frame is in", "no frame 7"),
    ("clips", put("clips", "clip_id", None), "clip_id is never null", ""),
    ("clips", put("clips", "clip_id", "v2/0/0"), "clip_id is there once", "v2/0/0"),
    ("clips", put("clips", "quality", None), "quality is never null", ""),
    ("clips", put("clips", "track_id", None), "track_id is never null", ""),
    ("clips", put("clips", "track_id", 5), "every clip's track is in tracks", "no track 5"),
    ("clips", put("clips", "identity_id", 3), "a clip's identity is", "3, its track's 0"),
    ("clips", put("clips", "identity_id", None), "identity_id is never null", ""),
    ("clips", put("clips", "stop_s", 0.5), "within the time of its track", "0.0 to 0.5, its track"),
    ("clips", repeat("clips", clip_id="second", start_s=0.125), "do not overlap", "clip second"),
    ("tracks", put("tracks", "mean_size_px", None), "mean_size_px is never null", ""),
    ("tracks", put("tracks", "mean_size_px", 0.0), "mean_size_px is above 0", "0"),
    ("tracks", repeat("tracks"), "a track_id is there once in a video", "track_id 0"),
    ("tracks", of_faces(-1, put("tracks", "track_id", -1)), "track_id is at least 0", "-1"),
    ("tracks", repeat("tracks", track_id=4), "num_faces is the number", "3, faces has 0"),
    ("tracks", both(repeat("tracks", video_id="v9"), copied_faces), "every track's video", "v9"),
    ("tracks", put("tracks", "identity_id", -1), "identity_id is at least 0", "-1"),
    ("tracks", put("tracks", "start_s", -0.1), "start_s is at least 0", "-0.1"),
    ("tracks", put("tracks", "stop_s", 0.0), "start_s is before stop_s", "0.0 and 0.0"),
    ("tracks", repeat("tracks", track_id=4, num_faces=0), "num_faces is at least 1", "0"),
    ("tracks", put("tracks", "embedding", [1.0]), "embedding is empty or 128", "of 1 numbers"),
    ("tracks", put("tracks", "embedding", HALF), "embedding has unit length", "length 0.500"),
    ("tracks", put("tracks", "label", "neutral"), "a track's label is its video's", "is neutral"),
    ("tracks", put("tracks", "split", "val"), "a track's split is its video's", "split is val"),
    ("tracks", put("tracks", "subject_id", "bert"), "a track's subject_id", "bert"),
    ("clips", early, "start_s is at", "-0.1"),
    ("clips", put("clips", "stop_s", 0.0), "start_s is before stop_s", "0.0 and 0.0"),
    ("clips", put("clips", "pts_s", [0.0, 0.1]), "num_pts is 3", "2"),
    ("clips", put("clips", "pts_s", None), "num_pts is 3", "0"),
    ("clips", put("clips", "pts_s", [0.0, 0.2, 0.1]), "the crops' pts_s never run", "/0/0"),
    ("clips", put("clips", "num_faces", 4), "num_faces is at least 1 and at most 3", "4"),
    ("clips", put("clips", "num_faces", 0), "num_faces is at least 1 and at most 3", "0"),
    ("clips", put("clips", "quality", 1.5), "quality is at least 0 and at most 1", "1.5"),
    ("clips", put("clips", "box", [0.0, 0.0, 400.0, 60.0]), "box is inside", "400"),
    ("clips", put("clips", "label", "neutral"), "a clip's label is its video's", "is neutral"),
    ("clips", put("clips", "split", "val"), "a clip's split is its video's", "split is val"),
    ("clips", put("clips", "subject_id", "bert"), "a clip's subject_id is its video's", "bert"),
    ("clips", put("clips", "fold", "1"), "a clip's fold is its video's", "fold is 1"),
    ("rejects", put("rejects", "reason", "boring"), "reason is one of ", "boring"),
    ("rejects", put("rejects", "reason", None), "reason is never null", ""),
    ("rejects", put("rejects", "stage", "train"), "stage is one of plan, decode", "train"),
    ("rejects", put("rejects", "offset_s", -1.0), "offset_s is at least 0", "-1"),
    ("rejects", put("rejects", "offset_bytes", -1), "offset_bytes is at least 0", "-1"),
    ("rejects", put("rejects", "uri", None), "uri is never null", ""),
    ("rejects", put("rejects", "stage", None), "stage is never null", ""),
]  # fmt: skip
