"""What a real small model answered (Qwen2.5-Coder-1.5B, four bits, llama.cpp) is read as it was when it was measured.

The answers lie beside: those to the sentences of the benchmark, in order, and those to its instructions with what the
detector had found in the picture. Many are wrong as they stand. No model is asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable

from agent.models.structured_output import read_answer, structured
from evals.agent.gold import instruction_cases, prompt_cases
from evals.agent.runner import Services, read_prompt, renamed
from evals.agent.scoring import does_right
from graphs.nodes.parse import Reply
from tests.scripted import ScriptedChat
from tests.world import settings
from tools.scene.layout import Layout
from tools.scene.operations import Operation
from tools.scene.reading.instruction import answer_problems, mended_wishes, wish_problems
from tools.scene.wishes import Wish, operations_of

FOLDER = Path(__file__).parent / "recorded"
CASES = {case.text: case for case in prompt_cases()}
ORDERS = {case.text: case for case in instruction_cases()}


def recorded(name: str, key: str) -> list[Any]:
    lines = map(json.loads, (FOLDER / name).read_text(encoding="utf-8").splitlines())
    return [pytest.param(line, id=line[key]) for line in lines]


class Recorded(ScriptedChat):
    """Says what was recorded; it is read as answers of servers are."""

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Runnable[Any, Any]:
        return structured(self, schema, include_raw)


@pytest.mark.parametrize("line", recorded("sentences.jsonl", "sentence"))
def test_a_recorded_reading(line: dict[str, Any]) -> None:
    services = Services(settings(), Recorded(script=line["answers"]), None)
    found = read_prompt(CASES[line["sentence"]], services)
    assert (found["right"], found["calls"], found["exit"]) == (True, len(line["answers"]), "read")


@pytest.mark.parametrize("line", recorded("instructions.jsonl", "instruction"))
def test_a_recorded_plan(line: dict[str, Any]) -> None:
    text, seen, case = line["instruction"], Layout(objects=line["objects"]), ORDERS[line["instruction"]]
    for at, answer in enumerate(line["answers"], 1):
        reply = read_answer(AIMessage(answer), Reply)
        if case.answer:
            operations, problems = (), answer_problems(text, reply.answer, seen)
        else:
            wishes, _ = mended_wishes(text, reply.operations, seen)
            operations, problems = said(wishes, seen, case.layout), wish_problems(text, wishes, seen)
        is_right = not problems and does_right(operations, reply.answer, case)
        assert is_right == (at == len(line["answers"]))


def said(wishes: Sequence[Wish], seen: Layout, true: Layout) -> tuple[Operation, ...]:
    """Return what wishes come to, with the ids of the gold; nothing where a place cannot be had."""
    try:
        return renamed(operations_of(wishes, seen), seen, true)
    except ValueError:
        return ()


def test_every_sentence_was_recorded() -> None:
    assert {line.values[0]["sentence"] for line in recorded("sentences.jsonl", "sentence")} == set(CASES)
