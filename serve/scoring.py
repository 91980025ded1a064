"""One model in one process: a video at a time in its own thread, a bounded line before it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import av

from emotion.errors import VideoError
from emotion.video.decode import Limits, open_video
from schemas.api import VideoAnswer
from serve.errors import RequestError, video_request_error

if TYPE_CHECKING:
    from emotion.predict.answer import VideoPrediction


class ModelFacts(Protocol):
    """What the server tells about its model; a ``ModelPackage`` has it."""

    @property
    def model_id(self) -> str:
        """Content hash of the package."""

    @property
    def name(self) -> str:
        """Architecture by name."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set, in the order of every answer."""


class VideoScorer(Protocol):
    """The seam to the model: a ``VideoPredictor``, or a plain object in tests."""

    @property
    def package(self) -> ModelFacts:
        """The model that answers."""

    def predict(self, path: Path) -> VideoPrediction:
        """Score one local file; raises VideoError."""


def check_header(path: Path, limits: Limits) -> None:
    """Refuse, before anything is decoded, what the container's header already rules out.

    Raises:
        VideoError: empty_file, not_a_video, no_video_stream, too_large.
    """
    with open_video(path, limits) as (container, _):
        duration_s = (container.duration or 0) / av.time_base
    if duration_s > limits.max_duration_s:
        raise VideoError(
            "too_large", f"{duration_s:.1f} s long, the limit is {limits.max_duration_s:g} s"
        )


def video_answer(prediction: VideoPrediction, *, uri: str) -> VideoAnswer:
    """The prediction as it is sent, under the name by which the caller knows the video."""
    return VideoAnswer.model_validate(dataclasses.asdict(prediction) | {"uri": uri})


class Worker:
    """Scores videos one after the other, away from the event loop.

    A detector and a model are not safe to share between threads, and two at once are no faster on
    the same cores: parallelism is one replica per worker.
    """

    def __init__(self, scorer: VideoScorer, *, limits: Limits, max_waiting: int) -> None:
        self.scorer, self.limits = scorer, limits
        self._free_places = 1 + max_waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="score")

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line, taken before the upload is read.

        Raises:
            RequestError: 503 when the line is full.
        """
        if self._free_places == 0:
            raise RequestError(503, "busy", "too many videos are waiting; try again in a moment")
        self._free_places -= 1
        try:
            yield
        finally:
            self._free_places += 1

    async def answer(self, path: Path, *, uri: str) -> VideoAnswer:
        """Score one file.

        Raises:
            RequestError: 422 or 413 if the video cannot be used.
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
