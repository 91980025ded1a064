"""When to look at the faces of a track again, and since when they are somebody else's."""

from __future__ import annotations

import math

import numpy as np

from emotion.extract.identity import Looker, is_good
from emotion.extract.observe import Observation
from emotion.extract.open_track import OpenTrack

REJOIN_GAP_S = 3.0
"""A track whose person comes back within this time, with no cut between, goes on."""
LOOK_NEAR_S = 1.0
"""How often a track with another face near it is looked at."""
LOOK_ALONE_S = 5.0
"""How often any other track is looked at; at 8 samples a second some 0.3 MB of faces wait."""
_LOOK_AGAIN_S = 0.25
_DOUBT_S = 1.0
_NEAR_SIZES = 3.0
_ROUNDING_S = 1e-6


def has_company(seen: Observation, number: int) -> bool:
    """Whether another face is within three times the size of face ``number``, centre to centre."""
    x0, y0, x1, y1 = seen.faces[number].box
    reach = _NEAR_SIZES * seen.faces[number].size_px
    return any(
        math.hypot(f.box[0] + f.box[2] - x0 - x1, f.box[1] + f.box[3] - y0 - y1) < 2 * reach
        for k, f in enumerate(seen.faces)
        if k != number
    )


def is_due(track: OpenTrack, seen: Observation, number: int) -> bool:
    """Whether it is time to look at face ``number`` of a frame, and it is fit for that."""
    if not is_good(seen.faces[number]):
        return False
    every_s = _LOOK_AGAIN_S if track.doubted_s is not None else _period_s(seen, number)
    return seen.pts_s - track.looked_s >= every_s - _ROUNDING_S


def _period_s(seen: Observation, number: int) -> float:
    return LOOK_NEAR_S if has_company(seen, number) else LOOK_ALONE_S


def must_wait(track: OpenTrack, seen: Observation, number: int) -> bool:
    """Whether the faces of a confirmed track wait for a look, which may say whose they are.

    They wait for the next one, as long as it is not overdue, and a second more if that one is at
    somebody else.
    """
    if track.doubted_s is not None:
        return seen.pts_s - track.doubted_s < _DOUBT_S
    waits_s = seen.pts_s - track.waiting[0].item.pts_s
    looked = track.looked_s == seen.pts_s
    return not looked and waits_s < _period_s(seen, number)


def changed_s(track: OpenTrack, look: Looker) -> float:
    """When a doubted track became a stranger's, as far as its waiting faces go back.

    Bisection: three looks find the face in a second of them, five in five seconds.

    Returns:
        Presentation time of the stranger's first face.
    """
    own, stranger = track.appearance.mean, track.stranger
    before = [f for f in track.waiting if f.item.pts_s < (track.doubted_s or 0.0)]
    low, high = 0, len(before)
    while low < high:
        middle = (low + high) // 2
        vector = look(before[middle].seen.jpeg)
        mine = True
        if vector is not None and own is not None and stranger is not None:
            mine = bool(np.linalg.norm(vector - own) <= np.linalg.norm(vector - stranger))
        low, high = (middle + 1, high) if mine else (low, middle)
    return before[low].item.pts_s if low < len(before) else (track.doubted_s or 0.0)
