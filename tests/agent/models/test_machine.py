from __future__ import annotations

import pytest

from agent.models import machine
from configs.preset_files import preset_names
from configs.settings import load_settings


@pytest.fixture
def _all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: name)


@pytest.mark.usefixtures("_all_packages")
@pytest.mark.parametrize(
    ("gpu_gb", "best"),
    [
        (79.1, "qwen-edit-80gb"),
        (23.6, "klein-16gb"),
        (15.7, "klein-16gb"),
        (11.6, "klein-8gb"),
        (7.7, "klein-8gb"),
        (5.9, None),
        (None, None),
    ],
)
def test_the_best_preset_is_the_first_that_the_gpu_holds(gpu_gb: float | None, best: str | None) -> None:
    assert machine.best_preset(gpu_gb) == best


def test_without_the_packages_it_is_the_best_that_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert machine.best_preset(16.0) == "gligen-sd14"


@pytest.mark.usefixtures("_all_packages")
def test_what_is_lacking_is_said() -> None:
    klein = load_settings("klein-16gb")
    assert machine.lacking(klein, 15.9) == ()
    assert machine.lacking(klein, 7.7) == ("a GPU with 16 GB (this one has 8)",)
    assert machine.lacking(klein, None) == ("a GPU with 16 GB (none is here)",)
    assert machine.lacking(load_settings("iconworld"), None) == ()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "bitsandbytes" else name)
    (said,) = machine.lacking(load_settings("klein-8gb"), 8.0)
    assert said == "the packages of pip install 'sld-agent[engines]' (bitsandbytes)"


def test_every_preset_says_its_licence_and_none_forbids_commerce() -> None:
    for name in preset_names():
        about = load_settings(name).about
        assert about is not None, name
        assert about.licence
        assert about.commercial
    assert set(machine.RANKING) <= set(preset_names())


@pytest.mark.usefixtures("_all_packages")
def test_a_service_needs_a_key_or_an_address() -> None:
    assert "a key (OPENAI_API_KEY), or a server at chat.base_url" in machine.lacking(
        load_settings("openai", {}, {}), None
    )
    there = load_settings("openai", {"chat.base_url": "http://127.0.0.1:1/v1"}, {})
    assert not [said for said in machine.lacking(there, None) if "key" in said]
