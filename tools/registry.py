"""The tools that a language model is given, in the order it sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.detect import detect
from tools.edit import apply_suggestion, edit
from tools.inspect import inspect
from tools.suggest_layout import suggest_layout

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

TOOLS: tuple[BaseTool, ...] = (detect, inspect, suggest_layout, apply_suggestion, edit)
