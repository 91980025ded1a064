"""The walk: turns the observations of one video, in order of time, into its rows of all tables.

The walk does not need the pixels of frames. So several workers can observe the chunks of a long
video, and one worker walks all of them. The rows are equal to those of a single worker.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from emotion.errors import VideoError
from emotion.extract.clip import Clip, ClipBuilder, CropItem
from emotion.extract.cuts import CutDetector
from emotion.extract.identity import (
    CropEmbedder,
    Embed,
    FrameEmbeddings,
    Identities,
    Vector,
    embed_best,
    is_good,
)
from emotion.extract.observe import Observation
from emotion.extract.open_track import OpenTrack, WaitingFace
from emotion.extract.rows import Row as Row
from emotion.extract.rows import clip_row, face_row, frame_row
from emotion.extract.spec import ExtractionSpec
from emotion.extract.track import CONFIRM_HITS, Embeddings, Tracker
from emotion.extract.watch import REJOIN_GAP_S, changed_s, is_due, must_wait
from emotion.video.decode import VideoFacts

Table = Literal["frames", "faces", "tracks", "clips"]


@dataclass
class VideoSummary:
    """Counts of one video; complete after all of its rows were read.

    Attributes:
        facts: size, codec and duration, from the container and the decoding.
        num_frames: sampled frames.
        num_faceless_frames: sampled frames without any face.
        num_faces: detections.
        num_tracks: confirmed tracks.
        num_identities: persons.
        num_clips: clips.
        covered: one byte per sample: 1 if it has a tracked face.
        broken: error that ended decoding early, if the rows before it are kept; else None.
    """

    facts: VideoFacts = field(default_factory=VideoFacts)
    num_frames: int = 0
    num_faceless_frames: int = 0
    num_faces: int = 0
    num_tracks: int = 0
    num_identities: int = 0
    num_clips: int = 0
    covered: bytearray = field(default_factory=bytearray)
    broken: VideoError | None = None

    @property
    def coverage(self) -> float:
        """Share of sampled frames with a tracked face, 0 to 1; 0 if there is no frame."""
        return sum(self.covered) / self.num_frames if self.num_frames else 0.0

    @property
    def reason(self) -> str | None:
        """``no_face`` or ``short_tracks`` if the video has no clip, else None."""
        reason = "short_tracks" if self.num_faces else "no_face"
        return None if self.num_clips else reason

    def cover(self, frame_index: int) -> None:
        """Mark a sample as one with a tracked face."""
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
    """Yield the rows of one video while its observations arrive.

    Memory is small even for a long video: at most one window of crops and six seconds of waiting
    faces per open track, and one vector per person.

    Args:
        observations: in order of time; no observations give no rows.
        spec: choices of the extraction, such as the length of a clip.
        video_id: part of every row and id.
        summary: object that is filled in while the rows are read.
        embed: function that embeds crops. None: boxes alone decide, and every track is a person.

    Yields:
        (table, row) with the columns of ``schemas.tables``; track and clip rows lack the columns
        of the label table (subject_id, label, split, fold).
    """
    state = _Walk(spec, video_id, summary, embed)
    for observation in observations:
        yield from state.step(observation)
    yield from state.finish()


class _Walk:
    """State of the walk between two frames of one video."""

    def __init__(
        self, spec: ExtractionSpec, video_id: str, summary: VideoSummary, embed: Embed | None
    ) -> None:
        self._spec, self._video_id, self._summary = spec, video_id, summary
        self._tracker, self._is_cut = Tracker(), CutDetector()
        self._open: dict[int, OpenTrack] = {}
        self._embed_crop = CropEmbedder(embed) if embed is not None else None
        self._people = Identities()
        self._paused: list[OpenTrack] = []  # have no face now; may continue

    def step(self, observation: Observation) -> Iterator[tuple[Table, Row]]:
        """Yield the rows of one sampled frame, and the rows that this frame completes."""
        self._summary.num_frames += 1
        self._summary.num_faceless_frames += not observation.faces
        self._summary.num_faces += len(observation.faces)
        yield "frames", frame_row(self._video_id, observation)
        cut = self._is_cut(observation.signature)
        of_face = FrameEmbeddings(self._embed_crop, observation) if self._embed_crop else None
        embeddings = Embeddings(of_face, self._mean) if of_face else None
        keys, ended = self._tracker.step(
            observation.detections, observation.pts_s, cut=cut, embeddings=embeddings
        )
        yield from self._end(ended, observation.pts_s, cut=cut)
        for number, key in enumerate(keys):
            self._add(key, observation, number)
        if of_face:
            self._check(keys, observation, of_face)
        self._confirm(keys, observation.pts_s)
        for number, track in enumerate(self._open[key] for key in keys):
            if track.track_id is None or (of_face and must_wait(track, observation, number)):
                continue
            yield from self._release(track)

    def finish(self) -> Iterator[tuple[Table, Row]]:
        """Yield the rows of the tracks that are still open at the end of the video."""
        yield from self._end(self._tracker.finish(), math.inf, cut=True)

    def _mean(self, key: int) -> Vector | None:
        return self._open[key].embedding.mean

    def _end(self, ended: list[int], pts_s: float, *, cut: bool) -> Iterator[tuple[Table, Row]]:
        """Pause the tracks that the tracker ended; yield the rows of those that cannot continue."""
        for key in ended:
            track = self._open.pop(key)
            yield from self._release(track)
            if track.track_id is not None:
                self._paused.append(track)
        cut = cut or self._embed_crop is None
        new = [t.waiting[0].item.pts_s for t in self._open.values() if t.track_id is None]
        since_s = min([pts_s, *new])  # an unconfirmed track may continue a paused one
        closed = [t for t in self._paused if cut or since_s - t.last_pts_s > REJOIN_GAP_S]
        self._paused = [t for t in self._paused if t not in closed]
        for track in closed:
            yield from self._release(track)
            for clip in track.builder.finish():
                yield "clips", self._clip_row(track, clip)
            yield "tracks", track.row(self._video_id, self._spec.sample_fps)

    def _add(self, key: int, observation: Observation, number: int) -> None:
        track = self._open.setdefault(key, OpenTrack(ClipBuilder(self._spec)))
        face = observation.faces[number]
        item = CropItem(observation.frame_index, observation.pts_s, face.box, face.score, face.jpeg)
        track.add(WaitingFace(face_row(self._video_id, observation, number), item, face))

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
        """Give the tracks that have enough faces a track_id and a person."""
        new = [k for k in keys if self._open[k].track_id is None]
        new = [k for k in new if len(self._open[k].waiting) >= CONFIRM_HITS]
        embed_crop = self._embed_crop
        if embed_crop is None:
            for key in new:
                self._number(self._open[key], identity=self._summary.num_tracks)
            self._summary.num_identities = self._summary.num_tracks
            return
        beside = [self._beside(self._open[key]) for key in new]
        vectors = [
            embed_best(embed_crop, [f.face for f in track.waiting], self._people, taken=taken)
            for track, taken in zip((self._open[key] for key in new), beside, strict=True)
        ]
        for key, identity, vector in zip(
            new, self._people.assign(vectors, taken=beside), vectors, strict=True
        ):
            track = self._begin(key, identity)
            track.checked_s = pts_s
            if vector is not None:
                track.embedding.add(vector)
        self._summary.num_identities = len(self._people)

    def _beside(self, track: OpenTrack) -> set[int]:
        """Return the persons of the tracks with faces at the same time as ``track``."""
        return {
            t.identity_id
            for t in (*self._open.values(), *self._paused)
            if t.identity_id is not None
            and (t.doubted_s is None and t.last_sample >= track.first_waiting)
        }

    def _begin(self, key: int, identity: int) -> OpenTrack:
        """Number a new track, or continue the last track of the same person; return that track."""
        track = self._open[key]
        since_s = track.waiting[0].item.pts_s
        for old in (*self._open.values(), *self._paused):
            if old.identity_id != identity:
                continue
            if old.doubted_s is not None:  # its person is in this track now
                self._split([k for k, t in self._open.items() if t is old])
            if 0 < since_s - old.last_pts_s <= REJOIN_GAP_S:
                old.append(track)
                self._paused = [t for t in self._paused if t is not old]
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

    def _check(self, keys: list[int], observation: Observation, of_face: FrameEmbeddings) -> None:
        """Check by embeddings that the due tracks still show the same person."""
        tracks = {
            number: track
            for number, key in enumerate(keys)
            if (track := self._open[key]).identity_id is not None
            and is_good(observation.faces[number])
            and not self._tracker.crowded(key)
        }
        due = [n for n, track in tracks.items() if is_due(track, observation, n)]
        strangers = self._strangers(due, tracks, of_face)
        if any(strangers.values()):  # its person may be in another track now: check them all
            strangers = self._strangers(list(tracks), tracks, of_face)
        changed = []
        for number, is_stranger in strangers.items():
            track, vector = tracks[number], of_face(number)
            track.checked_s = observation.pts_s
            if is_stranger and track.doubted_s is None:
                track.doubted_s, track.stranger = observation.pts_s, vector
            elif is_stranger:
                changed.append(keys[number])
            elif vector is not None and track.identity_id is not None:
                track.doubted_s = None
                track.embedding.add(vector)
                self._people.add(track.identity_id, vector)
        self._split(changed)

    def _strangers(
        self, numbers: list[int], tracks: dict[int, OpenTrack], of_face: FrameEmbeddings
    ) -> dict[int, bool]:
        """Return, by number of the face, True if the face is not the person of its track."""
        vectors = {n: vector for n in numbers if (vector := of_face(n)) is not None}
        claims = [(tracks[n].identity_id or 0, tracks[n].embedding, v) for n, v in vectors.items()]
        return dict(zip(vectors, self._people.strangers(claims), strict=True))

    def _split(self, keys: list[int]) -> None:
        """Split doubted tracks at the earliest time at which one of them changed its person."""
        embed_crop = self._embed_crop
        since_s = [changed_s(self._open[key], embed_crop) for key in keys if embed_crop is not None]
        for key in keys:
            self._paused.append(self._open[key])
            self._open[key] = self._open[key].split(min(since_s))
