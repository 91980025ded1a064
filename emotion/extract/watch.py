"""Checks of a track for a change of person: when a check is due, and when the change was."""

from __future__ import annotations

import math

import numpy as np

from emotion.extract.identity import CropEmbedder, is_good
from emotion.extract.observe import Observation
from emotion.extract.open_track import OpenTrack

REJOIN_GAP_S = 3.0
"""Seconds within which a track continues if its person comes back, without a cut in between."""
CHECK_NEAR_S = 1.0
"""Seconds between two checks of a track with another face near it."""
CHECK_ALONE_S = 5.0
"""Seconds between two checks of any other track; at 8 samples/s, 0.3 MB of faces wait."""
_CHECK_AGAIN_S = 0.25
"""Seconds between two checks of a track whose last check found another person."""
_DOUBT_S = 1.0
"""Seconds for which the faces of such a track wait after that check."""
_NEAR_SIZES = 3.0
"""Distance between the centres of two faces that are near each other, in sizes of the face."""
_ROUNDING_S = 1e-6


def has_company(observation: Observation, number: int) -> bool:
    """Return True if another face is within three sizes of face ``number``, centre to centre."""
    x0, y0, x1, y1 = observation.faces[number].box
    reach = _NEAR_SIZES * observation.faces[number].size_px
    return any(
        math.hypot(f.box[0] + f.box[2] - x0 - x1, f.box[1] + f.box[3] - y0 - y1) < 2 * reach
        for k, f in enumerate(observation.faces)
        if k != number
    )


def is_due(track: OpenTrack, observation: Observation, number: int) -> bool:
    """Return True if face ``number`` of a frame is good and its track is due for a check."""
    if not is_good(observation.faces[number]):
        return False
    every_s = _CHECK_AGAIN_S if track.doubted_s is not None else _period_s(observation, number)
    return observation.pts_s - track.checked_s >= every_s - _ROUNDING_S


def _period_s(observation: Observation, number: int) -> float:
    return CHECK_NEAR_S if has_company(observation, number) else CHECK_ALONE_S


def must_wait(track: OpenTrack, observation: Observation, number: int) -> bool:
    """Return True if the faces of a confirmed track wait for its next check.

    They wait until that check, or until its time has passed without one. If the check finds
    another person, they wait one second more.
    """
    if track.doubted_s is not None:
        return observation.pts_s - track.doubted_s < _DOUBT_S
    waits_s = observation.pts_s - track.waiting[0].item.pts_s
    checked = track.checked_s == observation.pts_s
    return not checked and waits_s < _period_s(observation, number)


def changed_s(track: OpenTrack, embed_crop: CropEmbedder) -> float:
    """Find the time at which a doubted track changed to another person.

    It bisects the waiting faces: three embeddings for one second of faces, five for five seconds.

    Returns:
        Presentation time of the other person's first face, seconds.
    """
    own, stranger = track.embedding.mean, track.stranger
    before = [f for f in track.waiting if f.item.pts_s < (track.doubted_s or 0.0)]
    low, high = 0, len(before)
    while low < high:
        middle = (low + high) // 2
        vector = embed_crop(before[middle].face.jpeg)
        is_own = True
        if vector is not None and own is not None and stranger is not None:
            is_own = bool(np.linalg.norm(vector - own) <= np.linalg.norm(vector - stranger))
        low, high = (middle + 1, high) if is_own else (low, middle)
    return before[low].item.pts_s if low < len(before) else (track.doubted_s or 0.0)
