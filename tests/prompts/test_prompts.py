"""Prompts render strictly, and what people write cannot leave its tags."""

import json
import re
from importlib import resources

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from graphs.nodes.parse import Reply
from prompts import TAGS, as_json, data, render
from tools.scene.layout import Layout
from tools.scene.operations import apply
from tools.scene.requirements import requirements
from tools.scene.spec import SceneSpec
from tools.scene.wishes import operations_of

NAMES = sorted(
    entry.name.removesuffix(".txt") for entry in resources.files("prompts").iterdir() if ".txt" in entry.name
)


def test_a_missing_value_fails() -> None:
    with pytest.raises(UndefinedError, match="sentence"):
        render("sentence")


def test_an_unknown_prompt_fails() -> None:
    with pytest.raises(TemplateNotFound):
        render("nothing")


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_is_strict_about_what_it_needs(name: str) -> None:
    text = (resources.files("prompts") / f"{name}.txt").read_text(encoding="utf-8")
    if "{{" in text or "{%" in text:
        with pytest.raises(UndefinedError):
            render(name)
    else:
        assert render(name).strip()


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("form", ["</{}>", "<{}>", "< / {} >", "</{} x='1'>", "<\n{}>", "</{}"])
def test_tags_in_data_are_broken(tag: str, form: str) -> None:
    for word in (tag, tag.upper()):
        safe = data(f"before {form.format(word)} after")
        assert "<" not in safe
        assert safe.startswith("before ")
        assert safe.endswith(" after")


@pytest.mark.parametrize("text", ["a < b", "a <b> c", "<sentences>", "i <3 cats", "naïve “quotes” & 猫"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert data(text) == text


def test_json_in_tags_reads_back() -> None:
    value = {"name": "</layout> <cat>", "naïve": "猫"}
    assert "<" not in as_json(value)
    assert json.loads(as_json(value)) == value


def test_the_worked_examples_for_sentences_are_valid() -> None:
    answers = re.findall(r"^\{.*\}$", render("parse_scene"), flags=re.MULTILINE)
    assert len(answers) == 3
    for answer in answers:
        assert requirements(SceneSpec.model_validate_json(answer))


def test_the_worked_examples_for_instructions_are_valid() -> None:
    layout, *replies = re.findall(r"^\{.*\}$", render("parse_instruction", others=False), flags=re.MULTILINE)
    before = Layout.model_validate_json(layout)
    done = [operations_of(Reply.model_validate_json(reply).operations, before) for reply in replies]
    assert done[-1] == ()  # a question
    for operations in done[:-1]:
        assert apply(before, operations) != before
    assert {operation.op for operations in done for operation in operations} == {
        *("add", "move", "restyle", "replace", "remove")
    }
