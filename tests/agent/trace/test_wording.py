import pytest
import yaml

from agent.trace.wording import duration, money, pretty, without_boxes


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "time not known"),
        (0.0124, "12 ms"),
        (9.84, "9.8 s"),
        (119.7, "2 min 0 s"),
        (183.1, "3 min 3 s"),
        (3599.9, "60 min 0 s"),
    ],
)
def test_a_time_is_said_as_a_person_would(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_a_text_of_many_lines_is_shown_line_by_line() -> None:
    value = {"step": 4, "messages": [{"type": "human", "content": "<verdict>\nFAIL two cars\n</verdict>\n"}]}

    shown = pretty(value)

    assert "\n    FAIL two cars\n" in shown
    assert "\n\n" not in shown
    assert yaml.safe_load(shown + "\n") == value


@pytest.mark.parametrize(
    ("cost", "told"),
    [(None, ""), (0.0, ""), (3.456, "$3.46"), (0.576, "$0.58"), (0.0123, "$0.012"), (0.00002, "less than $0.0001")],
)
def test_money_is_told_with_the_digits_that_matter(cost: float | None, told: str) -> None:
    assert money(cost) == told


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("added 'cup #1' (cup) at [0.06, 0.1, 0.2, 0.2]", "added 'cup #1' (cup) at the upper left"),
        ("will add 'cup #1' (cup) at [0.4, 0.4, 0.2, 0.2]", "will add 'cup #1' (cup) in the middle"),
        ("moved 'c #1' from [0, 0, 0.2, 0.2] to [0.8, 0.4, 0.2, 0.2]", "moved 'c #1' to the right"),
        ("moved 'c #1' from [0.4, 0.4, 0.2, 0.2] to [0.3, 0.3, 0.4, 0.4]", "moved 'c #1' to a larger size"),
        ("'c #1' is on the left, at [0.05, 0.6, 0.25, 0.25] (x, y, width, height).", "'c #1' is on the left."),
        ("expected no cup, found cup at (0.64, 0.24)", "expected no cup, found cup at the top"),
        ("expected one cup, found none", "expected one cup, found none"),
    ],
)
def test_places_are_said_in_words(said: str, shown: str) -> None:
    assert without_boxes(said) == shown
