"""What can go wrong with a request, and the one JSON shape in which it is told.

Every body is ``{"error": {"reason": ..., "detail": ...}}``. Reasons are those of
``emotion.errors`` and the few below that only a request can have.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ExceptionHandler

from emotion.errors import VideoError
from schemas.api import ErrorAnswer, ErrorDetail

VIDEO_STATUS = {"missing": 404, "too_large": 413, "storage_error": 502}
"""HTTP status of a ``VideoError``; every other reason is 422."""

HTTP_REASONS = {404: "not_found", 405: "method_not_allowed"}
BUSY_RETRY_S = 5


class RequestError(Exception):
    """This request cannot be answered.

    Attributes:
        status: HTTP status code.
        error: what the caller is told.
    """

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(f"{status} {reason}: {detail}")
        self.status = status
        self.error = ErrorDetail(reason=reason, detail=detail)


def video_request_error(err: VideoError) -> RequestError:
    """The answer to a video that cannot be used.

    >>> video_request_error(VideoError("empty_file", "the file has 0 bytes")).status
    422
    """
    return RequestError(VIDEO_STATUS.get(err.reason, 422), err.reason, err.detail)


def error_response(status: int, error: ErrorDetail) -> Response:
    """The JSON body and, when busy, when to come back."""
    headers = {"Retry-After": str(BUSY_RETRY_S)} if status == 503 else {}
    body = ErrorAnswer(error=error).model_dump(mode="json")
    return JSONResponse(body, status_code=status, headers=headers)


async def _on_request_error(_: Request, err: Exception) -> Response:
    assert isinstance(err, RequestError)  # noqa: S101  (Starlette's handler type is wider)
    return error_response(err.status, err.error)


async def _on_http_error(_: Request, err: Exception) -> Response:
    assert isinstance(err, HTTPException)  # noqa: S101
    reason = HTTP_REASONS.get(err.status_code, "http_error")
    return error_response(err.status_code, ErrorDetail(reason=reason, detail=str(err.detail)))


async def _on_bug(_: Request, err: Exception) -> Response:
    """The traceback goes to the log (Starlette raises again); the caller learns no internals."""
    detail = f"{type(err).__name__}; the server's log has the rest"
    return error_response(500, ErrorDetail(reason="internal_error", detail=detail))


def add_handlers(app: FastAPI) -> None:
    """Answer every failure of ``app`` in the one shape."""
    handlers: dict[type[Exception], ExceptionHandler] = {
        RequestError: _on_request_error,
        HTTPException: _on_http_error,
        Exception: _on_bug,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
