"""The settings as a page of the manual, made from the models themselves: nothing is written down twice."""

from __future__ import annotations

from typing import Any

from configs.preset_files import preset_names
from configs.prices import as_of
from configs.settings import Settings, load_settings

INTRODUCTION = """\
# Settings

Every value of a preset, made from the code of this version. One place decides which holds: the command line
(`--set editor.steps=20`) before the environment (`SLD_EDITOR__STEPS=20`) before the preset's file before the default
below. A setting is named with its section and a dot: `loop.rounds`. A name that does not exist is refused.
"""
WORDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "none"}

BRIEF = ("Price", "Thresholds")  # told in the row of what has them


def settings_page() -> str:
    """Return Markdown: a section for each part of the tree, a row for each field."""
    schema = Settings.model_json_schema()
    models: dict[str, Any] = schema["$defs"]
    parts = [INTRODUCTION]
    told: list[str] = []
    for name, field in schema["properties"].items():
        kinds = [model for model in _referred(field) if "properties" in models[model]]
        parts.append(f"## {name}\n")
        if field.get("description"):
            parts.append(f"*{field['description']}*\n")
        for kind in kinds if name not in ("generators",) else ():
            if kind in told:
                parts.append(f"As above: {kind}.\n")
                continue
            told.append(kind)
            parts.append(_section(models[kind], models, titled=len(kinds) > 1))
            inner = [name for value in models[kind]["properties"].values() for name in _referred(value)]
            for name_within in dict.fromkeys(inner):
                if name_within not in (*told, *BRIEF) and "properties" in models[name_within]:
                    told.append(name_within)
                    parts.append(_section(models[name_within], models, titled=True))
        if not kinds or name == "generators":
            parts.append(f"Takes: {_what(field, models)}. Default: {_default(field)}.\n")
    parts.append(f"List prices of models (`loop.max_cost`, `chat.price`) are of {as_of()}.\n")
    parts += _presets()
    return "\n".join(parts)


def _section(model: dict[str, Any], models: dict[str, Any], *, titled: bool) -> str:
    rows = [
        f"| `{field}` | {_what(value, models)} | {_default(value)} | {_cell(value.get('description', ''))} |"
        for field, value in model["properties"].items()
    ]
    head = f"### {model['title']}\n\n" if titled else ""
    table = "\n".join(["| setting | takes | default | meaning |", "|---|---|---|---|", *rows])
    return f"{head}{model.get('description', '')}\n\n{table}\n"


def _what(field: dict[str, Any], models: dict[str, Any]) -> str:
    """Return the values that a field takes, in words."""
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        model = models[field["$ref"].rpartition("/")[2]]
        inner = ", ".join(f"`{name}`" for name in model.get("properties", {}))
        return f"a section of {inner}" if inner else _what(model, models)
    for choice in ("anyOf", "oneOf"):
        if choice in field:
            return " or ".join(dict.fromkeys(_what(option, models) for option in field[choice]))
    if field.get("type") == "array":
        items = field.get("items") or {"type": "string"}
        return f"a list of {_what(items, models)}"
    if field.get("type") == "object":
        return f"names with {_what(field.get('additionalProperties') or {}, models)}"
    return WORDS.get(str(field.get("type")), "any value") + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = ", ".join(f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field)
    return f" {told}" if told else ""


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "must be given"
    value = field["default"]
    if value is None or value in ({}, []):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _referred(field: dict[str, Any]) -> list[str]:
    """Return the names of the models that a field may hold."""
    if "$ref" in field:
        return [field["$ref"].rpartition("/")[2]]
    found = [name for choice in ("anyOf", "oneOf") for option in field.get(choice, ()) for name in _referred(option)]
    extra = field.get("additionalProperties")
    return found + (_referred(extra) if isinstance(extra, dict) else [])


def _presets() -> list[str]:
    """Return what each shipped preset sets, as far as it differs from the default."""
    parts = ["## What the presets set\n"]
    for name in preset_names():
        tree = load_settings(name, environment={}).model_dump(mode="json", exclude_defaults=True)
        rows = [f"| `{path}` | {_cell(f'`{value}`')} |" for path, value in _leaves(tree)]
        parts.append("\n".join([f"### {name}\n", "| setting | value |", "|---|---|", *rows]) + "\n")
    return parts


def _leaves(tree: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        path = f"{above}.{key}" if above else key
        found += _leaves(value, path) if isinstance(value, dict) and value else [(path, value)]
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
