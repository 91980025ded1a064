"""Answer SageMaker's HTTP requests with one model, without Ray: the container's ``serve`` command.

    video-emotion-sagemaker-serve                              (in the container: port 8080)
    python -m serve.sagemaker serve --root DIR --port 8080     (anywhere)

The server answers GET /ping, GET /execution-parameters and POST /invocations. The body of
/invocations is a video (content type ``video/*`` or ``application/octet-stream``), one JSON record,
or one JSON record per line. The answer has HTTP status 200 and a status per record.
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
from emotion.predict.engine import Engine
from emotion.video.decode import Limits
from schemas.api import ExecutionParameters, RecordAnswer
from serve.errors import RequestError, add_handlers
from serve.records import answer_record, failed, json_lines, split_lines
from serve.scoring import VideoScorer, Worker, load_scorer
from serve.uploads import read_small, received_bytes

JSON_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
MAX_PAYLOAD_MB = 100
"""Largest payload of a SageMaker batch transform, in MB."""


class Settings(BaseModel):
    """Settings of the container."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tyro.conf.Positional[Literal["serve"]] = "serve"
    """The word serve, with which SageMaker starts the container."""
    root: str = Field(default_factory=lambda: os.environ.get("SM_ROOT", "/opt/ml"))
    """Folder of SageMaker's files, which holds the package in model/.
    Default: $SM_ROOT, else /opt/ml."""
    host: str = "0.0.0.0"  # noqa: S104  (SageMaker calls from outside the container)
    """Network address to listen on; 0.0.0.0 listens on all interfaces."""
    port: int = Field(default=8080, ge=1, le=65535)
    """Port to listen on, 1 to 65535."""
    device: str = "auto"
    """Device of the model: cpu or cuda; auto takes a GPU if there is one, else the CPU."""
    engine: Engine = Field(
        default_factory=lambda: os.environ.get("VIDEO_EMOTION_ENGINE", "torch"),
        validate_default=True,
    )
    """Runtime of the model: torch; or onnx, which runs the package's model.onnx on the CPU.
    Default: $VIDEO_EMOTION_ENGINE, else torch."""
    yunet: str | None = None
    """File of YuNet's weights, used only for packages made with YuNet.
    Default: $VIDEO_EMOTION_YUNET, then the cache, then a download with a checked SHA-256."""
    allow_uri: str = Field(
        default_factory=lambda: os.environ.get("VIDEO_EMOTION_ALLOW_URI", "s3://")
    )
    """Prefixes, separated by commas, of videos that records may name.
    s3:// allows everything that the IAM role may read.
    Default: $VIDEO_EMOTION_ALLOW_URI, else s3://."""
    output: str | None = Field(default_factory=lambda: os.environ.get("VIDEO_EMOTION_OUTPUT"))
    """Folder for one JSON file per record, an s3:// prefix or a path.
    Default: $VIDEO_EMOTION_OUTPUT, else no files."""
    max_mb: float = Field(default=5000.0, gt=0)
    """Largest video file that a record may name, in MB of 1,000,000 bytes; above 0."""
    max_duration_s: float = Field(default=4 * 3600.0, gt=0)
    """Longest video in seconds; above 0."""

    @property
    def limits(self) -> Limits:
        """Limits on one video."""
        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=self.max_duration_s)

    @property
    def package(self) -> str:
        """Folder of the package in ROOT/model.

        Raises:
            InputError: if ROOT/model does not hold exactly one package.
        """
        return str(find_package(Path(self.root) / "model"))


def create_container(
    scorer: VideoScorer, *, limits: Limits, prefixes: tuple[str, ...], output: str | None
) -> FastAPI:
    """Return a web app for the three routes that SageMaker requires.

    Args:
        scorer: the loaded model.
        limits: limits on one video.
        prefixes: prefixes below which records may name videos.
        output: folder for one JSON file per record; None writes no files.
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
    limit = min(worker.limits.max_bytes, 2**30)  # SageMaker's asynchronous requests: at most 1 GiB
    async with received_bytes(request, max_bytes=limit) as upload:
        try:
            answer = await worker.answer(upload.path, uri=upload.name)
        except RequestError as err:
            return failed(None, err.error)
    return RecordAnswer(record_id=None, status="ok", prediction=answer)


def _json(answer: RecordAnswer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def find_package(folder: Path) -> Path:
    """Return the folder that holds model.json: ``folder``, or a folder directly below it.

    Raises:
        InputError: if there is no such folder, or more than one.
    """
    packages = [path for path in (folder, *folder.glob("*")) if (path / "model.json").is_file()]
    if len(packages) != 1:
        raise InputError(
            f"{folder} holds {len(packages)} model packages (model.json), must hold one"
        )
    return packages[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model and answer until SIGTERM; return 0, or 2 after an expected error."""
    settings = tyro.cli(Settings, prog="python -m serve.sagemaker", args=argv, description=__doc__)
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
