"""Reads the .ini files that SLD's own scripts take (``demo_config.ini``, ``benchmark_config.ini``) as settings.

What has a setting here becomes an override of the preset; what has none, or does not apply to the preset, is named.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.cli.options import fail
from configs.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from configs.settings import Settings

THRESHOLDS = {
    "attr_detection_threshold": "attribute_threshold",
    "prim_detection_threshold": "threshold",
    "nms_threshold": "nms",
}


def _radius(kernel: str) -> int:
    return int(kernel) // 2  # of a square kernel that is so many pixels wide


SLD: dict[str, tuple[str, Callable[[str], Any]]] = {
    **{name: (f"detector.{setting}", float) for name, setting in THRESHOLDS.items()},
    "SAM_refine_dilate": ("editor.dilation", _radius),
    "diffedit_guidance_scale": ("editor.restyle_guidance", float),
    "diffedit_inpaint_strength": ("editor.restyle_strength", float),
    "frozen_step_ratio": ("editor.frozen_step_ratio", float),
    "num_rounds": ("loop.rounds", int),
    "default_seed": ("seed", int),
}
DETECTORS = ("detector.", "generators.")
OPENAI = {"api_key": "chat.api_key", "model": "chat.model"}
WHY = {
    "organization": "a key belongs to its organization",
    "inv_seed": "every seed of a run comes from --seed",
    "bg_seed": "every seed of a run comes from --seed",
    "fg_seed": "every seed of a run comes from --seed",
}


@dataclass(frozen=True)
class SeedConfig:
    """``settings``: by dotted name; ``unused``: a line for each key that says nothing here."""

    settings: dict[str, Any]
    seed: int | None = None
    unused: tuple[str, ...] = ()

    def fitting(self, preset: Settings) -> dict[str, Any]:
        """Return the settings that a preset has. Thresholds are an open detector's: others were tuned for their own."""
        return {name: value for name, value in self.settings.items() if _has(preset, name)}

    def strange(self, preset: Settings, name: str) -> Iterator[str]:
        """Yield a line for each setting that a preset of that name has not."""
        for setting in self.settings:
            if not _has(preset, setting):
                why = "for another detector than that" if setting.startswith(DETECTORS) else "no setting"
                yield f"{setting} is {why} of the preset {name}"


def read_config(file: Path) -> SeedConfig:
    """Read one.

    Raises:
        UserMistake: the file cannot be read, or a value is no number.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names as they are written
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read --config {str(file)!r}: {error}")
    except configparser.Error as error:
        fail(f"--config {str(file)!r} is no .ini file of SLD's: {type(error).__name__}")  # its lines may hold a key
    settings: dict[str, Any] = {}
    unused: list[str] = []
    for section in parser.sections():
        for key, raw in parser.items(section):
            value = raw.strip().strip("\"'")
            if section == "openai" and key in OPENAI and not value.startswith("YOUR_"):
                settings[OPENAI[key]] = value
            elif section == "openai" and key in OPENAI:
                unused.append(f"openai.{key} is a placeholder")
            elif section == "SLD" and key in SLD:
                name, kind = SLD[key]
                settings[name] = _number(kind, value, f"{section}.{key}")
            elif section not in ("openai", "SLD", "eval") and key in THRESHOLDS:
                settings[f"generators.{section}.{THRESHOLDS[key]}"] = _number(float, value, f"{section}.{key}")
            else:
                why = "evaluations have settings of their own" if section == "eval" else WHY.get(key)
                unused.append(f"{section}.{key} is not used" + (f": {why}" if why else ""))
    return SeedConfig(settings, settings.pop("seed", None), tuple(unused))


def _number(kind: Callable[[str], Any], value: str, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        fail(f"--config: {name} is {value!r}, which is no number")


def _has(preset: Settings, name: str) -> bool:
    section, _, field = name.partition(".")
    part = getattr(preset, section, None)
    if name.startswith(DETECTORS):
        return isinstance(preset.detector, DetectorSettings) and not preset.detector.closed
    return part is not None and field in type(part).model_fields
