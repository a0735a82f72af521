"""Failures as answers: one shape for all of them (OpenAI's), one sentence each, and never a stack trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from agent.models.chat import ChatModelError
from agent.run.folder import RunError
from agent.session.turn_result import SessionError
from agent.studio.queue import StudioError
from configs.errors import SettingsError, in_words
from tools.backend.protocol import BackendError
from tools.images import PictureError
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from fastapi import FastAPI

STATUS = {"missing": 404, "busy": 429, "conflict": 409, "mistake": 400}
KNOWN: tuple[tuple[type[Exception], int], ...] = (
    (PictureError, 400),
    (SettingsError, 400),
    (SessionError, 409),
    (RunError, 409),
    (ChatModelError, 502),
    (BackendError, 500),
)
SOON = "2"  # seconds after which what is busy may be asked again


def add_errors(app: FastAPI) -> None:
    """Let every failure of the app be answered in words."""
    app.add_exception_handler(StudioError, _studio)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http)
    for kind, _ in KNOWN:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Exception, _unknown)


def failure(status: int, message: str, *, param: str | None = None, code: str | None = None) -> JSONResponse:
    """Return an answer that says what went wrong."""
    message = Redactor(environment_secrets()).text(message)
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status)
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    headers = {"retry-after": SOON} if status in (429, 503) else None
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status, headers=headers)


async def _studio(request: Request, error: Any) -> JSONResponse:
    return failure(STATUS[error.status], str(error), code=error.status)


async def _invalid(request: Request, error: Any) -> JSONResponse:
    errors = error.errors()
    where = ".".join(str(part) for part in errors[0]["loc"][1:]) if errors else ""
    return failure(422, in_words(errors, whole="the request"), param=where or None, code="invalid")


async def _http(request: Request, error: Any) -> JSONResponse:
    assert isinstance(error, (HTTPException, StarletteHTTPException))
    words = f"there is nothing at {request.url.path[:200]!r}" if error.status_code == 404 else str(error.detail)
    return failure(error.status_code, words)


async def _known(request: Request, error: Any) -> JSONResponse:
    return failure(next(status for kind, status in KNOWN if isinstance(error, kind)), str(error))


async def _unknown(request: Request, error: Any) -> JSONResponse:
    return failure(500, f"the server failed ({type(error).__name__}): its log says where")
