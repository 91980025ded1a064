"""Rules of every table.

They are checked on the frames of the modules ``derived``, ``derived_tracks``, ``footers`` and
``crops``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion.splits import SPLITS
from emotion.validate.notes import BOX_TOLERANCE_PX
from emotion.validate.rules import (
    Suite,
    between,
    matches,
    no_note,
    one_of,
    ordered,
    present,
    unique,
)
from schemas.tables import EMBEDDING_LENGTH, VIDEO_COLUMNS

VIDEO_REASONS = ("no_face", "short_tracks")
STAGES = ("plan", "decode")
VIDEO_COUNTS = ("num_frames", "num_faces", "num_tracks", "num_identities", "num_clips")
MAX_DURATION_S = 7 * 24 * 3600
_INSIDE = f"box is inside the frame, give or take {BOX_TOLERANCE_PX:g} px"


@dataclass(frozen=True)
class Declared:
    """Settings that a dataset declares; its rows are compared with them.

    Attributes:
        labels: the label set.
        clip_len: crops per clip (T).
        clip_stride: samples from the start of a clip to the start of the next.
        crop_px: side of the crops, pixels.
        reject_reasons: the allowed reasons in ``rejects``.
    """

    labels: tuple[str, ...]
    clip_len: int
    clip_stride: int
    crop_px: int
    reject_reasons: tuple[str, ...]


def columns_suite() -> Suite:
    """Return the rules on ``footers.columns_frame``."""
    return (no_note("problem", "every part has the declared columns and types"),)


def parts_suite(clip_len: int) -> Suite:
    """Return the rules on ``footers.crops_frame``."""
    return (no_note("wrong_crops", f"every part holds {clip_len} crops for each clip"),)


def crops_suite(crop_px: int) -> Suite:
    """Return the rules on ``crops.sample_crops``."""
    return (no_note("problem", f"a crop is a JPEG of {crop_px} x {crop_px} pixels"),)


def videos_suite(labels: Sequence[str]) -> Suite:
    """Return the rules on ``derived.videos_frame``."""
    return (
        *present("video_id", "uri", "content_sha256", "subject_id", "label", "split", "complete"),
        *present("size_bytes", "duration_s", "fps", "width", "height", *VIDEO_COUNTS),
        matches("content_sha256 is 64 hex digits", "content_sha256", "^[0-9a-f]{64}$"),
        one_of("label", labels),
        one_of("split", SPLITS),
        one_of("reason", VIDEO_REASONS),
        between("size_bytes", 1),
        between("duration_s", 0, MAX_DURATION_S, above=True),
        between("fps", 0, 1000, above=True),
        between("width", 1),
        between("height", 1),
        no_note("wrong_num_clips", "num_clips is the number of the video's rows in clips"),
        no_note("wrong_num_frames", "num_frames is the number of the video's rows in frames"),
        no_note("wrong_num_faces", "num_faces is the number of the video's rows in faces"),
        no_note("wrong_num_tracks", "num_tracks is the number of the video's rows in tracks"),
        no_note("wrong_num_identities", "num_identities is the number of the video's identities"),
        no_note("wrong_reason", "a video has either clips or a reason for having none"),
    )


def frames_suite() -> Suite:
    """Return the rules on ``derived.frames_frame``."""
    return (
        *present("video_id", "frame_index", "pts_s", "num_faces", "brightness", "blur"),
        unique("a frame_index is there once in a video", "video_id", "frame_index"),
        between("frame_index", 0),
        between("pts_s", 0),
        between("brightness", 0, 255),
        between("blur", 0),
        no_note("time_back", "pts_s grows strictly along a video"),
        no_note("wrong_num_faces", "num_faces is the number of the frame's rows in faces"),
        no_note("unknown_video", "every frame's video is in videos"),
    )


def faces_suite() -> Suite:
    """Return the rules on ``derived.faces_frame``."""
    return (
        *present("face_id", "video_id", "frame_index", "pts_s", "score", "size_px", "blur"),
        *present("brightness"),
        unique("face_id is there once", "face_id"),
        between("pts_s", 0),
        between("score", -10, 10),  # dlib's HOG has no upper bound; the spec allows -10 to 10
        between("yaw_deg", -180, 180),
        between("roll_deg", -180, 180),
        between("brightness", 0, 255),
        between("blur", 0),
        between("num_landmark_values", 10, 10),
        no_note("box_outside", _INSIDE),
        no_note("wrong_size", "size_px is the square root of the box's area"),
        no_note("landmarks_away", "landmarks are in the box, or near it"),
        no_note("time_back", "pts_s grows strictly along a track"),
        no_note("unknown_video", "every face's video is in videos"),
        no_note("unknown_frame", "every face's frame is in frames"),
        no_note("other_pts", "a face's pts_s is its frame's"),
        no_note("unknown_track", "every tracked face's track is in tracks"),
        no_note("identity_apart", "identity_id is null exactly where track_id is"),
        no_note("other_identity", "a face's identity is its track's"),
    )


def tracks_suite(labels: Sequence[str]) -> Suite:
    """Return the rules on ``derived_tracks.tracks_frame``."""
    return (
        *present("video_id", "track_id", "identity_id", "subject_id", "label", "split"),
        *present("start_s", "stop_s", "num_faces", "mean_size_px"),
        unique("a track_id is there once in a video", "video_id", "track_id"),
        one_of("label", labels),
        one_of("split", SPLITS),
        between("track_id", 0),
        between("identity_id", 0),
        between("start_s", 0),
        ordered("start_s", "stop_s"),
        between("num_faces", 1),
        between("mean_size_px", 0, above=True),
        no_note("wrong_embedding", f"embedding is empty or {EMBEDDING_LENGTH} numbers"),
        no_note("wrong_length", "embedding has unit length"),
        no_note("wrong_num_faces", "num_faces is the number of the track's rows in faces"),
        no_note("unknown_video", "every track's video is in videos"),
        *[no_note(f"other_{n}", f"a track's {n} is its video's") for n in VIDEO_COLUMNS["tracks"]],
    )


def clips_suite(labels: Sequence[str], clip_len: int) -> Suite:
    """Return the rules on ``derived_tracks.clips_frame``."""
    return (
        *present("clip_id", "video_id", "track_id", "identity_id", "subject_id", "label", "split"),
        *present("start_s", "stop_s", "num_faces", "quality"),
        unique("clip_id is there once", "clip_id"),
        one_of("label", labels),
        one_of("split", SPLITS),
        between("start_s", 0),
        ordered("start_s", "stop_s"),
        between("num_pts", clip_len, clip_len),
        between("num_faces", 1, clip_len),
        between("quality", 0, 1),
        no_note("time_back", "the crops' pts_s never run backwards"),
        no_note("overlap", "clips of a track do not overlap"),
        no_note("box_outside", _INSIDE),
        no_note("unknown_video", "every clip's video is in videos"),
        no_note("unknown_track", "every clip's track is in tracks"),
        no_note("outside_track", "a clip is within the time of its track"),
        no_note("other_identity", "a clip's identity is its track's"),
        *[no_note(f"other_{n}", f"a clip's {n} is its video's") for n in VIDEO_COLUMNS["clips"]],
    )


def rejects_suite(reasons: Sequence[str]) -> Suite:
    """Return the rules on the table ``rejects``, which may be empty."""
    return (
        *present("uri", "stage", "reason"),
        one_of("stage", STAGES),
        one_of("reason", reasons),
        between("offset_s", 0),
        between("offset_bytes", 0),
    )
