"""Prediction for one video file with a package: label, clips, segments, coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from emotion import weights
from emotion.errors import InputError
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.package.trust import TrustNote, check_margin, trust_note
from emotion.predict.answer import VideoPrediction, video_prediction
from emotion.predict.baseline import Baseline
from emotion.predict.engine import Engine
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.faces import tracks_of
from emotion.predict.predictor import BATCH_SIZE, Predictor
from emotion.predict.rate import check_sample_fps, spec_at
from emotion.predict.scan import Row, Scan
from emotion.predict.score_rows import video_facts, video_rows
from emotion.predict.segments import SegmentRule
from emotion.video.decode import Limits
from schemas.scores import CLIP_FACTS, SCORED_FACES, VIDEO_TABLES
from schemas.tables import rows_table


class VideoPredictor:
    """Extractor and predictor of one package; it answers for one video at a time.

    Args:
        extractor: extractor of the package's spec.
        predictor: the model.
        margin: margin below which an answer is uncertain, 0 to 1; None: that of the package.
        baseline: rule for each person's rest, to which the answers become relative; None: no rest.

    Raises:
        InputError: if the baseline names a label that the package does not have.
    """

    def __init__(
        self,
        extractor: Extractor,
        predictor: Predictor,
        *,
        margin: float | None = None,
        baseline: Baseline | None = None,
    ) -> None:
        self._extractor, self._predictor = extractor, predictor
        self._note = trust_note(predictor.package.trust, margin=margin)
        self._baseline = baseline
        if baseline is not None:
            baseline.check_labels(predictor.package.labels)

    @property
    def package(self) -> ScoringPackage:
        """The model package, or several that are averaged."""
        return self._predictor.package

    @property
    def trust(self) -> TrustNote:
        """Warning, margin and recall that stand beside each answer."""
        return self._note

    @property
    def sample_fps(self) -> float:
        """Samples per second."""
        return self._extractor.spec.sample_fps

    def predict(self, path: Path) -> VideoPrediction:
        """Score one local file.

        Raises:
            VideoError: if the video cannot be used.
        """
        tables = self.tables(self.scan(path, uri=path.name, video_id=path.stem))
        package = self.package
        return video_prediction(tables, package.labels, model_id=package.model_id, trust=self._note)

    def scan(
        self,
        path: Path,
        *,
        uri: str,
        video_id: str,
        content_sha256: str | None = None,
        on_sample: Callable[[float], None] | None = None,
    ) -> Scan:
        """Read one local file and score its clips.

        Args:
            path: the video.
            uri: address for the rows.
            video_id: part of every row and id.
            content_sha256: hex SHA-256 of the file, for the row of the video.
            on_sample: called after each sampled frame with its time, seconds.

        Raises:
            VideoError: if the video cannot be used.
        """
        summary = VideoSummary()
        faces: list[Row] = []
        clips: list[Row] = []
        waiting: list[Row] = []
        for table, row in self._extractor.rows(path, video_id=video_id, summary=summary):
            if table == "clips":
                waiting.append(row | {"uri": uri})
            elif table == "faces":
                faces.append({name: row[name] for name in SCORED_FACES.names})
            elif table == "frames" and on_sample:
                on_sample(cast(float, row["pts_s"]))
            if len(waiting) == BATCH_SIZE:
                clips += self._score(waiting)
                waiting = []
        clips += self._score(waiting)
        video = video_facts(summary, uri=uri, video_id=video_id, content_sha256=content_sha256)
        return Scan(video, clips, faces)

    def _score(self, rows: list[Row]) -> Iterator[Row]:
        answers = self._predictor.jpeg_answers([row["crops"] for row in rows])
        names = [name for name, _ in CLIP_FACTS] + ["pts_s"]
        for row, probs, steps in zip(rows, answers.probs, answers.steps, strict=True):
            scored = {"probs": probs.tolist(), "steps": steps.ravel().tolist()}
            yield {name: row[name] for name in names} | scored

    def tables(self, scan: Scan) -> dict[str, list[Row]]:
        """Return the rows of a video by table of a score set, without ``rejects``."""
        by_video = tracks_of(rows_table(scan.faces, SCORED_FACES))
        rows = video_rows(
            scan.video,
            scan.clips,
            next(iter(by_video.values()), []),
            labels=self.package.labels,
            spec=self._extractor.spec,
            rule=SegmentRule(),
            margin=self._note.margin,
            baseline=self._baseline,
        )
        tables: dict[str, list[Row]] = {name: [] for name in VIDEO_TABLES}
        for table, row in rows:
            tables[table].append(row)
        return tables | {"faces": scan.faces}


def detector_weights(package: ScoringPackage, yunet: str | None) -> bytes | None:
    """Return the weights of the package's face detector; None if the detector is not YuNet.

    Args:
        package: the package; its extraction spec names the detector.
        yunet: address of the YuNet file; see ``emotion.weights.load_yunet``.

    Raises:
        InputError: if the file is missing and cannot be downloaded, or an address is given for a
            package with another detector.
    """
    if package.spec.detector == "yunet":
        return weights.load_yunet(yunet)
    if yunet:
        raise InputError(
            f"--yunet names {yunet}, but package {package.model_id} finds faces with "
            f"{package.spec.detector}: leave --yunet out, or name a package made with YuNet"
        )
    return None


def load_video_predictor(
    package_uri: str | Sequence[str],
    *,
    yunet_weights: str | None = None,
    device: str = "auto",
    engine: Engine = "torch",
    limits: Limits | None = None,
    margin: float | None = None,
    baseline: Baseline | None = None,
    sample_fps: float | None = None,
) -> VideoPredictor:
    """Load a package and the face detector of its extraction spec; return a VideoPredictor.

    Args:
        package_uri: a folder, an s3:// prefix, or a model.tar.gz; or several.
        yunet_weights: address of the YuNet file; see ``emotion.weights.load_yunet``.
        device: see ``Predictor.load``.
        engine: see ``Predictor.load``.
        limits: bounds on one video's size, length and reading time.
        margin: see ``VideoPredictor``.
        baseline: see ``VideoPredictor``.
        sample_fps: samples per second; None: as in the package. See ``emotion.predict.rate``.

    Raises:
        PackageError: if the package is broken.
        InputError: if the detector's weights are missing and cannot be downloaded, the package
            does not have the baseline's label, or the model does not allow ``sample_fps``.
    """
    check_sample_fps(sample_fps)  # before the package, whose loading takes longer
    check_margin(margin)
    predictor = Predictor.load(package_uri, device=device, engine=engine)
    spec = spec_at(predictor.package, sample_fps)
    model = detector_weights(predictor.package, yunet_weights)
    return VideoPredictor(
        Extractor(spec, yunet_model=model, limits=limits),
        predictor,
        margin=margin,
        baseline=baseline,
    )
