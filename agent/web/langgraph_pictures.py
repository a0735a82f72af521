"""Pictures for `langgraph dev` (see langgraph.json): sent before a run that names them, and fetched after it.

curl -T desk.png http://127.0.0.1:2024/pictures     -> {"id": "0123456789abcdef"}, to be given as "image"
curl -O http://127.0.0.1:2024/pictures/0123456789abcdef.png
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from agent.web.langgraph_server import PICTURES
from tools.images import MAX_BYTES, ImageStore, PictureError, open_picture

if TYPE_CHECKING:
    from starlette.requests import Request


async def keep(request: Request) -> Response:
    """Keep the picture that is the request's body, and answer with its id."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BYTES:
            return JSONResponse({"error": f"the picture is too large: at most {MAX_BYTES // 2**20} MiB"}, 413)
    try:
        image_id = await asyncio.to_thread(lambda: ImageStore(PICTURES).save(open_picture(bytes(data))))
    except PictureError as error:
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"id": image_id}, 201)


async def fetch(request: Request) -> Response:
    """Answer with a picture by its id."""
    try:
        path = ImageStore(PICTURES).path(request.path_params["image_id"])
    except PictureError as error:
        return JSONResponse({"error": str(error)}, 400)
    if not await asyncio.to_thread(path.is_file):
        return JSONResponse({"error": f"there is no picture {path.stem!r} here"}, 404)
    return FileResponse(path, media_type="image/png")


app = Starlette(
    routes=[
        Route("/pictures", keep, methods=["POST", "PUT"]),
        Route("/pictures/{image_id}.png", fetch),
    ]
)
