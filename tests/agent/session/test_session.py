"""Conversations: the real graph, the real offline planner, real checkpoints; pictures from the exact world."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from PIL import Image
from pydantic import Field

from agent.offline.planner import OfflinePlanner
from agent.run.folder import RunError
from agent.run.stream import Event
from agent.session.session import Session
from agent.session.turn_result import SessionError, TurnResult, is_redo, is_undo, undo_count
from agent.trace.events import read_trace
from evals.edits import is_there
from tests.agent import embedded
from tests.agent.conversation import START, TURNS, Talk, one
from tests.agent.sessions import SETTINGS, begin, seen
from tests.scripted import ScriptedChat, calls, edit
from tests.world import World, draw, scene, truth
from tools.backend.protocol import BackendError
from tools.images import open_picture

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_conversation_of_twelve_turns(tmp_path: Path) -> None:
    with begin(tmp_path / "talk") as session:
        talk = Talk(session, tmp_path)
        for turn in TURNS:
            turn(talk)

        assert seen(session.show()) == ["red cup", "white cat", "yellow cup"]
        assert [moment.text for moment in session.history() if moment.branches] == [
            "move it to the top", "make the other cup yellow",
        ]  # fmt: skip
        # every picture along the way is still there, under its own hash
        assert {path.stem for path in (tmp_path / "talk" / "images").glob("*.png")} >= set(talk.pictures)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not embedded.complete(), reason="the embedded weights are not all there")
def test_the_same_conversation_with_the_embedded_models(tmp_path: Path) -> None:
    picture, judge = embedded.picture(START), embedded.judge()
    with Session.open(tmp_path / "talk", image=picture, chat=OfflinePlanner(), preset="iconworld") as session:
        talk = Talk(session, tmp_path)
        for turn in TURNS:
            turn(talk)
            shown = session.show()
            with Image.open(shown.image) as made:
                for placed in shown.layout.objects:
                    assert is_there(judge, made.convert("RGB"), placed), (turn.__name__, placed)


def test_undo_redo_and_branches_are_equal_by_hash(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        pictures = [session.show().image]
        pictures += [session.send(text).image for text in ("add a blue cup", "make it red", "remove the dog")]
        back = [session.undo().image for _ in range(3)]
        forth = [session.redo().image for _ in range(3)]
        session.branch("early", turn=1)
        on_branch = session.send("make it green").image
        main = session.switch("main").image

        assert len(set(pictures)) == 4
        assert back == pictures[2::-1]
        assert forth == pictures[1:]
        assert session.switch("early").image == on_branch != main == pictures[-1]
        assert session.undo().image == pictures[1]
        with pytest.raises(SessionError, match="nothing to undo"):
            [session.undo() for _ in range(3)]


def test_what_was_undone_can_be_gone_back_to_until_something_else_is_done(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        session.send("remove the dog")
        session.undo()
        session.send("what do you see?")
        assert seen(session.redo()) == ["red car"]
        session.undo()
        session.send("remove the car")
        with pytest.raises(SessionError, match="nothing to redo"):
            session.redo()
        assert [moment.text for moment in session.history()].count("remove the dog") == 1


def test_a_session_is_as_it_was_when_it_is_opened_again_elsewhere(tmp_path: Path) -> None:
    with begin(tmp_path / "here") as session:
        session.send("add a blue cup")
        session.branch("other")
        session.send("make it red")
        session.undo()
        history = session.history()
    shutil.move(tmp_path / "here", tmp_path / "there")

    with begin(tmp_path / "there") as session:
        again = session.history()
        assert [(one.turn, one.parent, one.branches, one.current) for one in again] == [
            (one.turn, one.parent, one.branches, one.current) for one in history
        ]
        assert session.branch_name == "other"
        assert seen(session.redo()) == ["brown dog", "red car", "red cup"]
        assert seen(session.send("make it green")) == ["brown dog", "green cup", "red car"]


def test_only_one_process_may_have_a_session_open(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        with pytest.raises(RunError, match=r"another process is working in .*close it first"):
            begin(tmp_path)
        session.send("remove the dog")
    with begin(tmp_path) as session:
        assert seen(session.show()) == ["red car"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["remove the dog", "put back the dog"], ["brown dog", "red car"]),
        (["remove the dog", "remove the car", "put the dog back"], ["brown dog"]),
        (["remove the dog", "what do you see?", "bring it back"], ["brown dog", "red car"]),
        (["where is the dog?", "make it white"], ["red car", "white dog"]),
        (["add a blue cup", "make the other objects green"], ["blue cup", "green car", "green dog"]),
        (["make the car green", "undo the last change but keep the colour"], None),
        (["replace the dog with a white cat", "undo the last change but keep the colour"], ["red car", "white dog"]),
        (["make the car blue and larger", "undo the last change but keep the colour"], ["blue car", "brown dog"]),
    ],
)  # fmt: skip
def test_later_turns_know_what_earlier_ones_did(tmp_path: Path, texts: list[str], expected: list[str] | None) -> None:
    with begin(tmp_path) as session:
        results = [session.send(text) for text in texts]
        if expected is None:
            assert "nothing is left to do" in results[-1].detail
            return
        assert results[-1].agreed, results[-1].detail
        assert seen(results[-1]) == expected


def test_what_is_put_back_is_as_it_was(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        session.send("remove the dog")
        session.send("add a blue cup in the top left corner")  # not where the dog was
        back = one(session.send("put back the dog").layout, "dog")
        assert (back.id, list(back.box)) == ("dog #1", pytest.approx([0.64, 0.6, 0.28, 0.28]))
        session.send("make the car blue and twice as big")
        half = one(session.send("undo the last change but keep the colour").layout, "car")
        assert (half.attributes, list(half.box)) == (("blue",), pytest.approx([0.06, 0.58, 0.3, 0.3]))


def test_questions_change_nothing_and_are_answered_from_the_conversation(tmp_path: Path) -> None:
    world = World()
    with begin(tmp_path, backend=world) as session:
        session.send("swap the car and the dog")
        why = session.send("why did you move the dog?")
        wrong = session.send("is everything right?")
        assert why.answer.endswith("because you asked for 'swap the car and the dog'.")
        assert "moved 'dog #1' from" in why.answer
        assert wrong.answer == "Nothing: the detector agrees with 'swap the car and the dog'."
        assert len(world.edits) == 1
        assert session.show().image == session.undo().image or session.redo()


def test_a_session_can_begin_with_a_sentence(tmp_path: Path) -> None:
    with begin(tmp_path, image=None, backend=World(scene(("red car", [0.1, 0.5, 0.3, 0.3])))) as session:
        assert session.show().image is None
        with pytest.raises(SessionError, match="no picture yet"):
            session.save(tmp_path / "x.png")
        assert seen(session.send("a red car and a blue cup")) == ["blue cup", "red car"]
        why = session.send("why did you add a cup?").answer
        assert "expected exactly one cup, found no cup" in why
        assert seen(session.send("remove it")) == ["red car"]


def test_the_model_sees_recent_turns_in_full_and_older_ones_in_a_line(tmp_path: Path) -> None:
    script: list[Any] = [{"answer": f"answer {number}"} for number in range(40)]
    chat = ScriptedChat(script=[*script, {"operations": [{"op": "remove", "id": "dog #1"}]}, edit(
        {"op": "remove", "id": "dog #1"}), {"answer": "the end"}])  # fmt: skip
    with begin(tmp_path, chat=chat) as session:
        for number in range(40):
            session.send(f"question {number}?")
        session.send("remove the dog")
        session.send("and now?")
        asked = chat.seen[-1][-1].text
        recent, history = (
            json.loads(re.findall(rf"<{tag}>\n(.*)\n</{tag}>", asked)[0]) for tag in ("recent", "history")
        )
        assert [turn["instruction"] for turn in recent] == [
            *(f"question {n}?" for n in range(35, 40)),
            "remove the dog",
        ]
        assert recent[-1]["done"] == ["removed 'dog #1'"]
        assert history["earlier"] == ["15 turns before these", *(f"question {n}?" for n in range(15, 35))]
        assert [gone["id"] for gone in history["removed"]] == ["dog #1"]
        assert [placed["id"] for placed in history["before_last_change"]["objects"]] == ["car #1", "dog #1"]
        assert len(session.history()) == 43, "the record keeps every turn"
        starts = [event for event in read_trace(tmp_path / "trace.jsonl") if event["event"] == "start"]
        assert [event["turn"] for event in starts] == list(range(1, 43))


# -- approval


def test_a_turn_that_fails_is_kept_and_can_be_gone_on_with_or_dropped(tmp_path: Path) -> None:
    world = World()
    broken = ScriptedChat(script=[{"operations": [{"op": "remove", "id": "dog #1"}]}, BackendError("out of memory")])
    with begin(tmp_path, backend=world, chat=broken) as session:
        with pytest.raises(BackendError):
            session.send("remove the dog")
        with pytest.raises(SessionError, match="unfinished"):
            session.send("remove the car")
    with begin(tmp_path, backend=world) as session:
        assert session.unfinished == "remove the dog"
        assert seen(session.resume()) == ["red car"]
        assert [moment.turn for moment in session.history()] == [0, 1]


def test_a_dropped_turn_leaves_no_mark(tmp_path: Path) -> None:
    broken = ScriptedChat(script=[BackendError("out of memory")])
    with begin(tmp_path, chat=broken) as session:
        with pytest.raises(BackendError):
            session.send("remove the dog")
        session.drop()
        with pytest.raises(SessionError, match="no turn is unfinished"):
            session.resume()
    with begin(tmp_path) as session:
        assert session.send("remove the car").agreed
        assert [moment.text for moment in session.history()] == ["", "remove the car"]


def test_what_is_not_understood_is_a_turn_without_a_change(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        result = session.send("flurb the wug")
        assert (result.exit, result.agreed) == ("parse_failed", False)
        assert "flurb" in result.detail
        with pytest.raises(SessionError, match="nothing to undo"):
            session.undo()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda session: session.send("  "), "empty"),
        (lambda session: session.redo(), "nothing to redo"),
        (lambda session: session.retry(), "no turn"),
        (lambda session: session.branch("a b"), "no name"),
        (lambda session: session.branch("main"), "already"),
        (lambda session: session.branch("new", turn=9), "no turn 9"),
        (lambda session: session.switch("nowhere"), "there is main"),
        (lambda session: session.accept(), "no turn is unfinished"),
        (lambda session: session.drop(), "no turn is unfinished"),
        (lambda session: session.save("picture.docx"), "no kind of picture"),
    ],
)
def test_misuse_is_refused_with_what_to_do(tmp_path: Path, misuse: Callable[[Session], Any], message: str) -> None:
    with begin(tmp_path) as session, pytest.raises(SessionError, match=message):
        misuse(session)


def test_another_picture_or_a_single_run_is_refused(tmp_path: Path) -> None:
    begin(tmp_path / "a").close()
    with pytest.raises(SessionError, match="another picture"):
        Session.open(tmp_path / "a", settings=SETTINGS, backend=World(), chat=OfflinePlanner(), image=draw(START))
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    del record["session"]
    (tmp_path / "a" / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="single run"):
        begin(tmp_path / "a")


# -- other ways in


def test_what_happens_can_be_streamed(tmp_path: Path) -> None:
    with begin(tmp_path) as session:
        *events, result = session.stream("remove the dog")
        assert isinstance(result, TurnResult)
        assert result.agreed
        started = [event.name for event in events if isinstance(event, Event) and event.kind == "started"]
        assert (started[0], started[-1]) == ("begin", "finish")
        assert any(isinstance(event, Event) and event.kind == "progress" for event in events)


def test_turns_can_be_awaited_and_streamed_beside_an_event_loop(tmp_path: Path) -> None:
    async def talk(session: Session) -> tuple[TurnResult, list[Any]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        first = await session.asend("add a blue cup")
        items = [item async for item in session.astream("make it red")]
        ticking.cancel()
        assert ticks > 5, "the event loop went on"
        with pytest.raises(SessionError, match="empty"):
            await session.asend(" ")
        return first, items

    with begin(tmp_path) as session:
        first, items = asyncio.run(talk(session))
        assert first.agreed
        assert isinstance(items[-1], TurnResult)
        assert seen(items[-1]) == ["brown dog", "red car", "red cup"]


def test_pictures_are_saved_as_their_suffix_says(tmp_path: Path) -> None:
    with begin(tmp_path / "s") as session:
        for name, kind in (("a.png", b"\x89PNG"), ("b.jpg", b"\xff\xd8"), ("sub/c", b"\x89PNG")):
            assert session.save(tmp_path / name).read_bytes().startswith(kind)


@pytest.mark.parametrize(
    "text", ["undo", "Undo.", "undo that", "please undo the last change", "take it back", "revert"]
)
def test_plain_undo_is_known(text: str) -> None:
    assert is_undo(text)
    assert not is_redo(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("undo the last two changes", 2),
        ("undo 3 steps", 3),
        ("please undo the last three edits.", 3),
        ("undo twice", 2),
        ("undo two bottles", 0),
        ("undo the changes", 0),
    ],
)
def test_undo_may_count(text: str, count: int) -> None:
    assert undo_count(text) == count


@pytest.mark.parametrize("text", ["undo the last change but keep the colour", "put it back", "remove the undo", ""])
def test_other_texts_are_no_plain_undo(text: str) -> None:
    assert not is_undo(text)


def test_a_listener_hears_of_a_turn(tmp_path: Path) -> None:
    heard: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "started":
            heard.append(event.name)

    chat = ScriptedChat(script=[{"operations": [{"op": "remove", "id": "dog #1"}]}, calls(("suggest_layout", {})), edit(
        {"op": "remove", "id": "dog #1"})])  # fmt: skip
    with begin(tmp_path, chat=chat) as session:
        session.send("remove the dog", listen)
    assert heard == ["begin", "survey", "parse", "judge", "think", "act", "think", "act", "edit", "judge", "finish"]


def test_the_example_in_the_manual_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "talk.md").read_text(encoding="utf-8")
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Session" in block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("agent.session.session.make_backend", lambda settings: World())
    Path("runs/cars").mkdir(parents=True)
    draw(scene(("red car", [0.1, 0.6, 0.2, 0.2]), ("blue cup", [0.6, 0.6, 0.2, 0.2]))).save("runs/cars/final.png")

    exec(compile(example, "talk.md", "exec"), {})

    printed = capsys.readouterr().out
    assert printed.startswith("True (\"made 'dog #1' orange\",) ")
    assert printed.endswith("There is one dog: 'dog #1' (orange dog).\n")
    kept = sorted(placed.phrase for placed in truth(open_picture("runs/with-dog.png")).objects)
    assert kept == ["blue cup", "red car", "yellow dog"]


def test_what_a_server_can_is_found_out_once_for_a_conversation(tmp_path: Path) -> None:
    class Asked(OfflinePlanner):
        learnt: ClassVar = {"server": "a", "model": "b", "method": "actions"}
        recalled: list[Any] = Field(default_factory=list)

        def recall(self, learnt: Any) -> None:
            self.recalled.append(learnt)

    first, later = Asked(), Asked()
    with begin(tmp_path, chat=first) as session:
        session.send("make the car blue")
    with begin(tmp_path, chat=later):
        assert (first.recalled, later.recalled) == ([], [first.learnt])
