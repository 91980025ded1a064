"""Errors of requests, and the JSON bodies that answer them.

Every body is ``{"error": {"reason": ..., "detail": ...}}``. A reason is one of ``emotion.errors``,
or one that only a request can have, such as ``busy``.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ExceptionHandler

from emotion.errors import VideoError
from schemas.api import ErrorAnswer, ErrorDetail

VIDEO_STATUS = {"missing": 404, "too_large": 413, "storage_error": 502}
"""HTTP status of a ``VideoError`` by reason; every other reason has status 422."""

HTTP_REASONS = {404: "not_found", 405: "method_not_allowed"}
"""Reason for an error that the web framework raises, by status; any other is ``http_error``."""
BUSY_RETRY_S = 5
"""Seconds after which a client may retry; sent as Retry-After with status 503."""


class RequestError(Exception):
    """Error of a request, which becomes an answer with an error body.

    Attributes:
        status: HTTP status code.
        error: reason and detail for the client.
    """

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(f"{status} {reason}: {detail}")
        self.status = status
        self.error = ErrorDetail(reason=reason, detail=detail)


def video_request_error(err: VideoError) -> RequestError:
    """Return the request error for a video that cannot be used.

    >>> video_request_error(VideoError("empty_file", "the file has 0 bytes")).status
    422
    """
    return RequestError(VIDEO_STATUS.get(err.reason, 422), err.reason, err.detail)


def error_response(status: int, error: ErrorDetail) -> Response:
    """Return the response with a JSON body; status 503 also gets the header Retry-After."""
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
    """Answer with status 500 and the type of the error.

    Starlette then raises the error again, and its traceback is logged.
    """
    detail = f"{type(err).__name__}; see the server's log"
    return error_response(500, ErrorDetail(reason="internal_error", detail=detail))


def add_handlers(app: FastAPI) -> None:
    """Make ``app`` answer every error with the JSON body of this module."""
    handlers: dict[type[Exception], ExceptionHandler] = {
        RequestError: _on_request_error,
        HTTPException: _on_http_error,
        Exception: _on_bug,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
