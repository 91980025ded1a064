"""Extractor: turns one video into its rows; no other code makes clips from pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from emotion import weights
from emotion.errors import VideoError
from emotion.extract.detect import Detector, load_detector
from emotion.extract.embed import Embedder
from emotion.extract.landmarks import load_landmarks
from emotion.extract.observe import Observation, observe
from emotion.extract.spec import ExtractionSpec, check_known
from emotion.extract.walk import Row, Table, VideoSummary, walk
from emotion.video.container import Source
from emotion.video.decode import Limits, VideoFacts, sample_frames


class Extractor:
    """A detector, an embedder and their spec; make one per worker."""

    def __init__(
        self,
        spec: ExtractionSpec,
        *,
        yunet_model: bytes | None,
        limits: Limits | None = None,
        keep_partial: bool = False,
    ) -> None:
        """Load the detector.

        Args:
            spec: choices of the extraction.
            yunet_model: bytes of the YuNet file; needed if the spec names yunet.
            limits: bounds on one video's size and time.
            keep_partial: True ends a damaged video at the damage and stores the error in
                ``summary.broken``; False raises the error.

        Raises:
            InputError: if the detector cannot be loaded, see ``load_detector``.
        """
        self.spec = spec
        self.limits = limits or Limits()
        self._keep_partial = keep_partial
        self._detect: Detector = load_detector(spec, yunet_model)
        self._predict_landmarks = load_landmarks(spec)
        self._embedder: Embedder | None = None  # made by the first walk; observing does not need it

    def observations(
        self, source: Source, *, facts: VideoFacts, start: int = 0, stop: int | None = None
    ) -> Iterator[Observation]:
        """Yield the observations of the samples k, from that of the first frame after ``start``.

        A frame that is shown at several samples gives one observation for each, equal but for
        number and time: what is on screen is answered for. The last frame may reach beyond
        ``stop``; the part from ``stop`` on begins after it.

        Args:
            source: a local file, or a seekable binary file object.
            facts: object that is filled in while the frames are read.
            start: first sample k.
            stop: sample after the last; None reads to the end.

        Raises:
            VideoError: if the video, or this part of it, cannot be used.
        """
        frames = sample_frames(
            source,
            sample_fps=self.spec.sample_fps,
            limits=self.limits,
            facts=facts,
            start=start,
            stop=stop,
        )
        for frame in frames:
            observation = observe(
                frame,
                detector=self._detect,
                predict_landmarks=self._predict_landmarks,
                spec=self.spec,
            )
            yield observation
            for k in range(frame.index + 1, frame.index + frame.num_samples):
                yield replace(observation, frame_index=k, pts_s=k / self.spec.sample_fps)

    def rows(
        self, path: Path, *, video_id: str, summary: VideoSummary
    ) -> Iterator[tuple[Table, Row]]:
        """Yield the rows of one video.

        Args:
            path: a local file.
            video_id: part of every row and id.
            summary: object that is filled in while the rows are read.

        Yields:
            (table, row), see ``emotion.extract.walk.walk``.

        Raises:
            VideoError: if the video cannot be used; the caller must drop the rows yielded before.
            InputError: if this machine does not have the embedder that the spec names.
        """
        observations = self.observations(path, facts=summary.facts)
        if self._keep_partial:
            observations = until_broken(observations, summary)
        yield from self.walk(observations, video_id=video_id, summary=summary)

    def walk(
        self, observations: Iterator[Observation], *, video_id: str, summary: VideoSummary
    ) -> Iterator[tuple[Table, Row]]:
        """Yield the rows of a video from its observations; see ``rows``.

        Raises:
            InputError: if this machine does not have the embedder that the spec names.
        """
        if self._embedder is None:
            self._embedder = load_embedder(self.spec)
        yield from walk(
            observations,
            spec=self.spec,
            video_id=video_id,
            summary=summary,
            embed=self._embedder,
        )


def load_embedder(spec: ExtractionSpec) -> Embedder | None:
    """Return the embedder that a spec names; None if it names none.

    Raises:
        InputError: if the spec names other weights than this release has, or weights are missing.
    """
    if not spec.embedder_sha256:
        return None
    check_known("embedder", spec.embedder_sha256, weights.DLIB_EMBEDDER)
    return Embedder()


def until_broken(
    observations: Iterator[Observation], summary: VideoSummary
) -> Iterator[Observation]:
    """Yield the observations before the first damage; store its error in ``summary.broken``.

    Raises:
        VideoError: if there is no observation before the damage.
    """
    count = 0
    try:
        for observation in observations:
            count += 1
            yield observation
    except VideoError as err:
        if not count:
            raise
        summary.broken = err
