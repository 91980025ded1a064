"""An open track: its waiting faces, its counts and its mean embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from emotion.arrays import repr_with_shapes
from emotion.extract.clip import ClipBuilder, CropItem
from emotion.extract.identity import MeanEmbedding, Vector
from emotion.extract.observe import DetectedFace
from emotion.extract.rows import Row


@dataclass(frozen=True)
class WaitingFace:
    """A face that waits in its track: its row has no track_id and identity_id yet."""

    row: Row
    item: CropItem
    face: DetectedFace


@dataclass(eq=False)
class OpenTrack:
    """A track that may still get faces.

    New faces wait in it until their person is decided. Then they are released: their rows are
    yielded with the ids of the track.

    Attributes:
        builder: makes the track's clips.
        waiting: faces in order of time, at most about six seconds of them.
        track_id: number of the track in the video; None until the track is confirmed.
        identity_id: number of its person; None until the track is confirmed.
        first_index: sample of the first released face.
        last_index: sample of the last released face; -1 before the first one.
        released_s: presentation time of the last released face; -inf before the first one.
        num_faces: number of released faces.
        sum_size_px: sum of their sizes, pixels.
        embedding: mean of the embeddings so far.
        checked_s: presentation time of the last check of the person; -inf before the first one.
        doubted_s: presentation time of the check that found another person; None if the last
            check did not.
        stranger: embedding of that other person.
    """

    builder: ClipBuilder
    waiting: list[WaitingFace] = field(default_factory=list)
    track_id: int | None = None
    identity_id: int | None = None
    first_index: int = 0
    last_index: int = -1
    released_s: float = -math.inf
    num_faces: int = 0
    sum_size_px: float = 0.0
    embedding: MeanEmbedding = field(default_factory=MeanEmbedding)
    checked_s: float = -math.inf
    doubted_s: float | None = None
    stranger: Vector | None = None

    __repr__ = repr_with_shapes

    @property
    def ids(self) -> Row:
        """The columns track_id and identity_id."""
        return {"track_id": self.track_id, "identity_id": self.identity_id}

    @property
    def first_waiting(self) -> int:
        """Sample of the first waiting face; there must be one."""
        return self.waiting[0].item.frame_index

    @property
    def last_sample(self) -> int:
        """Sample of the last face, waiting or released."""
        return self.waiting[-1].item.frame_index if self.waiting else self.last_index

    @property
    def last_pts_s(self) -> float:
        """Presentation time of the track's last face."""
        return self.waiting[-1].item.pts_s if self.waiting else self.released_s

    def add(self, face: WaitingFace) -> None:
        """Append one face to the waiting ones."""
        self.waiting.append(face)

    def count(self, face: WaitingFace) -> None:
        """Add a released face to the counts."""
        if not self.num_faces:
            self.first_index = face.item.frame_index
        self.last_index, self.released_s = face.item.frame_index, face.item.pts_s
        self.num_faces += 1
        self.sum_size_px += face.face.size_px

    def append(self, later: OpenTrack) -> None:
        """Add the waiting faces of a later track, which shows the same person, to this track."""
        self.waiting += later.waiting
        self.doubted_s = None

    def split(self, pts_s: float) -> OpenTrack:
        """Move the waiting faces at or after ``pts_s`` to a new track and return it.

        If no face was released, this track keeps its first waiting face, so that its row has one.
        """
        first = 0 if self.num_faces else 1
        early = sum(f.item.pts_s < pts_s for f in self.waiting)
        at = max(first, early)
        later = OpenTrack(ClipBuilder(self.builder.spec), waiting=self.waiting[at:])
        self.waiting = self.waiting[:at]
        self.doubted_s = None
        return later

    def row(self, video_id: str, sample_fps: float) -> Row:
        """Return the row of the table ``tracks``, without the columns of the label table.

        At least one face must have been released.
        """
        mean = self.embedding.mean
        return self.ids | {
            "video_id": video_id,
            "start_s": self.first_index / sample_fps,
            "stop_s": (self.last_index + 1) / sample_fps,
            "num_faces": self.num_faces,
            "mean_size_px": self.sum_size_px / self.num_faces,
            "embedding": [] if mean is None else [float(v) for v in mean],
        }
