import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli.batch_file import BatchError, read_items, read_layout, read_spec

PARSE = {
    "objects": [["bicycle", ["blue"]], ["seagull", [None, None, None]]],
    "bg_prompt": "A beach",
    "neg_prompt": None,
}


@pytest.mark.parametrize(
    ("given", "objects", "absent"),
    [
        pytest.param(PARSE, [("bicycle", ["blue"], 1), ("seagull", [], 3)], [], id="instances are counted"),
        pytest.param(
            {"objects": [["motorcycle", ["green", "blue"]]], "bg_prompt": ""},
            [("motorcycle", ["green"], 1), ("motorcycle", ["blue"], 1)],
            [],
            id="attributes apart",
        ),
        pytest.param(
            {"objects": [["car", ["red", None, "red"]]], "bg_prompt": None},
            [("car", ["red"], 2), ("car", [], 1)],
            [],
            id="mixed",
        ),
        pytest.param(
            {"objects": [["dog", ["sleeping"]], ["shadows", [None]]], "bg_prompt": "grass", "neg_prompt": "shadows"},
            [("dog", ["sleeping"], 1)],
            ["shadow"],
            id="unwanted objects are only looked for",
        ),
        pytest.param(
            {"objects": [], "bg_prompt": "", "neg_prompt": "Cats, black dogs"},
            [],
            ["cat", "black dog"],
            id="two absent",
        ),
        pytest.param({"objects": [["palm tree", []], ["cup", [None]]]}, [("cup", [], 1)], [], id="no instance is none"),
        pytest.param({"objects": [], "neg_prompt": "None"}, [], [], id="nothing unwanted"),
        pytest.param({"objects": [], "neg_prompt": "null"}, [], [], id="nothing unwanted, as null"),
        pytest.param({"objects": [], "neg_prompt": "N/A"}, [], [], id="nothing unwanted, as N/A"),
        pytest.param({"objects": [], "neg_prompt": "none, cats"}, [], ["cat"], id="one unwanted"),
        pytest.param({"objects": [["palm tree", []], ["cat", [None]]]}, [("cat", [], 1)], [], id="none is none"),
        *(
            pytest.param(
                {"objects": [["cat", [None]]], "bg_prompt": word, "neg_prompt": word},
                [("cat", [], 1)],
                [],
                id=f"{word!r}",
            )
            for word in ("None", "none", "null", "N/A", "n/a", "nothing", "-", " ", "NULL", "no")
        ),
        pytest.param(
            {"objects": [{"name": "cup", "attributes": ["blue"], "count": 2}], "absent": ["dog"]},
            [("cup", ["blue"], 2)],
            ["dog"],
            id="our own form",
        ),
    ],
)
def test_parses_in_both_forms_are_read(
    given: Any, objects: list[tuple[str, list[str], int]], absent: list[str]
) -> None:
    spec = read_spec(given)

    assert [(one.name, list(one.attributes), one.count) for one in spec.objects] == objects
    assert list(spec.absent) == absent


def test_the_background_is_taken_over() -> None:
    assert read_spec(PARSE).background == "A beach"


@pytest.mark.parametrize(
    "given",
    [
        7,
        "two cats",
        [],
        {"objects": "cat"},
        {"objects": [["cat"]]},
        {"objects": [["", [None]]], "bg_prompt": ""},
        {"x": 1},
    ],
)
def test_other_parses_are_refused(given: Any) -> None:
    with pytest.raises(BatchError, match="llm_parsed_prompt"):
        read_spec(given)


def test_a_layout_in_slds_form_is_read() -> None:
    layout = read_layout(
        [
            ["blue bicycle #1", [0.2, 0.667, 0.423, 0.255]],
            ["seagull #8", [0.386, 0.091, 0.253, 0.139]],
            ["robotic dog #1", [0.1, 0.1, 0.2, 0.2]],
            ["palm tree", [0.0, 0.0, 0.5, 0.8]],
        ],
        {"dog"},
        "a beach",
    )

    assert [(one.id, one.name, one.attributes) for one in layout.objects] == [
        ("bicycle #1", "bicycle", ("blue",)),
        ("seagull #8", "seagull", ()),
        ("dog #1", "dog", ("robotic",)),
        ("palm tree #1", "palm tree", ()),
    ]
    assert layout.objects[0].box == (0.2, 0.667, 0.423, 0.255)
    assert layout.background == "a beach"


def test_numbers_that_clash_after_splitting_are_given_anew() -> None:
    boxes = [["green motorcycle #1", [0.0, 0.3, 0.4, 0.6]], ["blue motorcycle #1", [0.5, 0.3, 0.4, 0.6]]]

    assert read_layout(boxes, set()).ids == ("motorcycle #1", "motorcycle #2")


def test_boxes_that_leave_the_picture_are_clipped() -> None:
    layout = read_layout([["cat #1", [0.557, 0.27, 0.447, 0.738]]], set())

    assert layout.objects[0].box.box_xyxy == pytest.approx((0.557, 0.27, 1.0, 1.0))


@pytest.mark.parametrize(
    "given",
    [
        7,
        [["cat #1"]],
        [["cat #1", [0, 0, 1]]],
        [["cat #1", [0, 0, 0, 0.5]]],
        [["cat #1", [2.0, 0, 0.1, 0.1]]],
        [["dog #1", [0.1, 0.1, 0.3, 0.4]], ["cat #1", [0.5, 0.4, 0.9, 0.8]]],
        [["cat #1", [0, 0, float("nan"), 1]]],
        [["", [0, 0, 1, 1]]],
        {"objects": 3},
        [["cat #1", [0.5, 0.5, 0.9, 0.9]]],
        [["cat #1", [0.2, 0.3, 0.4, 0.95]]],
    ],
)
def test_other_layouts_are_refused(given: Any) -> None:
    with pytest.raises(BatchError, match="llm_layout_suggestions"):
        read_layout(given, set())


ITEM = {"input_fname": "a", "output_dir": "a", "prompt": "a cat"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "not JSON", id="broken"),
        pytest.param("[" * 100_000, "not JSON", id="too deep"),
        pytest.param("{}", "list|tuple|array", id="no list"),
        pytest.param(json.dumps([{"prompt": "x"}]), "input_fname", id="missing field"),
        pytest.param(json.dumps([ITEM | {"prompt": " "}]), "prompt", id="empty prompt"),
        pytest.param(json.dumps([ITEM, ITEM]), "output_dir", id="same place twice"),
        pytest.param("\ufeff[]".encode("utf-16").decode("latin1"), "not JSON", id="other encoding"),
    ],
)
def test_an_unusable_file_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)

    with pytest.raises(BatchError, match=message):
        read_items(path)


def test_items_are_read_and_extra_keys_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([ITEM | {"generator": "dalle", "llm_parsed_prompt": None, "comment": "x"}]))

    (item,) = read_items(path)

    assert (item.prompt, item.generator, item.spec(), item.layout()) == ("a cat", "dalle", None, None)
