"""``analyze``: one call from a video to its answer, without Ray."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emotion.analysis.progress import is_watched, seconds_bar
from emotion.analysis.result import Result
from emotion.analysis.source import Source, check_source, local_video, short_name
from emotion.predict.answer import video_prediction
from emotion.predict.baseline import parse_baseline
from emotion.predict.engine import Engine
from emotion.predict.ensemble import ScoringPackage
from emotion.predict.scan import check_people, keep_people
from emotion.predict.video import load_video_predictor
from emotion.published.default import find_default_package
from emotion.published.describe import describe_model
from schemas.scores import score_tables
from schemas.tables import rows_table


def analyze(
    source: Source,
    *,
    package: str | Sequence[str] | None = None,
    people: int | None = None,
    sample_fps: float | None = None,
    device: str = "auto",
    margin: float | None = None,
    baseline: str | None = None,
    progress: bool = True,
) -> Result:
    """Analyze one video: load a model, read the video, and return the answer.

    For several videos make an ``Analyzer``, which keeps the model.

    Args:
        source: a path, an s3:// address, or a file opened with mode "rb".
        package: address of the model package, or of several, whose probabilities are averaged; None
            takes the default model for real faces.
        people: keep only this many persons, those with the most faces; None keeps everybody.
        sample_fps: samples per second; None: those on which the model was trained. Only a model
            that reads each frame alone (``cnn_mean``, as the default model) allows another rate, 2
            to 240. Fewer samples take less time. The answers then differ from those of
            ``jobs.score``: a clip has as many samples and so lasts longer, a short face may have no
            clip, and a fast one may be lost.
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: a GPU if there is one, else the CPU.
        margin: difference of the two largest probabilities, 0 to 1, below which an answer is
            uncertain; None takes that of the package.
        baseline: each person's resting expression, to which the answers become relative:
            ``first:30s``, ``label:neutral`` or ``median``; None: no baseline.
        progress: show a bar on a terminal or in a notebook, and the model if it is the default.

    Raises:
        VideoError: if the video cannot be used; ``reason`` says why.
        InputError: if the video does not exist, or an argument or the package is not usable.
    """
    check_source(source)
    check_people(people)
    analyzer = Analyzer(
        package,
        device=device,
        sample_fps=sample_fps,
        margin=margin,
        baseline=baseline,
        progress=progress,
    )
    if package is None and progress and is_watched():
        sys.stderr.write("".join(f"{line}\n" for line in analyzer.model_lines()))
    return analyzer.analyze(source, people=people)


class Analyzer:
    """A loaded model that analyzes one video after the other.

    Args:
        package, sample_fps, device, margin, baseline, progress: as in ``analyze``.
        engine: ``torch``, or ``onnx`` for the package's model.onnx on the CPU.
        yunet_weights: address of the YuNet file; see ``emotion.weights.load_yunet``.

    Raises:
        InputError: if the package cannot be used, or the model does not allow ``sample_fps``.
    """

    def __init__(
        self,
        package: str | Sequence[str] | None = None,
        *,
        device: str = "auto",
        sample_fps: float | None = None,
        margin: float | None = None,
        baseline: str | None = None,
        progress: bool = True,
        engine: Engine = "torch",
        yunet_weights: str | None = None,
    ) -> None:
        self._predictor = load_video_predictor(
            package or find_default_package(yunet_weights),
            yunet_weights=yunet_weights,
            device=device,
            engine=engine,
            sample_fps=sample_fps,
            margin=margin,
            baseline=parse_baseline(baseline) if baseline else None,
        )
        self._progress = progress

    @property
    def package(self) -> ScoringPackage:
        """The model package, or several that are averaged."""
        return self._predictor.package

    @property
    def model(self) -> str:
        """Line that says which model answers and how good it is."""
        return describe_model(self.package)

    def model_lines(self) -> list[str]:
        """Return the line about the model, then its warning and its recall by label if known."""
        return [self.model, *self._predictor.trust.lines()]

    def analyze(
        self, source: Source, *, people: int | None = None, title: str | None = None
    ) -> Result:
        """Analyze one video; arguments and errors are those of the function ``analyze``.

        ``title`` is the text before the progress bar; None takes the name of the video.
        """
        check_people(people)
        with (
            local_video(source) as video,
            seconds_bar(video.path, title or short_name(source), show=self._progress) as on_sample,
        ):
            scan = self._predictor.scan(
                video.path,
                uri=video.uri,
                video_id=video.video_id,
                content_sha256=video.content_sha256,
                on_sample=on_sample,
            )
        tables = self._predictor.tables(keep_people(scan, people))
        labels = self.package.labels
        schemas = score_tables(labels)
        return Result(
            answer=video_prediction(
                tables, labels, model_id=self.package.model_id, trust=self._predictor.trust
            ),
            labels=labels,
            sample_fps=self._predictor.sample_fps,
            model=self.model,
            source=source,
            tables={name: rows_table(rows, schemas[name]) for name, rows in tables.items()},
        )
