"""The presets: those that ship beside this file, and YAML files of a user's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from configs.errors import SettingsError


def preset_names() -> tuple[str, ...]:
    """Return the presets that ship with the project."""
    folder = resources.files("configs") / "presets"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def read_preset(preset: str) -> dict[str, Any]:
    """Return the sections of a preset (a shipped name or a path to a YAML file), not yet validated.

    Raises:
        SettingsError: there is none of that name, or it cannot be read.
    """
    if preset in preset_names():
        text = (resources.files("configs") / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")
    elif preset.endswith((".yaml", ".yml")):
        if Path(preset).exists() and not Path(preset).is_file():
            raise SettingsError(f"cannot read preset {preset!r}: it is not an ordinary file")
        try:
            text = Path(preset).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read preset {preset!r}: {error}") from None
    else:
        raise SettingsError(f"no preset {preset!r}: choose one of {', '.join(preset_names())}, or a path to a .yaml")
    tree = read_yaml(text, f"preset {preset!r}")
    if not isinstance(tree, dict):
        raise SettingsError(f"preset {preset!r} must be a YAML mapping of sections, not {type(tree).__name__}")
    return tree


def read_yaml(text: str, what: str) -> Any:
    """Return what a YAML text says.

    Raises:
        SettingsError: it is none; the message tells the place and not the line itself, which may hold a key.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise SettingsError(f"{what} is not valid YAML{place}: put text with special characters in quotes") from None
