"""What runs the server asks of it: whether it lives, whether it takes turns, and what Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from agent.run.folder import RunError
from agent.studio.queue import StudioError
from agent.web.api import Here
from agent.web.errors import failure
from tools.backend.watched import TYPE

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


@router.get("/ready")
def ready(studio: Here) -> Response:
    """Say whether turns are taken: not while the server shuts down, nor without its database."""
    try:
        studio.check_ready()
    except (StudioError, OSError, RunError):
        return JSONResponse({"status": "not ready"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
def metrics(studio: Here) -> Response:
    """Return what is counted, as Prometheus reads it. The server's token is asked for, where it has one."""
    if studio.metrics is None:
        return failure(404, "no metrics are counted here: pip install 'sld-agent[metrics]'")
    return Response(studio.metrics.text(), media_type=TYPE)
