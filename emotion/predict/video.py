"""One video and a package in, the answer out: label, timeline of clips, coverage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emotion import weights
from emotion.extract.decode import Limits
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.learn.package import ModelPackage
from emotion.predict.answer import ClipPrediction, VideoPrediction, by_label, top
from emotion.predict.predictor import BATCH_SIZE, Engine, Predictor, pool_clips


class VideoPredictor:
    """An extractor and a predictor that belong together; answers for one video at a time."""

    def __init__(self, extractor: Extractor, predictor: Predictor) -> None:
        self._extractor, self._predictor = extractor, predictor

    @property
    def package(self) -> ModelPackage:
        """The model package that answers."""
        return self._predictor.package

    def predict(self, path: Path) -> VideoPrediction:
        """Score one local file.

        Raises:
            VideoError: if the video cannot be used.
        """
        summary = VideoSummary()
        clips = list(self._clips(path, summary))
        return self._answer(path.name, summary, clips)

    def _clips(self, path: Path, summary: VideoSummary) -> Iterator[ClipPrediction]:
        waiting: list[dict[str, Any]] = []
        for table, row in self._extractor.rows(path, video_id=path.stem, summary=summary):
            if table == "clips":
                waiting.append(row)
            if len(waiting) == BATCH_SIZE:
                yield from self._score(waiting)
                waiting = []
        yield from self._score(waiting)

    def _score(self, rows: list[dict[str, Any]]) -> Iterator[ClipPrediction]:
        probs = self._predictor.jpeg_probs([row["crops"] for row in rows])
        for row, vector in zip(rows, probs, strict=True):
            label, confidence = top(vector, self.package.labels)
            yield ClipPrediction(
                clip_id=row["clip_id"],
                track_id=row["track_id"],
                identity_id=row["identity_id"],
                start_s=row["start_s"],
                stop_s=row["stop_s"],
                box=tuple(row["box"]),
                num_faces=row["num_faces"],
                quality=row["quality"],
                label=label,
                confidence=confidence,
                probs=by_label(vector, self.package.labels),
            )

    def _answer(
        self, uri: str, summary: VideoSummary, clips: list[ClipPrediction]
    ) -> VideoPrediction:
        label, confidence, probs = None, None, dict[str, float]()
        if clips:
            vectors = np.array([list(c.probs.values()) for c in clips], np.float32)
            pooled = pool_clips(vectors, [c.num_faces for c in clips])
            label, confidence = top(pooled, self.package.labels)
            probs = by_label(pooled, self.package.labels)
        return VideoPrediction(
            uri=uri,
            duration_s=summary.facts.duration_s,
            label=label,
            confidence=confidence,
            probs=probs,
            coverage=summary.coverage,
            reason=summary.reason,
            num_tracks=summary.num_tracks,
            clips=tuple(clips),
            model_id=self.package.model_id,
        )


def detector_weights(package: ModelPackage, yunet: str | None) -> bytes | None:
    """The weights that the package's extraction spec needs, or None if it downloads nothing.

    Raises:
        InputError: if they cannot be had: the spec cannot be reproduced here.
    """
    return weights.load_yunet(yunet) if package.spec.detector == "yunet" else None


def load_video_predictor(
    package_uri: str,
    *,
    yunet_weights: str | None = None,
    device: str = "auto",
    engine: Engine = "torch",
    limits: Limits | None = None,
) -> VideoPredictor:
    """Load a package and the face detector that its extraction spec names.

    Args:
        package_uri: a folder, an s3:// prefix, or a model.tar.gz.
        yunet_weights: address of the YuNet file; see ``emotion.weights.load_yunet``.
        device: see ``Predictor.load``.
        engine: see ``Predictor.load``.
        limits: what one video may cost.

    Raises:
        PackageError: if the package is broken.
        InputError: if the detector's weights cannot be had.
    """
    predictor = Predictor.load(package_uri, device=device, engine=engine)
    model = detector_weights(predictor.package, yunet_weights)
    return VideoPredictor(
        Extractor(predictor.package.spec, yunet_model=model, limits=limits), predictor
    )
