"""Observations of one video, in order, to its rows: tracks, identities and clips.

The walk never sees a frame's pixels. So the chunks of a long video can be observed by different
workers and walked by one, and its rows are the same as if one worker had done it all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emotion.errors import VideoError
from emotion.extract.clip import Clip, ClipBuilder, CropItem
from emotion.extract.cuts import CutDetector
from emotion.extract.detect import Faces
from emotion.extract.identity import Embed, Glance, Identities, Looker, Vector, is_good, look_well
from emotion.extract.observe import Observation
from emotion.extract.open_track import OpenTrack, WaitingFace
from emotion.extract.rows import Row as Row
from emotion.extract.rows import clip_row, face_row, frame_row
from emotion.extract.spec import ExtractionSpec
from emotion.extract.track import CONFIRM_HITS, Looks, Tracker
from emotion.extract.watch import REJOIN_GAP_S, changed_s, is_due, must_wait
from emotion.video.decode import VideoFacts

Table = Literal["frames", "faces", "tracks", "clips"]


@dataclass
class VideoSummary:
    """Counts of one video; complete once its rows are exhausted.

    Attributes:
        facts: what the container and the decoding told.
        num_frames: sampled frames.
        num_faces: detections.
        num_tracks: confirmed tracks.
        num_identities: persons.
        num_clips: clips.
        covered: one byte per sample: 1 where a tracked face was found.
        broken: why decoding broke off, where what came before was kept; else None.
    """

    facts: VideoFacts = field(default_factory=VideoFacts)
    num_frames: int = 0
    num_faces: int = 0
    num_tracks: int = 0
    num_identities: int = 0
    num_clips: int = 0
    covered: bytearray = field(default_factory=bytearray)
    broken: VideoError | None = None

    @property
    def coverage(self) -> float:
        """Share of sampled frames with a tracked face, 0 to 1."""
        return sum(self.covered) / self.num_frames if self.num_frames else 0.0

    @property
    def reason(self) -> str | None:
        """Why there is no clip, or None."""
        if self.num_clips:
            return None
        return "short_tracks" if self.num_faces else "no_face"

    def cover(self, frame_index: int) -> None:
        """Note a tracked face in a sample."""
        self.covered.extend(bytes(max(0, frame_index + 1 - len(self.covered))))
        self.covered[frame_index] = 1


def walk(
    observations: Iterable[Observation],
    *,
    spec: ExtractionSpec,
    video_id: str,
    summary: VideoSummary,
    embed: Embed | None = None,
) -> Iterator[tuple[Table, Row]]:
    """Rows of one video, as its observations come.

    Memory does not depend on its length: per open track at most one window of crops is held and
    six seconds of faces that wait for a look, and one vector per person.

    Args:
        observations: in order of time; none gives no rows.
        spec: how clips are cut.
        video_id: goes into every row and id.
        summary: filled in on the way.
        embed: tells people apart. None: by their boxes alone, and every track is a person.

    Yields:
        (table, row) with the columns of ``schemas.tables``; track and clip rows lack what only the
        label table knows (subject_id, label, split, fold).
    """
    going = _Walk(spec, video_id, summary, embed)
    for observation in observations:
        yield from going.step(observation)
    yield from going.finish()


class _Walk:
    """What is open between the frames of one video."""

    def __init__(
        self, spec: ExtractionSpec, video_id: str, summary: VideoSummary, embed: Embed | None
    ) -> None:
        self._spec, self._video_id, self._summary = spec, video_id, summary
        self._tracker, self._is_cut = Tracker(), CutDetector()
        self._open: dict[int, OpenTrack] = {}
        self._look = Looker(embed) if embed is not None else None
        self._people = Identities()
        self._resting: list[OpenTrack] = []  # not seen lately; may be taken up again

    def step(self, seen: Observation) -> Iterator[tuple[Table, Row]]:
        """Rows of one sampled frame, and those that it completes."""
        self._summary.num_frames += 1
        self._summary.num_faces += len(seen.faces)
        yield "frames", frame_row(self._video_id, seen)
        cut = self._is_cut(seen.signature)
        face = Glance(self._look, seen) if self._look is not None else None
        looks = Looks(face, self._mean) if face else None
        keys, ended = self._tracker.step(_faces(seen), seen.pts_s, cut=cut, looks=looks)
        yield from self._part(ended, seen.pts_s, cut=cut)
        for number, key in enumerate(keys):
            self._add(key, seen, number)
        if face:
            self._check(keys, seen, face)
        self._confirm(keys, seen.pts_s)
        for number, track in enumerate(self._open[key] for key in keys):
            if track.track_id is None or (face and must_wait(track, seen, number)):
                continue
            yield from self._release(track)

    def finish(self) -> Iterator[tuple[Table, Row]]:
        """Rows of the tracks still open at the end of the video."""
        yield from self._part(self._tracker.finish(), math.inf, cut=True)

    def _mean(self, key: int) -> Vector | None:
        return self._open[key].appearance.mean

    def _part(self, ended: list[int], pts_s: float, *, cut: bool) -> Iterator[tuple[Table, Row]]:
        """Tracks that the tracker gave up; those that nobody can take up again have ended."""
        for key in ended:
            track = self._open.pop(key)
            yield from self._release(track)
            if track.track_id is not None:
                self._resting.append(track)
        cut = cut or self._look is None
        new = [t.waiting[0].item.pts_s for t in self._open.values() if t.track_id is None]
        since_s = min([pts_s, *new])  # one that is not yet confirmed may go on with an old one
        over = [t for t in self._resting if cut or since_s - t.last_pts_s > REJOIN_GAP_S]
        self._resting = [t for t in self._resting if t not in over]
        for track in over:
            yield from self._release(track)
            for clip in track.builder.finish():
                yield "clips", self._clip_row(track, clip)
            yield "tracks", track.row(self._video_id, self._spec.sample_fps)

    def _add(self, key: int, seen: Observation, number: int) -> None:
        track = self._open.setdefault(key, OpenTrack(ClipBuilder(self._spec)))
        face = seen.faces[number]
        item = CropItem(seen.frame_index, seen.pts_s, face.box, face.score, face.jpeg)
        track.add(WaitingFace(face_row(self._video_id, seen, number), item, face))

    def _release(self, track: OpenTrack) -> Iterator[tuple[Table, Row]]:
        for face in track.waiting:
            if track.track_id is not None:
                track.count(face)
                self._summary.cover(face.item.frame_index)
                for clip in track.builder.add(face.item):
                    yield "clips", self._clip_row(track, clip)
            yield "faces", face.row | track.ids
        track.waiting.clear()
        track.doubted_s = None

    def _clip_row(self, track: OpenTrack, clip: Clip) -> Row:
        self._summary.num_clips += 1
        return track.ids | clip_row(self._video_id, self._summary.num_clips - 1, clip)

    def _confirm(self, keys: list[int], pts_s: float) -> None:
        """Number the tracks that have faces enough, and say who they are."""
        new = [k for k in keys if self._open[k].track_id is None]
        new = [k for k in new if len(self._open[k].waiting) >= CONFIRM_HITS]
        look = self._look
        if look is None:
            for key in new:
                self._number(self._open[key], identity=self._summary.num_tracks)
            self._summary.num_identities = self._summary.num_tracks
            return
        beside = [self._beside(self._open[key]) for key in new]
        vectors = [
            look_well(look, [f.seen for f in self._open[key].waiting], self._people, taken=taken)
            for key, taken in zip(new, beside, strict=True)
        ]
        for key, identity, vector in zip(
            new, self._people.assign(vectors, taken=beside), vectors, strict=True
        ):
            track = self._begin(key, identity)
            track.looked_s = pts_s
            if vector is not None:
                track.appearance.learn(vector)
        self._summary.num_identities = len(self._people)

    def _beside(self, track: OpenTrack) -> set[int]:
        """Who was seen while ``track`` was: none of them is who it shows."""
        return {
            t.identity_id
            for t in (*self._open.values(), *self._resting)
            if t.identity_id is not None and t.doubted_s is None and t.seen_until >= track.seen_from
        }

    def _begin(self, key: int, identity: int) -> OpenTrack:
        """Number a track, or take up the one that showed the same person a moment ago."""
        track = self._open[key]
        since_s = track.waiting[0].item.pts_s
        for old in (*self._open.values(), *self._resting):
            if old.identity_id != identity:
                continue
            if old.doubted_s is not None:  # so that is where its person went
                self._split([k for k, t in self._open.items() if t is old])
            if 0 < since_s - old.last_pts_s <= REJOIN_GAP_S:
                old.take_up(track)
                self._resting = [t for t in self._resting if t is not old]
                for old_key in [k for k, t in self._open.items() if t is old]:
                    self._tracker.drop(old_key)
                    del self._open[old_key]
                self._open[key] = old
                return old
        self._number(track, identity=identity)
        return track

    def _number(self, track: OpenTrack, *, identity: int) -> None:
        track.track_id, track.identity_id = self._summary.num_tracks, identity
        self._summary.num_tracks += 1

    def _check(self, keys: list[int], seen: Observation, look: Glance) -> None:
        """Look at tracks from time to time: is it still the same person?"""
        known = {
            number: track
            for number, key in enumerate(keys)
            if (track := self._open[key]).identity_id is not None
            and is_good(seen.faces[number])
            and not self._tracker.crowded(key)
        }
        found = self._strangers([n for n, t in known.items() if is_due(t, seen, n)], known, look)
        if any(found.values()):  # whoever it is may be missing elsewhere in the frame
            found = self._strangers(list(known), known, look)
        turned = []
        for number, strange in found.items():
            track, vector = known[number], look(number)
            track.looked_s = seen.pts_s
            if strange and track.doubted_s is None:
                track.doubted_s, track.stranger = seen.pts_s, vector
            elif strange:
                turned.append(keys[number])
            elif vector is not None and track.identity_id is not None:
                track.doubted_s = None
                track.appearance.learn(vector)
                self._people.learn(track.identity_id, vector)
        self._split(turned)

    def _strangers(
        self, numbers: list[int], known: dict[int, OpenTrack], look: Glance
    ) -> dict[int, bool]:
        """Which faces of the frame are not of the person whose track they are in."""
        vectors = {n: vector for n in numbers if (vector := look(n)) is not None}
        claims = [(known[n].identity_id or 0, known[n].appearance, v) for n, v in vectors.items()]
        return dict(zip(vectors, self._people.strangers(claims), strict=True))

    def _split(self, keys: list[int]) -> None:
        """Doubted tracks are other tracks from the change on, which was the same for them all."""
        look = self._look
        since_s = [changed_s(self._open[key], look) for key in keys if look is not None]
        for key in keys:
            self._resting.append(self._open[key])
            self._open[key] = self._open[key].split(min(since_s))


def _faces(seen: Observation) -> Faces:
    """The detections of a frame as arrays."""
    return Faces(
        np.array([f.box for f in seen.faces], np.float32).reshape(-1, 4),
        np.array([f.score for f in seen.faces], np.float32),
        np.array([f.landmarks for f in seen.faces], np.float32).reshape(-1, 5, 2),
    )
