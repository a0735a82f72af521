"""What a node is doing, and what it did, in a few words."""

from __future__ import annotations

from typing import Any

DOING = {
    "survey": "looking around",
    "parse": "reading the sentence",
    "generate": "making a picture",
    "judge": "looking at the picture",
    "think": "thinking",
    "act": "acting",
    "edit": "editing",
    "refine": "polishing",
    "approve": "waiting for approval",
    "finish": "finishing",
}


def describe(update: dict[str, Any]) -> str:
    """Say in a few words what a node did, by its update; empty when there is nothing to say."""
    latest = update.get("latest")
    if isinstance(latest, dict):
        wrong = "; ".join(str(result["reason"]) for result in latest["verdict"]["results"] if result["passed"] is False)
        return f"{latest['passed']} of {latest['total']} requirements met" + (f": {wrong}" if wrong else "")
    if update.get("done"):
        return "; ".join(map(str, update["done"]))
    messages = [message for message in update.get("messages") or [] if isinstance(message, dict)]
    calls = [call["name"] for message in messages for call in message.get("tool_calls") or []]
    if calls:
        return f"calls {', '.join(calls)}"
    failures = [message["content"].split("\n")[0] for message in messages if message.get("failed")]
    return f"a tool refused: {'; '.join(failures)}" if failures else ""
