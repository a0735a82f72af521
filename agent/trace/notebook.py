"""How results and sessions show themselves in a notebook: the picture, how it ended, and the verdict."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

from agent.trace.wording import money, outcome
from tools.images import PictureError, open_picture
from tools.scene.notebook import safe, verdict_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LONGEST = 768  # pixels of the longer side of a shown picture: a notebook keeps every output


def picture_png(path: Path | None) -> bytes | None:
    """Return the picture as PNG, made smaller where it is large; None where there is none to be read."""
    if path is None:
        return None
    try:
        picture = open_picture(path)
    except PictureError:
        return None
    picture.thumbnail((LONGEST, LONGEST))
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def result_html(
    title: str,
    image: Path | None,
    *,
    ended: Mapping[str, Any] | None = None,
    lines: Iterable[str] = (),
    verdict: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
) -> str:
    """Return a picture with what there is to say of it; ``ended`` is as `agent.trace.wording.outcome` takes it."""
    png = picture_png(image)
    shown = f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">' if png else "<i>no picture</i>"
    heading = f"<b>{safe(title)}</b>" + (f" · {safe(outcome(dict(ended)))}" if ended else "")
    said = "".join(f"<div>{safe(line)}</div>" for line in lines if line)
    cost = money((usage or {}).get("cost"))
    results = [(result["passed"], str(result["reason"])) for result in (verdict or {}).get("results", [])]
    checks = verdict_html(results) if results else ""
    return (
        '<div style="display:flex;gap:16px;align-items:flex-start">'
        f"<div>{shown}</div><div><div>{heading}</div>{said}{checks}"
        f"{f'<small>{safe(cost)} for the language model</small>' if cost else ''}</div></div>"
    )
