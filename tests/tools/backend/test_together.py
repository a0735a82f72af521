"""Calls at the same time: each gives what it gives alone, whoever computes beside it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from configs.settings import Settings
from tests.tiny_models import save_models
from tools.backend.local import LocalBackend
from tools.backend.protocol import BackendError
from tools.backend.together import Baton, Together
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move
from tools.scene.spec import Query

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 4
CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.4, 0.4))
LAYOUT = Layout(objects=(CAR,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


def settings(folder: Path, **editor: Any) -> Settings:
    return Settings.model_validate(
        {
            "detector": {"path": str(folder / "owl"), "threshold": 0.001, "attribute_threshold": 0.001},
            "segmenter": {"path": str(folder / "sam")},
            "generator": {"path": str(folder / "gligen"), "steps": 3, "width": 32, "height": 32},
            "editor": {"path": str(folder / "gligen"), "steps": 4} | editor,
        }
    )


def conversation(backend: LocalBackend, number: int) -> list[Any]:
    """Every kind of call, and all that it gives but the time it took."""
    made = backend.generate("a red car", layout=LAYOUT, seed=number)
    image = made.images[0]
    found = backend.detect(image, [CAR.query, Query(name="dog")])
    cut = backend.segment(image, [CAR.box, Box(0.2, 0.3, 0.1 * number + 0.1, 0.4)])
    dog = Add(name="dog", box=Box(0.5, 0.1, 0.4, 0.4))
    edited = backend.edit(image, [Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4)), dog], LAYOUT, seed=number)
    costs = [replace(result.cost, seconds={}) for result in (made, found, cut, edited)]
    pictures = [image.tobytes(), edited.image.tobytes(), cut.masks.tobytes(), edited.region.tobytes()]
    return [pictures, found.detections, cut.scores, made.warnings, edited.warnings, costs]


def all_at_once(backend: LocalBackend) -> list[list[Any]]:
    with ThreadPoolExecutor(CALLS) as threads:
        return list(threads.map(lambda number: conversation(backend, number), range(CALLS)))


@pytest.mark.parametrize("guided", [0.0, 5.0], ids=["plain", "attention guided"])
def test_calls_at_the_same_time_give_what_each_gives_alone(folder: Path, guided: float) -> None:
    own = settings(folder, attention_guidance=guided)
    alone = LocalBackend(own)
    expected = [conversation(alone, number) for number in range(CALLS)]
    together = Together(CALLS, slots=2)
    assert all_at_once(LocalBackend(own, together)) == expected


def test_rows_of_several_calls_are_computed_as_one_and_do_not_depend_on_each_other(folder: Path) -> None:
    one_by_one, crowd = Together(1, rows=8), Together(CALLS, rows=8)
    alone = LocalBackend(settings(folder), one_by_one)
    expected = [conversation(alone, number) for number in range(CALLS)]
    assert all_at_once(LocalBackend(settings(folder), crowd)) == expected
    assert max(one_by_one.batches) <= 6
    assert max(crowd.batches) > max(one_by_one.batches)


def test_variants_of_a_preset_share_the_models_and_the_line(folder: Path) -> None:
    backend = LocalBackend(settings(folder), Together(2))
    other = backend.with_settings(settings(folder, steps=2))
    first = conversation(other, 1)
    assert first != conversation(backend, 1)
    assert conversation(other, 1)[:-1] == first[:-1]  # it costs less, as pictures are remembered


def test_rows_that_wait_are_taken_in_order_with_those_that_fit_beside_them() -> None:
    together, seen, entered, go = Together(5, rows=4), list[int](), threading.Event(), threading.Event()

    def function(batch: torch.Tensor) -> torch.Tensor:
        if not entered.is_set():
            entered.set()
            go.wait()
        seen.append(int(batch[0, 0]))
        return batch * 2

    def call(number: int, width: int) -> torch.Tensor:
        with together.baton:
            return together("double", function, torch.full((2, width), number))

    with ThreadPoolExecutor(5) as threads:
        futures = [threads.submit(call, 0, 3)]
        entered.wait()
        for number, width in ((1, 3), (2, 5), (3, 3), (4, 5)):
            futures.append(threads.submit(call, number, width))
            while len(together._line) < number:
                pass
        go.set()
        results = [future.result() for future in futures]
    assert [(int(result[0, 0]), tuple(result.shape)) for result in results] == [
        (0, (2, 3)), (2, (2, 3)), (4, (2, 5)), (6, (2, 3)), (8, (2, 5))
    ]  # fmt: skip
    assert seen == [0, 1, 2]  # with 1 came 3, with 2 came 4
    assert list(together.batches) == [2, 4, 4]


def test_more_rows_than_one_batch_holds_are_computed_in_several() -> None:
    together, sizes = Together(1, rows=4), list[int]()

    def function(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        return batch + 1

    with together.baton:
        result = together("more", function, torch.arange(6.0)[:, None])
    assert result.flatten().tolist() == [1, 2, 3, 4, 5, 6]
    assert sizes == [4, 4]


def test_an_error_of_the_models_reaches_the_call_and_ends_no_other() -> None:
    together = Together(1)

    def fail(batch: torch.Tensor) -> torch.Tensor:
        raise BackendError("no")

    with together.baton:
        with pytest.raises(BackendError, match="no"):
            together("fails", fail, torch.zeros(1))
        assert together("works", torch.neg, torch.ones(1)).tolist() == [-1]


def test_a_baton_that_was_taken_twice_is_let_go_of_and_taken_back_twice() -> None:
    baton, taken = Baton(), threading.Event()

    def other() -> None:
        with baton:
            taken.set()

    with baton, baton:
        thread = threading.Thread(target=other)
        thread.start()
        with baton.aside():
            assert taken.wait(10)
            thread.join()
        with baton:
            pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
