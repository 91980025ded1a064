"""HTTP interface as a FastAPI app that does not need Ray; it also runs under uvicorn alone."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from emotion.colours import LABEL_COLOURS, SPARE_COLOURS, ink
from emotion.package.trust import trust_note
from emotion.published.describe import describe_model
from emotion.video.decode import Limits
from schemas.api import ErrorAnswer, InfoAnswer, TrustAnswer, UriRequest, VideoAnswer
from serve.errors import RequestError, add_handlers
from serve.scoring import VideoScorer, Worker
from serve.sources import fetched_async
from serve.uploads import read_small, received_form

_BODIES = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
    },
    "application/json": {"schema": UriRequest.model_json_schema()},
}


def create_web(
    scorer: VideoScorer, *, limits: Limits, prefixes: tuple[str, ...], max_waiting: int
) -> FastAPI:
    """Return a web app for one model: /v1/predict, /v1/info, the health check and the page.

    Args:
        scorer: the loaded model.
        limits: limits on one video.
        prefixes: prefixes below which clients may request stored videos; empty: uploads only.
        max_waiting: number of videos that may wait while one is scored; a request beyond that is
            answered with status 503.
    """
    # FastAPI's documentation pages are off, because they load scripts from other hosts.
    # /openapi.json stays.
    app = FastAPI(title="video-emotion", docs_url=None, redoc_url=None)
    add_handlers(app)
    worker = Worker(scorer, limits=limits, max_waiting=max_waiting)
    page, page_headers = _page()

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return HTMLResponse(page, headers=page_headers)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/info")
    async def info() -> InfoAnswer:
        return _info(scorer, limits)

    @app.post(
        "/v1/predict",
        responses={code: {"model": ErrorAnswer} for code in (400, 403, 404, 413, 415, 422, 503)},
        openapi_extra={"requestBody": {"required": True, "content": _BODIES}},
    )
    async def predict(request: Request) -> VideoAnswer:
        with worker.place():
            async with _requested_video(request, limits, prefixes) as (path, uri):
                return await worker.answer(path, uri=uri)

    return app


def _info(scorer: VideoScorer, limits: Limits) -> InfoAnswer:
    return InfoAnswer(
        model_id=scorer.package.model_id,
        name=scorer.package.name,
        labels=scorer.package.labels,
        model=describe_model(scorer.package),
        max_mb=limits.max_bytes / 1e6,
        max_duration_s=limits.max_duration_s,
        trust=TrustAnswer.model_validate(asdict(trust_note(scorer.package.trust))),
    )


@contextlib.asynccontextmanager
async def _requested_video(
    request: Request, limits: Limits, prefixes: tuple[str, ...]
) -> AsyncIterator[tuple[Path, str]]:
    """Yield the local file that a request uploads or names, and its ``uri`` for the answer.

    Raises:
        RequestError: 415 for another content type than a form or JSON; see also ``received_form``,
            ``parse_uri`` and ``fetched_async``.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with received_form(request, max_bytes=limits.max_bytes) as upload:
            yield upload.path, upload.name
    elif kind == "application/json":
        uri = parse_uri(await read_small(request))
        async with fetched_async(uri, prefixes, max_bytes=limits.max_bytes) as path:
            yield path, uri
    else:
        raise RequestError(
            415,
            "unsupported_media_type",
            f"send a form with the field 'file', or JSON {{'uri': ...}}; got {kind!r}",
        )


def parse_uri(body: bytes) -> str:
    """Return the address in the JSON body of a request.

    Raises:
        RequestError: 400 if the body is not ``{"uri": "..."}``.

    >>> parse_uri(b'{"uri": "s3://bucket/a.mp4"}')
    's3://bucket/a.mp4'
    """
    try:
        return UriRequest.model_validate_json(body).uri
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        reason = "missing_field" if first["type"] == "missing" else "bad_json"
        raise RequestError(400, reason, f"{field}: {first['msg']}") from err


def _page() -> tuple[str, dict[str, str]]:
    """Return the HTML page, and headers that let a browser use only the page's script and style."""
    template = resources.files("serve").joinpath("page.html").read_text(encoding="utf-8")
    html = template.replace("{{palette}}", json.dumps(palette()))
    policy = (
        "default-src 'none'; connect-src 'self'; media-src blob:; img-src data:; "
        f"script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return html, headers


def palette() -> dict[str, Any]:
    """Return the colours for the page's script.

    ``named`` has the colours by label. ``spare`` is a list of colours for other labels. Each colour
    is a pair: the colour itself, and the colour of text on it.

    >>> palette()["named"]["sad"]
    ('#0072b2', '#fff')
    """
    named = {label: (colour, ink(colour)) for label, colour in LABEL_COLOURS.items()}
    return {"named": named, "spare": [(colour, ink(colour)) for colour in SPARE_COLOURS]}


def _hashes(html: str, tag: str) -> str:
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
    digests = [hashlib.sha256(block.encode()).digest() for block in blocks]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
