"""The 553 prompts of GenEval and what each of them demands.

GenEval (Ghosh et al., arXiv 2310.11513) draws its prompts with numpy's generator and the seed 43; the draws below are
made in the same order, so the list is the published one, word for word. Knows nothing of pictures or scoring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Iterator

Task = Literal["single_object", "two_object", "counting", "colors", "position", "color_attr"]
TASKS: tuple[Task, ...] = get_args(Task)
Side = Literal["left of", "right of", "above", "below"]
SIDES: tuple[Side, ...] = get_args(Side)

SEED, DRAWS, PROMPTS = 43, 100, 553
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
NUMBERS = {2: "two", 3: "three", 4: "four"}
CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "computer mouse", "tv remote", "computer keyboard", "cell phone", "microwave", "oven", "toaster",
    "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """At least so many objects of a kind, of a colour where one is named; the first of the prompt has no side.

    ``side`` is where it must be from the first one of `GenevalPrompt.wanted`.
    """

    name: str
    count: int = 1
    colour: str | None = None
    side: Side | None = None


class GenevalPrompt(NamedTuple):
    """One prompt: what must be there, in the order in which it is checked; exact: no more than counted."""

    number: int  # from 0, in the order of the list
    task: Task
    text: str
    wanted: tuple[Wanted, ...]
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of object it speaks of."""
        return tuple(dict.fromkeys(wanted.name for wanted in self.wanted))


def geneval_prompts() -> tuple[GenevalPrompt, ...]:
    """Return all prompts in the benchmark's order, each once."""
    rng = np.random.default_rng(SEED)
    drawn = [*_singles(rng)]
    for draw in (_two_objects, _counting, _colours, _position, _attribution):
        drawn += [draw(rng) for _ in range(DRAWS)]
    return tuple(prompt._replace(number=number) for number, prompt in enumerate(dict.fromkeys(drawn)))


def choose(tasks: tuple[Task, ...] = TASKS, limit: int | None = None) -> tuple[GenevalPrompt, ...]:
    """Return the prompts of some tasks, or ``limit`` of them spread evenly over their list."""
    chosen = [prompt for prompt in geneval_prompts() if prompt.task in tasks]
    if limit is None or limit >= len(chosen):
        return tuple(chosen)
    return tuple(chosen[place * len(chosen) // limit] for place in range(limit))


def _singles(rng: np.random.Generator) -> Iterator[GenevalPrompt]:
    for place in rng.choice(len(CLASSES), size=len(CLASSES), replace=False):
        name = CLASSES[place]
        yield _prompt("single_object", with_article(name), Wanted(name))


def _two_objects(rng: np.random.Generator) -> GenevalPrompt:
    one, other = (CLASSES[place] for place in rng.choice(len(CLASSES), size=2, replace=False))
    return _prompt("two_object", f"{with_article(one)} and {with_article(other)}", Wanted(one), Wanted(other))


def _counting(rng: np.random.Generator) -> GenevalPrompt:
    name, count = CLASSES[rng.choice(len(CLASSES))], int(rng.integers(2, 4, endpoint=True))
    plural = f"{name}{'es' if name.endswith('s') else 's'}"
    return _prompt("counting", f"{NUMBERS[count]} {plural}", Wanted(name, count))._replace(exact=True)


def _colours(rng: np.random.Generator) -> GenevalPrompt:
    name = CLASSES[1 + rng.choice(len(CLASSES) - 1)]  # nobody is given a colour
    colour = COLOURS[rng.choice(len(COLOURS))]
    return _prompt("colors", with_article(f"{colour} {name}"), Wanted(name, colour=colour))


def _position(rng: np.random.Generator) -> GenevalPrompt:
    one, other = (CLASSES[place] for place in rng.choice(len(CLASSES), size=2, replace=False))
    side = SIDES[rng.choice(len(SIDES))]
    text = f"{with_article(one)} {side} {with_article(other)}"
    return _prompt("position", text, Wanted(other), Wanted(one, side=side))


def _attribution(rng: np.random.Generator) -> GenevalPrompt:
    one, other = (CLASSES[1 + place] for place in rng.choice(len(CLASSES) - 1, size=2, replace=False))
    first, second = (COLOURS[place] for place in rng.choice(len(COLOURS), size=2, replace=False))
    text = f"{with_article(f'{first} {one}')} and {with_article(f'{second} {other}')}"
    return _prompt("color_attr", text, Wanted(one, colour=first), Wanted(other, colour=second))


def _prompt(task: Task, ending: str, *wanted: Wanted) -> GenevalPrompt:
    return GenevalPrompt(0, task, f"a photo of {ending}", wanted)
