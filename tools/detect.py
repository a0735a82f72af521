"""The ``detect`` tool: ask the detector about the current picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime
from pydantic import Field, StringConstraints

from tools.context import Context
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import UNASKED

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


@tool(response_format="content_and_artifact")
def detect(
    phrases: Annotated[
        list[Phrase],
        Field(min_length=1, max_length=20, description="what to look for, singular, such as ['car', 'red car']"),
    ],
    runtime: ToolRuntime[Context, dict[str, Any]],
    threshold: Annotated[
        float | None,
        Field(gt=0, lt=1, description="least score; lower finds more and errs more", json_schema_extra=UNASKED),
    ] = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look for objects in the current picture: their boxes and scores (null where it is not said), best first."""
    context = runtime.context
    queries = list(dict.fromkeys(parse_phrase(phrase) for phrase in phrases))
    found = context.backend.detect(context.images.load(runtime.state["picture"]), queries, threshold)
    answer: dict[str, Any] = {
        query.phrase: [
            {
                "box": [round(value, 3) for value in detection.box],
                "score": round(detection.score, 3) if found.scored else None,
            }
            for detection in found.detections
            if detection.query == query
        ]
        for query in queries
    }
    if found.warnings:
        answer["warnings"] = list(found.warnings)
    return answer, {"cost": asdict(found.cost)}
