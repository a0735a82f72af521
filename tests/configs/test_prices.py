"""What a model costs: by the settings, by the table for its own address alone, or not known."""

from __future__ import annotations

from typing import Any

import pytest

from configs.errors import SettingsError
from configs.prices import Price, as_of, price_of
from configs.settings import ChatSettings, load_settings


@pytest.mark.parametrize(
    ("chat", "price"),
    [
        pytest.param({}, Price(input=0, output=0), id="the offline planner"),
        pytest.param({"api_key": "k", "model": "gpt-4o"}, Price(input=2.5, output=10), id="a known model"),
        pytest.param(
            {"api_key": "k", "model": "gpt-4o", "base_url": "https://api.openai.com/v1"},
            Price(input=2.5, output=10),
            id="at its own address",
        ),
        pytest.param({"base_url": "http://localhost:8080/v1", "model": "gpt-4o"}, None, id="another's server"),
        pytest.param({"api_key": "k", "base_url": "https://api.openai.com.evil.example/v1"}, None, id="a look-alike"),
        pytest.param({"api_key": "k", "model": "some-model"}, None, id="a model that is not in the table"),
        pytest.param(
            {"base_url": "http://localhost/v1", "price": {"input": 3, "output": 4}}, Price(input=3, output=4), id="own"
        ),
    ],
)
def test_the_price_of_a_model(chat: dict[str, Any], price: Price | None) -> None:
    assert price_of(ChatSettings.model_validate(chat)) == price


def test_the_cost_is_counted_by_the_million() -> None:
    assert Price(input=2, output=8).cost(500_000, 250_000) == pytest.approx(3)


def test_a_limit_of_money_needs_a_price() -> None:
    limited = {"loop.max_cost": 1, "chat.api_key": "k", "chat.model": "some-model"}
    with pytest.raises(SettingsError, match=r"'some-model' is not known.*chat\.price\.input"):
        load_settings(overrides=limited, environment={})
    known = limited | {"chat.price.input": 1, "chat.price.output": 2}
    assert load_settings(overrides=known, environment={}).loop.max_cost == 1


def test_the_table_says_of_which_month_it_is() -> None:
    year, month = as_of().split("-")
    assert (len(year), 1 <= int(month) <= 12) == (4, True)
