"""One video in, its rows out: the only path from pixels to clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotion import weights
from emotion.errors import InputError, VideoError
from emotion.extract.detect import Detector, load_detector
from emotion.extract.embed import Embedder
from emotion.extract.observe import Observation, observe
from emotion.extract.spec import ExtractionSpec
from emotion.extract.walk import Row, Table, VideoSummary, walk
from emotion.video.container import Source
from emotion.video.decode import Limits, VideoFacts, sample_frames


class Extractor:
    """A detector, an embedder and the spec that they work by; one per worker."""

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
            spec: what is to be extracted, and how.
            yunet_model: bytes of the YuNet file; needed if the spec names yunet.
            limits: what one video may cost.
            keep_partial: where decoding breaks off, end the video there and note the break in its
                summary; otherwise the break is raised.
        """
        self.spec = spec
        self.limits = limits or Limits()
        self._keep_partial = keep_partial
        self._detect: Detector = load_detector(spec, yunet_model)
        self._embedder: Embedder | None = None  # made by the first walk: observing needs none

    def observations(
        self, source: Source, *, facts: VideoFacts, start: int = 0, stop: int | None = None
    ) -> Iterator[Observation]:
        """What is seen in the samples k with ``start`` <= k < ``stop``.

        Args:
            source: a local file, or a seekable binary file object.
            facts: filled in on the way.
            start: first sample.
            stop: sample after the last; None: to the end.

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
            yield observe(frame, detector=self._detect, spec=self.spec)

    def rows(
        self, path: Path, *, video_id: str, summary: VideoSummary
    ) -> Iterator[tuple[Table, Row]]:
        """Walk through one video.

        Args:
            path: a local file.
            video_id: goes into every row and id.
            summary: filled in on the way.

        Yields:
            (table, row), see ``emotion.extract.walk.walk``.

        Raises:
            VideoError: if the video cannot be used; rows before it are to be dropped.
        """
        seen = self.observations(path, facts=summary.facts)
        if self._keep_partial:
            seen = until_broken(seen, summary)
        yield from self.walk(seen, video_id=video_id, summary=summary)

    def walk(
        self, seen: Iterator[Observation], *, video_id: str, summary: VideoSummary
    ) -> Iterator[tuple[Table, Row]]:
        """Rows of a video that was observed before, maybe in parts; see ``rows``.

        Raises:
            InputError: if the spec names an embedder that this machine has not.
        """
        if self._embedder is None:
            self._embedder = load_embedder(self.spec)
        yield from walk(
            seen, spec=self.spec, video_id=video_id, summary=summary, embed=self._embedder
        )


def load_embedder(spec: ExtractionSpec) -> Embedder | None:
    """The embedder that a spec names; None if it names none.

    Raises:
        InputError: if its weights are not the ones that the spec names, or are missing.
    """
    if not spec.embedder_sha256:
        return None
    known = weights.DLIB_EMBEDDER
    if spec.embedder_sha256 != known.sha256:
        raise InputError(
            f"the spec wants embedder weights {spec.embedder_sha256[:12]}, "
            f"this release has {known.sha256[:12]}"
        )
    return Embedder()


def until_broken(seen: Iterator[Observation], summary: VideoSummary) -> Iterator[Observation]:
    """``seen`` up to where it breaks, the break noted in ``summary.broken``.

    Raises:
        VideoError: if it breaks before the first observation: there is nothing to keep.
    """
    count = 0
    try:
        for observation in seen:
            count += 1
            yield observation
    except VideoError as err:
        if not count:
            raise
        summary.broken = err
