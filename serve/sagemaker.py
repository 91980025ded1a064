"""The container's ``serve`` command: SageMaker's HTTP contract around one model, without Ray.

video-emotion-sagemaker-serve                              (in the container: /opt/ml, port 8080)
python -m serve.sagemaker serve --root DIR --port 8080     (anywhere)

GET /ping, GET /execution-parameters, and POST /invocations with the bytes of a video (``video/*``
or ``application/octet-stream``), one JSON record, or JSON lines of records. Every record is
answered with its own status under HTTP 200.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from emotion.errors import EmotionError, InputError
from emotion.video.decode import Limits
from schemas.api import ExecutionParameters, RecordAnswer
from serve.errors import RequestError, add_handlers
from serve.records import answer_record, failed, json_lines, split_lines
from serve.scoring import VideoScorer, Worker
from serve.uploads import read_small, received_bytes

JSON_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
MAX_PAYLOAD_MB = 100
"""SageMaker's own bound for batch transform."""


class Settings(BaseModel):
    """Where the container finds its model and what it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tyro.conf.Positional[Literal["serve"]] = "serve"
    """SageMaker starts the container with this word."""
    root: str = Field(default_factory=lambda: os.environ.get("SM_ROOT", "/opt/ml"))
    """SageMaker's tree; the package lies in its folder "model"."""
    host: str = "0.0.0.0"  # noqa: S104  (the contract: SageMaker's agent calls from outside)
    """Address to listen on."""
    port: int = Field(default=8080, ge=1, le=65535)
    """Port to listen on."""
    device: str = "auto"
    """Where the model runs: auto, cpu or cuda."""
    engine: Literal["torch", "onnx"] = Field(
        default_factory=lambda: os.environ.get("VIDEO_EMOTION_ENGINE", "torch"),
        validate_default=True,
    )
    """What runs the model; onnx is the package's model.onnx, on the CPU."""
    yunet: str | None = None
    """YuNet weights, for packages made with YuNet; default: $VIDEO_EMOTION_YUNET, the cache, or a
    checked download."""
    allow_uri: str = Field(
        default_factory=lambda: os.environ.get("VIDEO_EMOTION_ALLOW_URI", "s3://")
    )
    """Prefixes between commas that records may name; s3:// is all that the role may read."""
    output: str | None = Field(default_factory=lambda: os.environ.get("VIDEO_EMOTION_OUTPUT"))
    """Prefix for one JSON file per record; without it nothing is written anywhere."""
    max_mb: float = Field(default=5000.0, gt=0)
    """Largest video that a record may name."""
    max_duration_s: float = Field(default=4 * 3600.0, gt=0)
    """Longest video."""

    @property
    def limits(self) -> Limits:
        """What one video may cost."""
        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=self.max_duration_s)


def create_container(
    scorer: VideoScorer, *, limits: Limits, prefixes: tuple[str, ...], output: str | None
) -> FastAPI:
    """The contract's three addresses around one loaded model.

    Args:
        scorer: the loaded model.
        limits: what one video may cost.
        prefixes: addresses that records may name.
        output: prefix for one JSON file per record, or None.
    """
    app = FastAPI(title="video-emotion container", docs_url=None, redoc_url=None)
    add_handlers(app)
    worker = Worker(scorer, limits=limits, max_waiting=8)

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/execution-parameters")
    async def execution_parameters() -> ExecutionParameters:
        return ExecutionParameters(
            max_concurrent_transforms=1,
            batch_strategy="SINGLE_RECORD",
            max_payload_mb=MAX_PAYLOAD_MB,
        )

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        with worker.place():
            if kind.startswith("video/") or kind == "application/octet-stream":
                return _json(await _answer_bytes(request, worker))
            if kind not in ("application/json", *JSON_LINES):
                raise RequestError(415, "unsupported_media_type", f"content type {kind!r}")
            body = await read_small(request, max_bytes=MAX_PAYLOAD_MB * 2**20)
            lines = [body] if kind == "application/json" else split_lines(body)
            answers = [
                await answer_record(line, worker, prefixes=prefixes, output=output)
                for line in lines
            ]
        if kind == "application/json":
            return _json(answers[0])
        return Response(json_lines(answers), media_type=kind)

    return app


async def _answer_bytes(request: Request, worker: Worker) -> RecordAnswer:
    limit = min(worker.limits.max_bytes, 2**30)  # the largest asynchronous request
    async with received_bytes(request, max_bytes=limit) as upload:
        try:
            answer = await worker.answer(upload.path, uri=upload.name)
        except RequestError as err:
            return failed(None, err.error)
    return RecordAnswer(record_id=None, status="ok", prediction=answer)


def _json(answer: RecordAnswer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def load_scorer(settings: Settings) -> VideoScorer:
    """The package in ROOT/model, and the detector that its extraction spec names.

    Raises:
        InputError: if there is no package, or it is broken.
    """
    from emotion.predict.video import load_video_predictor  # torch

    return load_video_predictor(
        str(find_package(Path(settings.root) / "model")),
        yunet_weights=settings.yunet,
        device=settings.device,
        engine=settings.engine,
        limits=settings.limits,
    )


def find_package(folder: Path) -> Path:
    """The package in SageMaker's model folder: at its top, or the one folder below that has it.

    Raises:
        InputError: if there is none, or several.
    """
    found = [path for path in (folder, *folder.glob("*")) if (path / "model.json").is_file()]
    if len(found) != 1:
        raise InputError(f"{folder} holds {len(found)} model packages (model.json), must hold one")
    return found[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model, then listen until SIGTERM; 2 after an expected error."""
    settings = tyro.cli(Settings, args=argv, description=__doc__)
    try:
        scorer = load_scorer(settings)
    except EmotionError as err:
        sys.stderr.write(f"error: {err}\n")
        return 2
    app = create_container(
        scorer,
        limits=settings.limits,
        prefixes=tuple(part for part in settings.allow_uri.split(",") if part),
        output=settings.output or None,
    )
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
