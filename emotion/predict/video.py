"""Prediction for one video file with a package: label, clips, segments, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emotion import weights
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.predict.answer import VideoPrediction, clip_prediction, segment_prediction
from emotion.predict.engine import Engine
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.faces import tracks_of
from emotion.predict.predictor import BATCH_SIZE, Predictor
from emotion.predict.summary import ScoredClip, summarise
from emotion.video.decode import Limits
from schemas.scores import SCORED_FACES, prob_column
from schemas.tables import rows_table


class VideoPredictor:
    """Extractor and predictor of one package; it answers for one video at a time."""

    def __init__(self, extractor: Extractor, predictor: Predictor) -> None:
        self._extractor, self._predictor = extractor, predictor

    @property
    def package(self) -> ScoringPackage:
        """The model package, or several that are averaged."""
        return self._predictor.package

    def predict(self, path: Path) -> VideoPrediction:
        """Score one local file.

        Raises:
            VideoError: if the video cannot be used.
        """
        summary = VideoSummary()
        faces: list[dict[str, Any]] = []
        clips = list(self._clips(path, summary, faces))
        return self._answer(path.name, summary, faces, clips)

    def _clips(
        self, path: Path, summary: VideoSummary, faces: list[dict[str, Any]]
    ) -> Iterator[ScoredClip]:
        """Yield the scored clips; append the rows of the faces to ``faces``, fill ``summary``."""
        waiting: list[dict[str, Any]] = []
        for table, row in self._extractor.rows(path, video_id=path.stem, summary=summary):
            if table == "clips":
                waiting.append(row)
            elif table == "faces":
                faces.append({name: row[name] for name in SCORED_FACES.names})
            if len(waiting) == BATCH_SIZE:
                yield from self._score(waiting)
                waiting = []
        yield from self._score(waiting)

    def _score(self, rows: list[dict[str, Any]]) -> Iterator[ScoredClip]:
        answers = self._predictor.jpeg_answers([row["crops"] for row in rows])
        for row, probs, steps in zip(rows, answers.probs, answers.steps, strict=True):
            yield ScoredClip(clip_prediction(row, probs, self.package.labels), row["pts_s"], steps)

    def _answer(
        self,
        uri: str,
        summary: VideoSummary,
        faces: list[dict[str, Any]],
        scored: list[ScoredClip],
    ) -> VideoPrediction:
        labels, spec = self.package.labels, self.package.spec
        by_video = tracks_of(rows_table(faces, SCORED_FACES))
        rows = summarise(
            next(iter(by_video.values()), []),
            scored,
            labels,
            fps=spec.sample_fps,
            stride=spec.clip_stride,
            duration_s=summary.facts.duration_s,
        )
        pooled: dict[str, Any] = rows.video
        return VideoPrediction(
            uri=uri,
            duration_s=summary.facts.duration_s,
            label=pooled["label"],
            confidence=pooled["confidence"],
            probs={name: pooled[prob_column(name)] for name in labels} if scored else {},
            coverage=summary.coverage,
            reason=summary.reason,
            num_tracks=summary.num_tracks,
            clips=tuple(clip.answer for clip in scored),
            segments=tuple(segment_prediction(row) for row in rows.segments),
            model_id=self.package.model_id,
        )


def detector_weights(package: ScoringPackage, yunet: str | None) -> bytes | None:
    """Return the weights of the package's face detector; None if the detector is not YuNet.

    Args:
        package: the package; its extraction spec names the detector.
        yunet: address of the YuNet file; see ``emotion.weights.load_yunet``.

    Raises:
        InputError: if the file is missing and cannot be downloaded.
    """
    return weights.load_yunet(yunet) if package.spec.detector == "yunet" else None


def load_video_predictor(
    package_uri: str | Sequence[str],
    *,
    yunet_weights: str | None = None,
    device: str = "auto",
    engine: Engine = "torch",
    limits: Limits | None = None,
) -> VideoPredictor:
    """Load a package and the face detector of its extraction spec; return a VideoPredictor.

    Args:
        package_uri: a folder, an s3:// prefix, or a model.tar.gz; or several.
        yunet_weights: address of the YuNet file; see ``emotion.weights.load_yunet``.
        device: see ``Predictor.load``.
        engine: see ``Predictor.load``.
        limits: bounds on one video's size, length and reading time.

    Raises:
        PackageError: if the package is broken.
        InputError: if the detector's weights are missing and cannot be downloaded.
    """
    predictor = Predictor.load(package_uri, device=device, engine=engine)
    model = detector_weights(predictor.package, yunet_weights)
    return VideoPredictor(
        Extractor(predictor.package.spec, yunet_model=model, limits=limits), predictor
    )
