from __future__ import annotations

import re

import numpy as np
import torch

from iconworld.captions import NUMBERS, PLURALS, WORDS, caption
from iconworld.renderer import CLASSES, COLORS, draw_scene
from iconworld.tokenizer import PROMPT_LENGTH, build_tokenizer


def captions(number):
    for seed in range(number):
        scene = draw_scene(seed)
        yield scene, caption(np.random.default_rng(seed), scene.objects, scene.background)


def test_captions_count_truly():
    seen = 0
    for scene, text in captions(300):
        for number, color, plural in re.findall(rf"({'|'.join(NUMBERS[2:])}) (?:(\w+) )?(\w+s)\b", text):
            name = next((name for name, many in PLURALS.items() if many == plural), None)
            if name is None:
                continue
            there = [one for one in scene.objects if one.name == name and color in ("", one.color)]
            # the other objects of the class may be told apart, after a relation
            assert len(there) >= NUMBERS.index(number)
            seen += 1
    assert seen > 30


def test_what_is_absent_is_absent():
    said = 0
    for scene, text in captions(300):
        if "without" in text:
            said += 1
            missing = next(name for name in CLASSES if re.search(rf"without (an? )?{name}", text))
            assert all(one.name != missing for one in scene.objects)
    assert said > 10


def test_all_forms_are_used():
    text = "\n".join(text for _, text in captions(400))
    for form in (
        r"on the left of",
        r"on the right and",
        r"above",
        r"without",
        r"realistic photo",
        r"on a beach",
        r"two",
    ):
        assert re.search(form, text), form


def test_every_word_is_one_token_and_fits():
    tokenizer = build_tokenizer(PROMPT_LENGTH)
    assert all(len(tokenizer.tokenize(word)) == 1 for word in WORDS)
    for _, text in captions(300):
        assert len(tokenizer(text).input_ids) <= PROMPT_LENGTH


def test_the_end_token_has_the_highest_id():
    tokenizer = build_tokenizer()
    assert tokenizer.eos_token_id == len(tokenizer) - 1  # where CLIP and OWLv2 pool
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    ids = torch.tensor(tokenizer("a red dog", padding="max_length").input_ids)
    assert int(ids.argmax()) == 4


def test_every_color_and_class_is_known():
    assert {*COLORS, *CLASSES, *PLURALS.values()} <= WORDS
