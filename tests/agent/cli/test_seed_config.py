from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.cli.options import UserMistake
from agent.cli.seed_config import read_config
from configs.settings import EditorSettings, load_settings
from tests.agent.cli.test_batch import Bench, bench, item, write
from tests.agent.jobs import FIRST, SECOND, SPEC
from tests.scripted import ScriptedChat

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bench"]

DEMO = """
[openai]
organization = YOUR_OPENAI_ORGANIZATION_ID
api_key = YOUR_OPENAI_API_KEY
model = "gpt-4"

[dalle]
attr_detection_threshold = 0.6
nms_threshold = 0.5

[SLD]
default_seed = 78
inv_seed = 37
attr_detection_threshold = 0.45
prim_detection_threshold = 0.25
nms_threshold = 0.15
SAM_refine_dilate = 5
diffedit_guidance_scale = 15.5
diffedit_inpaint_strength = 0.87
frozen_step_ratio = 0.4
num_rounds = 1
colour = 3

[eval]
nms_threshold = 0.15
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "config.ini").write_text(DEMO)
    return tmp_path / "config.ini"


def test_its_keys_become_settings(file: Path) -> None:
    config = read_config(file)
    preset = load_settings("gligen-sd14", environment={})
    settings = load_settings("gligen-sd14", config.fitting(preset), environment={})
    editor = settings.editor
    assert isinstance(editor, EditorSettings)
    assert config.seed == 78
    assert (settings.chat.model, settings.loop.rounds) == ("gpt-4", 1)
    assert settings.chat.api_key is None
    assert (settings.detector.attribute_threshold, settings.detector.threshold, settings.detector.nms) == (
        0.45,
        0.25,
        0.15,
    )
    assert (editor.dilation, editor.frozen_step_ratio) == (2, 0.4)
    assert (editor.restyle_guidance, editor.restyle_strength) == (15.5, 0.87)
    assert (settings.generators["dalle"].nms, settings.generators["dalle"].threshold) == (0.5, 0.2)


def test_what_says_nothing_here_is_named_once_each(file: Path) -> None:
    assert read_config(file).unused == (
        "openai.organization is not used: a key belongs to its organization",
        "openai.api_key is a placeholder",
        "SLD.inv_seed is not used: every seed of a run comes from --seed",
        "SLD.colour is not used",
        "eval.nms_threshold is not used: evaluations have settings of their own",
    )


def test_what_a_preset_has_not_is_named(file: Path) -> None:
    config, photo = read_config(file), load_settings("photo", environment={})
    load_settings("photo", config.fitting(photo), environment={})
    strange = list(config.strange(photo, "photo"))
    assert "editor.restyle_guidance is no setting of the preset photo" in strange
    assert "detector.nms is for another detector than that of the preset photo" in strange


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[SLD]\nnum_rounds = many", "SLD.num_rounds is 'many', which is no number"),
        ("api_key = sk-secret", "no .ini file of SLD's"),
        ("[openai]\napi_key sk-secret", "no .ini file of SLD's"),
    ],
)
def test_a_bad_file_is_one_sentence_without_its_lines(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.ini").write_text(text)
    with pytest.raises(UserMistake, match=said) as caught:
        read_config(tmp_path / "bad.ini")
    assert "secret" not in str(caught.value)
    with pytest.raises(UserMistake, match="cannot read --config"):
        read_config(tmp_path / "missing.ini")


def test_a_batch_follows_it_and_options_go_before_it(bench: Bench, file: Path) -> None:
    write(item("one", generator="dalle"))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND])
    options = ["--preset", "gligen-sd14", "--set", "detector.nms=0.33", "--rounds", "2"]
    result = bench("self_correction", "--config", str(file), *options)
    assert "--config: SLD.inv_seed is not used: every seed of a run comes from --seed" in result.stderr
    (used,) = bench.used
    assert (used.detector.nms, used.detector.threshold, used.loop.rounds) == (0.33, 0.2, 2)
    assert used.detector.attribute_threshold == 0.6  # the generator's own, as its plain one is
    assert '"seed": 78' in (file.parent / "out" / "one" / "run.json").read_text()
