"""Taking secrets and places of this machine out of what is written or shown: one redactor for every sink.

It works on texts before they are serialised, so that JSON stays JSON, and looks for whole known values and for the
usual shapes of credentials. A value that is short, or a plain word (``test``, ``not-needed``), is no secret that
can be told from ordinary text: it is not looked for, so that redaction never changes what a text means.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHORTEST = 8  # characters; anything shorter would be found in ordinary words
LONGEST_WORD = 12  # letters, "_" and "-" alone are a word up to here
STAND_IN = "***"
NAMED = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSWD", "_CREDENTIALS")  # ends of environment variables

LOGIN = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#\"'<>]+@", re.IGNORECASE)
HEADER = re.compile(r"\b((?i:bearer|basic))\s+(?=[\w.~+/=-]*(?:[0-9=+/]|[a-z][A-Z]))[\w.~+/=-]{8,}")
KEY = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*)",
    re.IGNORECASE,
)
MARKS = ("://", "bearer", "basic", "sk-", "hf_", "gh", "akia", "xox", "aiza", "eyj")  # one is in each shape, lowered


@dataclass(frozen=True)
class Redactor:
    """Takes ``secrets`` out of texts, and puts the stand-ins of ``places`` (folders of this machine) in their place."""

    secrets: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()

    def text(self, text: str) -> str:
        """Return a text without them."""
        if len(text) < SHORTEST and not self.places:
            return text
        lowered = text.lower()
        if self._known and any(known in lowered for known in self._lowered):
            text = self._known.sub(STAND_IN, text)
        if any(mark in lowered for mark in MARKS):
            text = LOGIN.sub(rf"\1{STAND_IN}@", text)
            text = HEADER.sub(rf"\1 {STAND_IN}", text)
            text = KEY.sub(STAND_IN, text)
        for folder, pattern, stand_in in self._patterns:
            if folder in text:
                text = pattern.sub(stand_in, text)
        return text

    def tree(self, value: Any) -> Any:
        """Return a value with every text in it cleaned: keys too, in messages and dataclasses too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = [self.tree(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        if isinstance(value, BaseModel):
            return value.model_copy(update=self.tree(dict(value)))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
            return dataclasses.replace(value, **self.tree(fields))
        return value

    def also(self, secrets: Iterable[str], places: Mapping[str, str] | None = None) -> Redactor:
        """Return a redactor that knows more."""
        return Redactor((*self.secrets, *secrets), (*self.places, *(places or {}).items()))

    @cached_property
    def _lowered(self) -> tuple[str, ...]:
        forms = {form for secret in self.secrets if _is_telling(secret) for form in _forms(secret)}
        return tuple(sorted({form.lower() for form in forms}, key=len, reverse=True))

    @cached_property
    def _known(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(re.escape, self._lowered)), re.IGNORECASE) if self._lowered else None

    @cached_property
    def _patterns(self) -> tuple[tuple[str, re.Pattern[str], str], ...]:
        known = sorted((place for place in self.places if len(place[0]) > 1), key=lambda place: -len(place[0]))
        # Whole names only: where /root is home, /roots is another folder.
        return tuple((at, re.compile(rf"(?<![\w.-]){re.escape(at)}(?![\w-])"), stand_in) for at, stand_in in known)


def environment_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values of this process's variables that are named like secrets, and logins in addresses there."""
    environment = os.environ if environment is None else environment
    named = [value for name, value in environment.items() if name.upper().endswith(NAMED)]
    return (*named, *(secret for value in environment.values() if "://" in value for secret in login_secrets(value)))


def login_secrets(url: str | None) -> Iterator[str]:
    """Yield the passwords and keys in an address: its login, and the values of its query."""
    try:
        parts = urlsplit(url or "")
        login = parts.netloc.rpartition("@")[0]
    except ValueError:
        return
    if login:
        user, _, password = login.partition(":")
        yield from (login, unquote(login), unquote(password or user), password or user)
    for pair in filter(None, parts.query.split("&")):
        yield from (value for value in (pair.partition("=")[2],) if any(digit.isdigit() for digit in value))


def _is_telling(secret: str) -> bool:
    """Whether a secret can be told from ordinary text."""
    word = re.fullmatch(r"[A-Za-z_-]+", secret) is not None
    return len(secret) >= (LONGEST_WORD if word else SHORTEST)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may stand in a text: as it is, escaped, and in base64 at any place of a longer text."""
    yield from (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe=""))
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):  # three bytes make four letters: only those that the neighbours have no part in are sure
        start, rest = -(-before * 8 // 6), (before + len(data)) % 3
        letters = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        sure = letters[start : len(letters) - (1 if rest else 0)]
        yield from (sure, sure.translate(str.maketrans("+/", "-_")))
