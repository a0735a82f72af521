"""What run.json must hold, whoever wrote it; more is left alone."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Input(_Part):
    prompt: str
    instruction: str
    image: str | None
    spec: dict[str, Any] | None = None
    target: dict[str, Any] | None = None
    seed: int


class _Branch(_Part):
    at: str | None
    redo: list[str]


class _Pending(_Part):
    turn: int
    text: str
    parent: str
    after: int
    given: dict[str, Any]


class _Session(_Part):
    branch: str
    branches: dict[str, _Branch]
    turns: int
    pending: _Pending | None
    approve: bool
    last: str = ""


class _Result(_Part):
    agreed: bool
    exit: str
    detail: str = ""
    rounds: int
    verdict: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    notes: list[str] = []


class _Record(_Part):
    status: str
    input: _Input
    preset: str
    overrides: dict[str, Any]
    origin: str = ""
    error: str = ""
    result: _Result | None = None
    session: _Session | None = None


def find_problem(record: Any) -> str:
    """Return what is wrong with a record, in a few words; "" when it can be used."""
    try:
        known = _Record.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    if known.session and known.session.branch not in known.session.branches:
        return f"session.branch: there is no branch {known.session.branch!r}"
    return ""
