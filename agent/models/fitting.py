"""Making an answer fit its schema where it has one meaning: a text for a list, one operation instead of several.

Small models know what to say and not how to write it down. What is changed is told, so that a trace shows it;
what could mean several things stays as it is, and validation says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPERS = ("arguments", "parameters", "args", "input")
NAMES = ("name", "tool", "function", "tool_name")
CORNERS = ("x", "y", "w", "h"), ("x", "y", "width", "height")


def fitted(value: Any, schema: Mapping[str, Any], notes: list[str]) -> Any:
    """Return ``value`` as a strict ``schema`` wants it, as far as that is certain; ``notes`` gets what changed."""
    if isinstance(value, dict) and not _keys(schema) & set(value):
        value = _unwrapped(value, notes)
    return _fit(value, schema, schema.get("$defs", {}), notes, "")


def _keys(schema: Mapping[str, Any]) -> set[str]:
    return set(schema.get("properties", {}))


def _unwrapped(value: dict[str, Any], notes: list[str]) -> Any:
    """Return what stands inside ``{"name": ..., "arguments": {...}}``, which was not asked for."""
    for key in WRAPPERS:
        inside = value.get(key)
        if isinstance(inside, (dict, list, str)) and any(name in value for name in NAMES):
            notes.append(f"read what stands in {key!r}")
            return inside
    return value


def _fit(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], notes: list[str], place: str) -> Any:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        chosen = _variant(value, schema["anyOf"], defs)
        return value if chosen is None else _fit(value, chosen, defs, notes, place)
    kind = schema.get("type")
    if isinstance(value, str) and kind in ("array", "object") and value.strip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return value
        notes.append(f"{place or 'the answer'}: read the JSON inside a text")
    match kind:
        case "array":
            return _fit_list(value, schema, defs, notes, place)
        case "object":
            return _fit_object(value, schema, defs, notes, place)
        case "number" | "integer" if isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
            notes.append(f"{place}: read a number in a text")
            return float(value) if "." in value else int(value)
        case "string" if value is None:
            return ""
        case "null":
            notes.append(f"{place}: read an empty text as nothing")
            return None
    return value


def _fit_list(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], notes: list[str], place: str) -> Any:
    items = schema.get("items", {})
    if value is None:
        return []
    if isinstance(value, dict) and schema.get("maxItems") == 4:
        corners = next((names for names in CORNERS if set(names) == set(value)), None)
        if corners is None:
            return value
        notes.append(f"{place}: read a box from its named sides")
        return [value[name] for name in corners]
    if isinstance(value, str) and items.get("type") == "string":
        parts = [part.strip() for part in re.split(r",|\band\b", value) if part.strip()]
        notes.append(f"{place}: read a text as a list")
        return parts
    if isinstance(value, dict):
        notes.append(f"{place}: read one item as a list of one")
        value = [value]
    if not isinstance(value, list):
        return value
    return [_fit(item, items, defs, notes, f"{place}[{number}]") for number, item in enumerate(value)]


def _fit_object(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], notes: list[str], place: str) -> Any:
    known = schema.get("properties", {})
    lists = [key for key, given in known.items() if given.get("type") == "array"]
    if isinstance(value, list) and lists:
        notes.append(f"read a list as {lists[0]!r}")
        value = {lists[0]: value}
    if not isinstance(value, dict):
        return value
    if not set(known) & set(value) - {"name"} and "op" in value and "operations" in known:
        notes.append("read one operation as a list of one")
        value = {"operations": [value]}
    value = _compared(value, known, notes, place)
    fit = {}
    for key, item in value.items():
        if key not in known:
            if item in (None, "", [], {}):
                notes.append(f"{place}: left out the empty {key!r}")
                continue
            if "op" in known:  # an operation that says more than it can: the id of a new object, an old box
                notes.append(f"{place}: left out {key!r}, which this operation does not take")
                continue
            fit[key] = item
        elif item is None and not _takes_null(known[key], defs) and known[key].get("type") not in ("array", "string"):
            notes.append(f"{place}: left out the empty {key!r}")
        else:
            fit[key] = _fit(item, known[key], defs, notes, f"{place}.{key}".lstrip("."))
    return fit


def _compared(value: dict[str, Any], known: Mapping[str, Any], notes: list[str], place: str) -> dict[str, Any]:
    """Return a relation with its factor at the one predicate that takes one: "bigger than" twice is "as big as"."""
    if not {"factor", "predicate"} <= set(known) or not value.get("factor") or value.get("predicate") == "as big as":
        return value
    if value.get("predicate") == "bigger than" and value["factor"] != 1:
        notes.append(f"{place}: read 'bigger than' with a factor as 'as big as'")
        return value | {"predicate": "as big as"}
    notes.append(f"{place}: left out the factor, which 'as big as' alone takes")
    return value | {"factor": None}


def _takes_null(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> bool:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    return schema.get("type") == "null" or any(_takes_null(item, defs) for item in schema.get("anyOf", []))


def _variant(value: Any, variants: list[Mapping[str, Any]], defs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the variant that a value is meant as: by its ``op``, or the only one that is no null."""
    resolved = [defs[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in variants]
    if value is None and any(item.get("type") == "null" for item in resolved):
        return None
    if isinstance(value, dict) and "op" in value:
        return next((item for item in resolved if item["properties"]["op"].get("const") == value["op"]), None)
    if value == "" and len(resolved) > 1 and any(item.get("type") == "null" for item in resolved):
        return {"type": "null"}
    others = [item for item in resolved if item.get("type") != "null"]
    return others[0] if len(others) == 1 else None
