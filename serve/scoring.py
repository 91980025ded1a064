"""Scoring in one process: one model, one video at a time in a thread, and a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emotion.errors import VideoError
from emotion.predict.engine import Engine
from emotion.published.default import find_default_package
from emotion.published.describe import ModelFacts
from emotion.video.decode import Limits, probe
from schemas.api import VideoAnswer
from serve.errors import RequestError, video_request_error

if TYPE_CHECKING:
    from emotion.predict.answer import VideoPrediction


class VideoScorer(Protocol):
    """Loaded model; ``VideoPredictor`` has these methods, and tests use a plain object."""

    @property
    def package(self) -> ModelFacts:
        """Facts of the model."""

    def predict(self, path: Path) -> VideoPrediction:
        """Score one local file.

        Raises:
            VideoError: if the video cannot be used.
        """


class ScorerOptions(Protocol):
    """Settings for loading a model; ``Options`` and the container's ``Settings`` have them."""

    yunet: str | None
    device: str
    engine: Engine

    @property
    def package(self) -> str | tuple[str, ...] | None:
        """Address of the model package, or of several; None: the default one."""

    @property
    def limits(self) -> Limits:
        """Limits on one video."""


def load_scorer(options: ScorerOptions) -> VideoScorer:
    """Load the package's model and the face detector that its extraction spec names.

    Raises:
        InputError: if the package or the detector's weights cannot be read.
    """
    from emotion.predict.video import load_video_predictor  # imports PyTorch: replicas only

    return load_video_predictor(
        options.package or find_default_package(),
        yunet_weights=options.yunet,
        device=options.device,
        engine=options.engine,
        limits=options.limits,
    )


def check_header(path: Path, limits: Limits) -> None:
    """Check a video by the header of its container, without decoding frames.

    Raises:
        VideoError: with reason empty_file, not_a_video, no_video_stream or too_large.
    """
    probe(path, limits)


def video_answer(prediction: VideoPrediction, *, uri: str) -> VideoAnswer:
    """Return the answer for a prediction; ``uri`` is the name that the client gave the video."""
    return VideoAnswer.model_validate(dataclasses.asdict(prediction) | {"uri": uri})


class Worker:
    """Queue that scores videos one after the other, in one thread beside the event loop.

    Several threads cannot share a detector and a model, and two videos at a time are not faster on
    the same cores. To score in parallel, start more replicas.

    The constructor takes the loaded model, the limits on one video, and ``max_waiting``: the number
    of videos that may wait while one is scored.
    """

    def __init__(self, scorer: VideoScorer, *, limits: Limits, max_waiting: int) -> None:
        self.scorer, self.limits = scorer, limits
        self._free_places = 1 + max_waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="score")

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue during the block; enter the block before reading the upload.

        Raises:
            RequestError: 503 if the queue is full.
        """
        if self._free_places == 0:
            raise RequestError(503, "busy", "too many videos are waiting; try again in a moment")
        self._free_places -= 1
        try:
            yield
        finally:
            self._free_places += 1

    async def answer(self, path: Path, *, uri: str) -> VideoAnswer:
        """Score one local file; call this inside ``place``.

        Raises:
            RequestError: if the video cannot be used: 413 if it is too large, else 422.
        """
        loop = asyncio.get_running_loop()
        try:
            prediction = await loop.run_in_executor(self._thread, self._score, path)
        except VideoError as err:
            raise video_request_error(err) from err
        return video_answer(prediction, uri=uri)

    def _score(self, path: Path) -> VideoPrediction:
        check_header(path, self.limits)
        return self.scorer.predict(path)
