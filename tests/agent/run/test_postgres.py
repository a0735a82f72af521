"""Sessions in a real Postgres: the same as in folders, whoever goes on with them, and written by their holder alone."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agent.offline.planner import OfflinePlanner
from agent.run.folder import RunFolder, new_folder
from agent.run.migrate import copy_session
from agent.run.opening import opened_storage
from agent.run.redaction import recordable
from agent.run.storage import LeaseLost, RunError
from agent.session.reading import read_session
from agent.session.session import Session
from agent.trace.events import read_trace
from configs.settings import StorageSettings
from tests.agent.conversation import START, TURNS, Talk
from tests.agent.sessions import SETTINGS, begin
from tests.postgres import PASSWORD
from tests.world import World, draw
from tools.images import PictureError
from tools.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.run.storage import Storage

LEASE = 1.0  # seconds: a killed process is noticed soon


@contextmanager
def storing(url: str, base: Path, **given: Any) -> Iterator[Storage]:
    """Open the database as one more process does, with a folder for copies of its own."""
    settings = StorageSettings.model_validate({"url": url, "lease": LEASE, "pictures": str(base / "pictures")} | given)
    with opened_storage(settings, base) as storage:
        yield storage


def opened(folder: RunFolder, **given: Any) -> Session:
    return Session.open(folder, **({"settings": SETTINGS, "backend": World(), "chat": OfflinePlanner()} | given))


def elsewhere(folder: RunFolder, base: Path, storage: Storage) -> RunFolder:
    """Return the same session as another machine has it: without any copy."""
    return RunFolder(base / folder.path.name, storage=storage)


def test_a_conversation_is_the_same_as_in_a_folder(database_url: str, tmp_path: Path) -> None:
    def tree(session: Session) -> list[Any]:
        return [
            (moment.turn, moment.parent, moment.text, moment.exit, moment.branches, moment.image and moment.image.stem)
            for moment in session.history()
        ]

    with begin(tmp_path / "files") as session:
        talk = Talk(session, tmp_path)
        talk.note(session.show())
        for turn in TURNS[:8]:
            turn(talk)
        whole = tree(session)
    with storing(database_url, tmp_path) as one, storing(database_url, tmp_path) as two:
        folder = new_folder("desk", tmp_path / "a", one)
        session = opened(folder, image=draw(START))
        talk = Talk(session, tmp_path)
        talk.note(session.show())
        for number, turn in enumerate(TURNS[:8]):  # each turn by the other process
            turn(talk)
            session.close()
            storage, base = ((two, "b"), (one, "a"))[number % 2]
            session = talk.session = opened(elsewhere(folder, tmp_path / base, storage))
        assert tree(session) == whole
        state = read_session(elsewhere(folder, tmp_path / "c", two))  # while it is open
        assert [moment.text for moment in state.moments] == [text for _, _, text, *_ in whole]
        session.close()
        nodes = [event for event in read_trace(folder.trace) if event["event"] == "node"]
        assert len({node["task"] for node in nodes}) == len(nodes) > 20


def test_one_holds_a_session_and_the_next_waits_for_it(database_url: str, tmp_path: Path) -> None:
    with storing(database_url, tmp_path) as one, storing(database_url, tmp_path) as two:
        folder = new_folder("desk", tmp_path, one)
        with folder.locked(), pytest.raises(RunError, match="another process is working in"):
            elsewhere(folder, tmp_path, two).locked("wait for it").__enter__()
        with elsewhere(folder, tmp_path, two).locked():
            pass


def test_who_was_silent_too_long_loses_the_session_and_writes_nothing_more(database_url: str, tmp_path: Path) -> None:
    with storing(database_url, tmp_path) as one, storing(database_url, tmp_path) as two:
        folder = new_folder("desk", tmp_path / "a", one)
        with opened(folder, image=draw(START)) as session:
            session.send("add a blue cup")
            assert one.shared is not None
            one.shared.run("UPDATE sld_processes SET until = 'epoch' WHERE id = %s", (one.shared.process,))
            with opened(elsewhere(folder, tmp_path / "b", two)) as other:
                other.send("make it green")
                before = read_trace(folder.trace)
                with pytest.raises(LeaseLost):
                    session.send("remove the car")
                assert read_trace(folder.trace) == before
                assert [moment.text for moment in other.history()] == ["", "add a blue cup", "make it green"]


def test_no_secret_and_no_foreign_object_is_kept(database_url: str, tmp_path: Path) -> None:
    secret = "sk-abcdefghijklmnop1234"
    settings = SETTINGS.model_copy(
        update={"storage": StorageSettings.model_validate({"url": database_url}),
                "chat": SETTINGS.chat.model_copy(update={"provider": "offline"})},
    )  # fmt: skip
    with storing(database_url, tmp_path) as storage:
        folder = new_folder("desk", tmp_path, storage)
        with opened(folder, image=draw(START), settings=settings, overrides={"storage.url": database_url}) as session:
            session.send(f"add a blue cup {PASSWORD} {secret}\0")
        assert storage.shared is not None
        for table in ("sld_sessions", "sld_trace", "checkpoints", "checkpoint_writes", "sld_made", "sld_orders"):
            kept = str(storage.shared.run(f"SELECT {table}::text AS row FROM {table}"))  # type: ignore[arg-type]
            assert secret not in kept, table
            assert PASSWORD not in kept, table
        with storage.checkpoints(folder.path, Redactor()) as saver:
            for kept in saver.list(None):
                assert secret not in str(kept)
                assert PASSWORD not in str(kept)
        storage.shared.run("UPDATE checkpoint_blobs SET type = 'pickle'")
        with pytest.raises(RunError, match="pickle"):
            read_session(folder)
    assert recordable({"storage.url": database_url, "storage": {"url": database_url}, "loop.rounds": 2}) == {
        "loop.rounds": 2
    }
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://sld:wrong-9f3Kq7@127.0.0.1:1/none", "cannot be used"),
        ("{server}/not-there", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(
    postgres_server: str, tmp_path: Path, url: str, problem: str
) -> None:
    with pytest.raises(RunError, match=problem) as refused, storing(url.format(server=postgres_server), tmp_path):
        pass
    assert "wrong-9f3Kq7" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_sessions_move_to_the_database_and_back(database_url: str, tmp_path: Path) -> None:
    with begin(tmp_path / "files" / "desk") as session:
        session.send("add a blue cup")
        session.send("make it green")
        session.undo()
    source = RunFolder(tmp_path / "files" / "desk")
    with storing(database_url, tmp_path) as storage:
        target = RunFolder(tmp_path / "copies" / "desk", storage=storage)
        assert copy_session(source, target)
        assert not copy_session(source, target)
        with opened(elsewhere(target, tmp_path / "other", storage)) as session:
            session.redo()
            assert session.send("move it to the top").agreed
        back = RunFolder(tmp_path / "back" / "desk")
        assert copy_session(elsewhere(target, tmp_path / "third", storage), back)
    with begin(tmp_path / "back" / "desk") as session:
        assert [moment.text for moment in session.history()] == [
            "", "add a blue cup", "make it green", "move it to the top",
        ]  # fmt: skip
        assert session.show().text == "move it to the top"
        assert session.send("remove the car").agreed
    assert read_trace(back.trace)[: len(read_trace(source.trace))] == read_trace(source.trace)


def test_a_picture_is_seen_in_its_own_session_only_and_checked_when_fetched(database_url: str, tmp_path: Path) -> None:
    with storing(database_url, tmp_path) as storage:
        mine, other = (new_folder(name, tmp_path / "a", storage) for name in ("mine", "other"))
        image_id = mine.images.save(draw(START))
        assert elsewhere(mine, tmp_path / "b", storage).images.load(image_id).size == draw(START).size
        assert not other.images.path(image_id).is_file()
        kept = next((tmp_path / "pictures").rglob("*.png"))
        kept.write_bytes(other.images.path(other.images.save(draw(START).transpose(0))).read_bytes())
        with pytest.raises(PictureError, match="another one"):
            elsewhere(mine, tmp_path / "c", storage).images.path(image_id)


def test_many_at_once_make_the_tables_once(database_url: str, tmp_path: Path) -> None:
    failed = list[BaseException]()

    def use() -> None:
        try:
            with storing(database_url, tmp_path) as storage:
                new_folder("desk", tmp_path, storage)
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with storing(database_url, tmp_path) as storage:
        assert storage.shared is not None
        assert len(storage.shared.run("SELECT name FROM sld_sessions")) == 4
