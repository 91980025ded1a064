"""One video in, its frame, face and clip rows out: the only path from pixels to clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.align import crop_face, head_angles
from emotion.extract.clip import Clip, ClipBuilder, CropItem
from emotion.extract.decode import Frame, Limits, VideoFacts, sample_frames
from emotion.extract.detect import Detector, Faces, load_detector
from emotion.extract.quality import brightness_and_blur, thumbnail
from emotion.extract.spec import ExtractionSpec
from emotion.extract.track import CONFIRM_HITS, CutDetector, Tracker

Row = dict[str, object]
Table = Literal["frames", "faces", "clips"]


@dataclass
class VideoSummary:
    """Counts of one video; complete once its rows are exhausted.

    Attributes:
        facts: what the container and the decoding told.
        num_frames: sampled frames.
        num_faces: detections.
        num_tracks: confirmed tracks.
        num_clips: clips.
        covered: one byte per sample: 1 where a tracked face was found.
    """

    facts: VideoFacts = field(default_factory=VideoFacts)
    num_frames: int = 0
    num_faces: int = 0
    num_tracks: int = 0
    num_clips: int = 0
    covered: bytearray = field(default_factory=bytearray)

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


@dataclass
class _OpenTrack:
    """Faces wait here until their track is confirmed; then they go through."""

    builder: ClipBuilder
    waiting: list[tuple[Row, CropItem]] = field(default_factory=list)
    track_id: int | None = None


class Extractor:
    """A detector and the spec that it works by; one per worker."""

    def __init__(
        self, spec: ExtractionSpec, *, yunet_model: bytes | None, limits: Limits | None = None
    ) -> None:
        self.spec = spec
        self.limits = limits or Limits()
        self._detect: Detector = load_detector(spec, yunet_model)

    def rows(
        self, path: Path, *, video_id: str, summary: VideoSummary
    ) -> Iterator[tuple[Table, Row]]:
        """Walk through one video.

        Memory does not depend on its length: at most one window of crops per open track is held.

        Args:
            path: a local file.
            video_id: goes into every row and id.
            summary: filled in on the way.

        Yields:
            (table, row) with the columns of ``schemas.tables``; clip rows lack what only the label
            table knows (subject_id, label, split, fold).

        Raises:
            VideoError: if the video cannot be used; rows before it are to be dropped.
        """
        walk = _Walk(self.spec, video_id, summary)
        frames = sample_frames(
            path, sample_fps=self.spec.sample_fps, limits=self.limits, facts=summary.facts
        )
        for frame in frames:
            yield from walk.step(frame, self._detect(frame.image))
        yield from walk.finish()


class _Walk:
    """What is open between the frames of one video."""

    def __init__(self, spec: ExtractionSpec, video_id: str, summary: VideoSummary) -> None:
        self._spec, self._video_id, self._summary = spec, video_id, summary
        self._tracker, self._is_cut = Tracker(), CutDetector()
        self._open: dict[int, _OpenTrack] = {}

    def step(self, frame: Frame, faces: Faces) -> Iterator[tuple[Table, Row]]:
        """Rows of one sampled frame, and those that it completes."""
        self._summary.num_frames += 1
        self._summary.num_faces += len(faces)
        yield "frames", self._frame_row(frame, len(faces))
        cut = self._is_cut(frame.image)
        keys, ended = self._tracker.step(faces, frame.pts_s, cut=cut)
        for key in ended:
            yield from self._end(key)
        for number, key in enumerate(keys):
            yield from self._add(key, *self._face(frame, faces, number))

    def finish(self) -> Iterator[tuple[Table, Row]]:
        """Rows of the tracks still open at the end of the video."""
        for key in self._tracker.finish():
            yield from self._end(key)

    def _add(self, key: int, row: Row, item: CropItem) -> Iterator[tuple[Table, Row]]:
        track = self._open.setdefault(key, _OpenTrack(ClipBuilder(self._spec)))
        track.waiting.append((row, item))
        if track.track_id is None and len(track.waiting) >= CONFIRM_HITS:
            track.track_id = self._summary.num_tracks
            self._summary.num_tracks += 1
        if track.track_id is not None:
            yield from self._release(track)

    def _release(self, track: _OpenTrack) -> Iterator[tuple[Table, Row]]:
        for row, item in track.waiting:
            if track.track_id is not None:
                self._summary.cover(item.frame_index)
                for clip in track.builder.add(item):
                    yield "clips", self._clip_row(track.track_id, clip)
            yield "faces", row | {"track_id": track.track_id}
        track.waiting.clear()

    def _end(self, key: int) -> Iterator[tuple[Table, Row]]:
        track = self._open.pop(key)
        yield from self._release(track)
        if track.track_id is not None:
            for clip in track.builder.finish():
                yield "clips", self._clip_row(track.track_id, clip)

    def _frame_row(self, frame: Frame, n_faces: int) -> Row:
        brightness, blur = brightness_and_blur(thumbnail(frame.image))
        return {
            "video_id": self._video_id,
            "frame_index": frame.index,
            "pts_s": frame.pts_s,
            "n_faces": n_faces,
            "brightness": brightness,
            "blur": blur,
        }

    def _face(self, frame: Frame, faces: Faces, number: int) -> tuple[Row, CropItem]:
        """The row and the crop of one detection."""
        box, landmarks = faces.boxes[number], faces.landmarks[number]
        detector = self._spec.detector
        crop = crop_face(frame.image, landmarks, detector=detector, crop_px=self._spec.crop_px)
        brightness, blur = brightness_and_blur(crop)
        yaw, roll = head_angles(landmarks, detector)
        x0, y0, x1, y1 = (float(v) for v in box)
        row: Row = {
            "face_id": f"{self._video_id}/{frame.index:06d}/{number:02d}",
            "video_id": self._video_id,
            "frame_index": frame.index,
            "pts_s": frame.pts_s,
            "box": [x0, y0, x1, y1],
            "score": float(faces.scores[number]),
            "landmarks": [float(v) for v in landmarks.ravel()],
            "yaw_deg": yaw,
            "roll_deg": roll,
            "blur": blur,
            "brightness": brightness,
            "size_px": float(np.sqrt((x1 - x0) * (y1 - y0))),
        }
        jpeg = encode_jpeg(crop, self._spec.jpeg_quality)
        score = float(faces.scores[number])
        return row, CropItem(frame.index, frame.pts_s, (x0, y0, x1, y1), score, jpeg)

    def _clip_row(self, track_id: int, clip: Clip) -> Row:
        number = self._summary.num_clips
        self._summary.num_clips += 1
        return {
            "clip_id": f"{self._video_id}/{number:06d}",
            "video_id": self._video_id,
            "track_id": track_id,
            "start_s": clip.start_s,
            "stop_s": clip.stop_s,
            "pts_s": list(clip.pts_s),
            "box": list(clip.box),
            "num_faces": clip.num_faces,
            "quality": clip.quality,
            "crops": list(clip.crops),
        }


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """An (H, W, 3) uint8 RGB picture as JPEG bytes."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"OpenCV could not encode a picture of shape {image.shape} as JPEG")
    return bytes(data)
