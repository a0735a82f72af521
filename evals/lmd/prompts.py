"""The 400 prompts of the LMD benchmark and what each of them demands.

The benchmark (Lian et al., "LLM-grounded Diffusion", arXiv 2305.13655, section 4) draws its random
prompts with numpy's legacy generator, seeded with the prompt's index; the draws below are made in the
same order, so the list is the published one, word for word. Knows nothing of pictures or scoring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from tools.scene.lexicon import with_article
from tools.scene.spec import Predicate, Relation, SceneObject, SceneSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Task = Literal["negation", "numeracy", "attribution", "spatial"]
TASKS: tuple[Task, ...] = get_args(Task)

PROMPTS = 400
CLASSES = ("backpack", "book", "bottle", "bowl", "car", "cat", "chair", "cup", "dog", "laptop")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
NUMBERS = ("one", "two", "three", "four", "five")
SIDES: tuple[tuple[str, Predicate], ...] = (
    ("left", "on the left"),
    ("right", "on the right"),
    ("top", "at the top"),
    ("bottom", "at the bottom"),
)
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

SCENE = "A realistic photo of a scene"


class LmdPrompt(NamedTuple):
    """One prompt of the benchmark.

    ``truth`` says what must be there as a `SceneSpec`. The benchmark reads it loosely: counts must be
    equal for negation and numeracy, at least one of each for attribution, and for spatial the centres
    of the two objects are compared with each other, not with the picture.
    """

    number: int  # from 0, in the order of the list
    task: Task
    text: str
    truth: SceneSpec


def lmd_prompts() -> tuple[LmdPrompt, ...]:
    """Return all 400 prompts in the benchmark's order: negation, numeracy, attribution, spatial (100 each)."""
    drawn: list[tuple[Task, str, SceneSpec]] = []
    for task, make in (
        ("negation", _negation),
        ("numeracy", _numeracy),
        ("attribution", _attribution),
        ("spatial", _spatial),
    ):
        drawn += [(task, f"{SCENE} {ending}", truth) for ending, truth in make()]  # type: ignore[misc]
    return tuple(LmdPrompt(number, task, text, truth) for number, (task, text, truth) in enumerate(drawn))


def _negation() -> Iterator[tuple[str, SceneSpec]]:
    for name in CLASSES:
        for _ in range(10):
            yield f"without {name}s", SceneSpec(absent=(name,))


def _numeracy() -> Iterator[tuple[str, SceneSpec]]:
    for count, word in enumerate(NUMBERS, start=1):
        for name in CLASSES:
            for _ in range(2):
                noun = name if count == 1 else f"{name}s"
                yield f"with {word} {noun}", SceneSpec(objects=(SceneObject(name=name, count=count),))


def _attribution() -> Iterator[tuple[str, SceneSpec]]:
    for seed in range(100):
        random = np.random.RandomState(seed)
        colours = random.choice(COLOURS, 2, replace=False)
        names = random.choice(CLASSES, 2, replace=False)
        first, second = (
            SceneObject(name=str(name), attributes=(str(colour),)) for colour, name in zip(colours, names, strict=True)
        )
        yield f"with {with_article(first.phrase)} and {with_article(second.phrase)}", SceneSpec(objects=(first, second))


def _spatial() -> Iterator[tuple[str, SceneSpec]]:
    predicates = dict(SIDES)
    for seed in range(25):
        random = np.random.RandomState(seed)
        for side, predicate in SIDES:
            first, second = (str(name) for name in random.choice(CLASSES, 2, replace=False))
            other = OPPOSITE[side]
            yield (
                f"with {with_article(first)} on the {side} and {with_article(second)} on the {other}",
                SceneSpec(
                    objects=(SceneObject(name=first), SceneObject(name=second)),
                    relations=(
                        Relation(subject=first, predicate=predicate),
                        Relation(subject=second, predicate=predicates[other]),
                    ),
                ),
            )


def choose(tasks: Sequence[Task] = TASKS, limit: int | None = None) -> tuple[LmdPrompt, ...]:
    """Return the prompts of ``tasks``, at most ``limit`` of them, in the list's order.

    A smaller selection is part of every larger one of the same tasks: each task is shuffled once and for all,
    and the tasks take turns.
    """
    prompts = [prompt for prompt in lmd_prompts() if prompt.task in tasks]
    shuffle = np.random.default_rng(0).permutation(PROMPTS)
    turns: dict[int, tuple[int, int]] = {}
    for task in tasks:
        numbers = [prompt.number for prompt in prompts if prompt.task == task]
        turns |= {
            number: (turn, number) for turn, number in enumerate(sorted(numbers, key=lambda index: shuffle[index]))
        }
    chosen = sorted(prompts, key=lambda prompt: turns[prompt.number])[:limit]
    return tuple(sorted(chosen))
