"""A track that is not over yet: the faces that wait in it, and what is known of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from emotion.extract.clip import ClipBuilder, CropItem
from emotion.extract.identity import Appearance, Vector
from emotion.extract.observe import SeenFace
from emotion.extract.rows import Row


@dataclass(frozen=True)
class WaitingFace:
    """A face whose row has not been handed out yet."""

    row: Row
    item: CropItem
    seen: SeenFace


@dataclass(eq=False)
class OpenTrack:
    """Faces wait here until it is known whose they are; then they go through.

    Attributes:
        builder: makes its clips.
        waiting: faces in order of time, at most about six seconds of them.
        track_id: None until it is confirmed.
        identity_id: None until it is confirmed.
        first_index: first sample with a face that went through.
        last_index: last such sample; -1 before there is one.
        released_s: presentation time of the last face that went through.
        num_faces: faces that went through.
        sum_size_px: of them.
        appearance: mean embedding.
        looked_s: when it was last looked at.
        doubted_s: when a look found somebody else in it; None: the last look did not.
        stranger: embedding of who was found then.
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
    appearance: Appearance = field(default_factory=Appearance)
    looked_s: float = -math.inf
    doubted_s: float | None = None
    stranger: Vector | None = None

    @property
    def ids(self) -> Row:
        """Its two numbers, as columns."""
        return {"track_id": self.track_id, "identity_id": self.identity_id}

    @property
    def seen_from(self) -> int:
        """First sample whose face still waits; there is one."""
        return self.waiting[0].item.frame_index

    @property
    def seen_until(self) -> int:
        """Last sample with a face of the track."""
        return self.waiting[-1].item.frame_index if self.waiting else self.last_index

    @property
    def last_pts_s(self) -> float:
        """Presentation time of the track's last face."""
        return self.waiting[-1].item.pts_s if self.waiting else self.released_s

    def add(self, face: WaitingFace) -> None:
        """Let one more face wait."""
        self.waiting.append(face)

    def count(self, face: WaitingFace) -> None:
        """Note a face that goes through."""
        if not self.num_faces:
            self.first_index = face.item.frame_index
        self.last_index, self.released_s = face.item.frame_index, face.item.pts_s
        self.num_faces += 1
        self.sum_size_px += face.seen.size_px

    def take_up(self, later: OpenTrack) -> None:
        """Go on with the faces of a track that turned out to be this one."""
        self.waiting += later.waiting
        self.doubted_s = None

    def split(self, pts_s: float) -> OpenTrack:
        """Give the waiting faces from ``pts_s`` on to a new track, which is returned.

        A track that none went through keeps its first one: it is confirmed, and has a row.
        """
        first = 0 if self.num_faces else 1
        early = sum(f.item.pts_s < pts_s for f in self.waiting)
        at = max(first, early)
        later = OpenTrack(ClipBuilder(self.builder.spec), waiting=self.waiting[at:])
        self.waiting = self.waiting[:at]
        self.doubted_s = None
        return later

    def row(self, video_id: str, sample_fps: float) -> Row:
        """Its row of the table ``tracks``, without what only the label table knows."""
        mean = self.appearance.mean
        return self.ids | {
            "video_id": video_id,
            "start_s": self.first_index / sample_fps,
            "stop_s": (self.last_index + 1) / sample_fps,
            "num_faces": self.num_faces,
            "mean_size_px": self.sum_size_px / self.num_faces,
            "embedding": [] if mean is None else [float(v) for v in mean],
        }
