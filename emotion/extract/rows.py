"""What the walk knows as rows of the stored tables; columns are those of ``schemas.tables``."""

from __future__ import annotations

from emotion.extract.clip import Clip
from emotion.extract.observe import Observation

Row = dict[str, object]


def frame_row(video_id: str, seen: Observation) -> Row:
    """The row of one sampled frame."""
    return {
        "video_id": video_id,
        "frame_index": seen.frame_index,
        "pts_s": seen.pts_s,
        "num_faces": len(seen.faces),
        "brightness": seen.brightness,
        "blur": seen.blur,
    }


def face_row(video_id: str, seen: Observation, number: int) -> Row:
    """The row of one detection, without track_id and identity_id."""
    face = seen.faces[number]
    return {
        "face_id": f"{video_id}/{seen.frame_index:06d}/{number:02d}",
        "video_id": video_id,
        "frame_index": seen.frame_index,
        "pts_s": seen.pts_s,
        "box": list(face.box),
        "score": face.score,
        "landmarks": list(face.landmarks),
        "yaw_deg": face.yaw_deg,
        "roll_deg": face.roll_deg,
        "blur": face.blur,
        "brightness": face.brightness,
        "size_px": face.size_px,
    }


def clip_row(video_id: str, number: int, clip: Clip) -> Row:
    """The row of the video's clip ``number``, without track_id and identity_id."""
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
