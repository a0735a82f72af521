"""Reads batch files in SLD's format, and the two forms of parse and layout that may stand in them.

SLD's parse lists, per noun, one attribute or null for each instance::

    {"objects": [["car", ["red", null]]], "bg_prompt": "a street", "neg_prompt": "people"}

and its layout is a list of ``["red car #1", [x, y, w, h]]``. This project's own `SceneSpec` and
`Layout` are taken as well. SLD's parse says nothing of places: the prompt is read for those. Boxes of SLD's
layouts may leave the picture a little; they are clipped. Corners in the place of sizes are refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from configs.errors import in_words
from tools.files import read_file
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.lexicon import parse_phrase, singular
from tools.scene.spec import SceneObject, SceneSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OUTSIDE = 0.1  # by how much a box may leave the picture; more is no box of the form [x, y, w, h]
NOTHING = frozenset({"", "none", "null", "nil", "n/a", "na", "nothing", "no", "-"})  # what a model writes for no object
MAX_BYTES = 16 * 2**20

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class BatchError(ValueError):
    """A batch file that cannot be used; the message says which item and what is wrong with it."""


class Item(BaseModel):
    """One entry of a batch file, as it stands there. Unknown keys are left alone: SLD's files carry some."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    input_fname: Text = Field(description="name of the picture in the input folder, with or without .png")
    output_dir: Text = Field(description="name of the result's folder in the output folder")
    prompt: Text
    generator: str | None = Field(default=None, description="chooses the preset's thresholds for this generator")
    llm_parsed_prompt: Any = None
    llm_layout_suggestions: Any = None

    def spec(self) -> SceneSpec | None:
        """Return the given parse, None where it is left to the language model.

        Raises:
            BatchError: it is neither SLD's form nor a `SceneSpec`.
        """
        return None if self.llm_parsed_prompt is None else read_spec(self.llm_parsed_prompt)

    @property
    def is_placeless(self) -> bool:
        """Whether the given parse is in SLD's form, which has no places."""
        return self.llm_parsed_prompt is not None and _is_sld(self.llm_parsed_prompt)

    def layout(self) -> Layout | None:
        """Return the given target layout, None where it is left to the language model.

        Raises:
            BatchError: it is neither SLD's form nor a `Layout`.
        """
        if self.llm_layout_suggestions is None:
            return None
        spec = self.spec()
        names = {placed.name for placed in spec.objects} if spec else set()
        return read_layout(self.llm_layout_suggestions, names, spec.background if spec else "")


def read_items(path: Path) -> tuple[Item, ...]:
    """Return the items of a batch file.

    Raises:
        BatchError: it cannot be read, is no JSON list, or an item is not valid.
    """
    try:
        items = TypeAdapter(tuple[Item, ...]).validate_python(json.loads(read_file(path, MAX_BYTES)))
    except OSError as error:
        raise BatchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except ValidationError as error:
        raise BatchError(f"{path.name!r}: {_problems(error)}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, BatchError):
            raise
        raise BatchError(f"{path.name!r} is not JSON: {error}") from None
    twice = [name for name, count in Counter(item.output_dir for item in items).items() if count > 1]
    if twice:
        raise BatchError(f"{path.name!r}: items must not share an output_dir, but {twice[0]!r} stands there twice")
    return items


def read_spec(given: Any) -> SceneSpec:
    """Return a parse given in SLD's form or as a `SceneSpec`.

    Raises:
        BatchError: it is neither.
    """
    try:
        if _is_sld(given):
            return _sld_spec(_SldParse.model_validate(given))
        return SceneSpec.model_validate(given)
    except ValidationError as error:
        raise BatchError(f"llm_parsed_prompt: {_problems(error)}") from None


def read_layout(given: Any, names: set[str], background: str = "") -> Layout:
    """Return a layout given in SLD's form or as a `Layout`; ``names`` are nouns known from the parse.

    Raises:
        BatchError: it is neither.
    """
    try:
        if isinstance(given, dict):
            return Layout.model_validate(given)
        layout = Layout(background=background)
        for label, values in _SLD_LAYOUT.validate_python(given):
            name, attributes, number = _split(label, names)
            wanted = f"{name} #{number}"
            object_id = layout.new_id(name) if wanted in layout.ids else wanted
            _check_form(label, values)
            placed = PlacedObject(id=object_id, name=name, attributes=attributes, box=Box(*values).clipped())
            layout = Layout(objects=(*layout.objects, placed), background=background)
    except ValidationError as error:
        raise BatchError(f"llm_layout_suggestions: {_problems(error)}") from None
    return layout


class _SldParse(BaseModel):
    objects: list[tuple[Text, list[str | None]]]
    bg_prompt: str | None = ""
    neg_prompt: str | None = None


_Finite = Annotated[float, Field(ge=-1, le=2, allow_inf_nan=False)]
_SLD_LAYOUT = TypeAdapter(list[tuple[Text, tuple[_Finite, _Finite, _Finite, _Finite]]])


def _is_sld(given: Any) -> bool:
    if not isinstance(given, dict):
        return False
    objects = given.get("objects")
    if "bg_prompt" in given or "neg_prompt" in given:
        return True
    return isinstance(objects, list) and any(isinstance(entry, (list, tuple)) for entry in objects)


def _sld_spec(parse: _SldParse) -> SceneSpec:
    unwanted = (phrase.strip().lower() for phrase in (parse.neg_prompt or "").split(","))
    absent = tuple(singular(phrase) for phrase in unwanted if phrase.strip(" .'\"") not in NOTHING)
    objects = []
    for noun, instances in parse.objects:
        name = singular(noun.lower())
        if name in absent:
            continue  # SLD lists an unwanted object too, so that its detector looks for it
        for attribute, count in Counter(instance.strip() if instance else "" for instance in instances).items():
            objects.append(SceneObject(name=name, attributes=(attribute,) if attribute else (), count=count))
    return SceneSpec(objects=tuple(objects), absent=absent, background=_unless_none(parse.bg_prompt))


def _unless_none(text: str | None) -> str:
    """Return the text, "" where it only says that there is none."""
    plain = (text or "").strip()
    return "" if plain.lower() in NOTHING else plain


def _check_form(label: str, values: Sequence[float]) -> None:
    x, y, w, h = values
    if x + w > 1 + OUTSIDE or y + h > 1 + OUTSIDE or min(x, y) < -OUTSIDE:
        corners = " (these look like corners [x0, y0, x1, y1])" if w > x and h > y else ""
        raise BatchError(
            f"llm_layout_suggestions: {label!r} with {list(values)} leaves the picture{corners}: "
            "give [x, y, width, height] in fractions of the picture"
        )


def _split(label: str, names: set[str]) -> tuple[str, tuple[str, ...], int]:
    """Split "robotic dog #2" into noun, attributes and number; a noun of the parse wins over the vocabulary."""
    match = re.fullmatch(r"(.*?)\s*(?:#\s*(\d{1,6}))?", label.strip().lower())
    phrase, number = (match[1], int(match[2] or 1)) if match else (label, 1)
    words = phrase.split()
    for start in range(len(words)):
        if " ".join(words[start:]) in names:
            return " ".join(words[start:]), tuple(words[:start]), number
    query = parse_phrase(phrase)
    return query.name, query.attributes, number


def _problems(error: ValidationError) -> str:
    return in_words(error.errors(include_url=False, include_context=False), show_input=True)
