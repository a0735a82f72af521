"""What a real small model answered (Qwen2.5-Coder-1.5B, four bits, llama.cpp) is read as it was when it was measured.

The answers lie beside: those to the sentences of the benchmark, in order, and of each sentence whether its reading was
right in the end. No model is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import Runnable

from agent.models.structured_output import structured
from evals.agent.gold import prompt_cases
from evals.agent.runner import Services, read_prompt
from tests.scripted import ScriptedChat
from tests.world import settings

LINES = (Path(__file__).parent / "recorded" / "sentences.jsonl").read_text(encoding="utf-8").splitlines()
RECORDED: list[dict[str, Any]] = [json.loads(line) for line in LINES]
CASES = {case.text: case for case in prompt_cases()}


class Recorded(ScriptedChat):
    """Says what was recorded; it is read as answers of servers are."""

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Runnable[Any, Any]:
        return structured(self, schema, include_raw)


@pytest.mark.parametrize("recorded", [pytest.param(line, id=line["sentence"]) for line in RECORDED])
def test_a_recorded_reading(recorded: dict[str, Any]) -> None:
    services = Services(settings(), Recorded(script=recorded["answers"]), None)
    found = read_prompt(CASES[recorded["sentence"]], services)
    assert (found["right"], found["calls"], found["exit"]) == (True, len(recorded["answers"]), "read")


def test_every_sentence_was_recorded() -> None:
    assert {line["sentence"] for line in RECORDED} == set(CASES)
