"""What a language model's tokens cost: as the settings say, or by a dated table of list prices."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from configs.settings import ChatSettings

OPENAI = "https://api.openai.com"


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Return dollars."""
        return (self.input * input_tokens + self.output * output_tokens) / 1e6


def price_of(chat: ChatSettings) -> Price | None:
    """Return what the model of these settings costs; None where that is not known.

    The table holds for OpenAI's own address only: what another server asks for a model of the same name it cannot say.
    """
    if chat.is_offline:
        return Price(input=0, output=0)
    if chat.price is not None:
        return chat.price
    if chat.base_url is not None and not chat.base_url.startswith((f"{OPENAI}/", f"{OPENAI}:")):
        return None
    found = _table()["models"].get(chat.model)
    return None if found is None else Price.model_validate(found)


def as_of() -> str:
    """Return the month of the table."""
    return str(_table()["as_of"])


@cache
def _table() -> dict[str, Any]:
    text = (resources.files("configs") / "prices.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table
