"""Rows of the stored tables frames, faces and clips; see ``schemas.tables``."""

from __future__ import annotations

from emotion.extract.clip import Clip
from emotion.extract.observe import Observation

Row = dict[str, object]


def frame_row(video_id: str, observation: Observation) -> Row:
    """Return the row of one sampled frame."""
    return {
        "video_id": video_id,
        "frame_index": observation.frame_index,
        "pts_s": observation.pts_s,
        "num_faces": len(observation.faces),
        "brightness": observation.brightness,
        "blur": observation.blur,
    }


def face_row(video_id: str, observation: Observation, number: int) -> Row:
    """Return the row of one detection, without track_id and identity_id."""
    face = observation.faces[number]
    return {
        "face_id": f"{video_id}/{observation.frame_index:06d}/{number:02d}",
        "video_id": video_id,
        "frame_index": observation.frame_index,
        "pts_s": observation.pts_s,
        "box": list(face.box),
        "score": face.score,
        "landmarks": list(face.landmarks),
        "landmarks_by": face.landmarks_by,
        "yaw_deg": face.yaw_deg,
        "roll_deg": face.roll_deg,
        "blur": face.blur,
        "brightness": face.brightness,
        "size_px": face.size_px,
    }


def clip_row(video_id: str, number: int, clip: Clip) -> Row:
    """Return the row of the video's clip ``number``, without track_id and identity_id."""
    return {
        "clip_id": f"{video_id}/{number:06d}",
        "video_id": video_id,
        "start_s": clip.start_s,
        "stop_s": clip.stop_s,
        "pts_s": list(clip.pts_s),
        "box": list(clip.box),
        "num_faces": clip.num_faces,
        "quality": clip.quality,
        "crops": list(clip.crops),
    }
