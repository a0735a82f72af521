"""A run folder from somebody else: it runs no code, sends no key, reads no model and writes nothing outside itself."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from typer.testing import CliRunner

from agent.cli import run as commands
from agent.cli.app import app
from agent.run.checkpoints import LARGEST, PACKED, CheckpointTooLarge, ForeignObject
from agent.run.consent import consented_settings
from agent.run.folder import RunError, RunFolder
from agent.run.replay import replay
from agent.session.session import Session
from configs.errors import SettingsError
from configs.settings import load_settings
from tests.agent.endpoint import Server, failed
from tests.agent.jobs import LOOK, SCRIPT, SPEC, START, run
from tests.scripted import ScriptedChat, ScriptEnded
from tests.world import World, draw, settings
from tools.images import PictureError


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("begun") / "run"
    with pytest.raises(ScriptEnded):
        run(path, chat=ScriptedChat(script=[SPEC, LOOK]))
    return path


@pytest.fixture
def stopped(begun: Path, tmp_path: Path) -> RunFolder:
    """A run that was stopped in the middle."""
    return RunFolder(Path(shutil.copytree(begun, tmp_path / "run")))


def again(folder: RunFolder) -> Any:
    return replay(
        folder,
        RunFolder(folder.path.with_name("again")),
        make_backend=lambda _: World(),
        make_chat=lambda _: ScriptedChat(script=list(SCRIPT)),
        settings=settings(),
    )


# -- code -------------------------------------------------------------------------------------


def payload(code: int, marker: Path) -> bytes:
    """Return msgpack in which LangGraph's extension ``code`` names ``os.system`` or its like."""
    command = f"touch {marker}"
    named: dict[int, Any] = {
        0: ("os", "system", command),
        1: ("os", "system", (command,)),
        2: ("subprocess", "getoutput", {"cmd": command}),
        3: ("os", "path", str(marker), "exists"),
        4: ("subprocess", "Popen", {"args": ["touch", str(marker)]}),
        5: ("subprocess", "Popen", {"args": ["touch", str(marker)]}, "model_validate_json"),
    }
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(named[code])))


def test_a_checkpoint_that_unpacks_without_an_end_is_refused(stopped: RunFolder) -> None:
    plant(stopped, PACKED, zlib.compress(b"\xc0" * (LARGEST + 10)), inside=False)
    with pytest.raises(CheckpointTooLarge, match="more than 16,777,216 bytes"):
        run(stopped.path)
    plant(stopped, PACKED, b"no such data", inside=False)
    with pytest.raises(RunError, match="damaged"):
        run(stopped.path)


@pytest.mark.parametrize("kind", ["msgpack", PACKED])
def test_what_is_packed_is_looked_at_too(stopped: RunFolder, tmp_path: Path, kind: str) -> None:
    data = payload(0, tmp_path / "marker")
    plant(stopped, kind, zlib.compress(data) if kind == PACKED else data, inside=False)
    with pytest.raises(ForeignObject, match="never writes"):
        run(stopped.path)
    assert not (tmp_path / "marker").exists()


def plant(folder: RunFolder, kind: str, data: bytes, *, inside: bool) -> None:
    """Put a value into every checkpoint, inside of the state or in place of it, and into every pending write."""
    with closing(sqlite3.connect(folder.checkpoints_path)) as database, database:
        for row, written, old in database.execute("SELECT rowid, type, checkpoint FROM checkpoints").fetchall():
            if inside:
                old = zlib.decompress(old) if written == PACKED else old
                state = ormsgpack.unpackb(old, ext_hook=lambda code, body: body, option=ormsgpack.OPT_NON_STR_KEYS)
                state["channel_values"] |= {"goal": ormsgpack.unpackb(data, ext_hook=ormsgpack.Ext)}
                new = ormsgpack.packb(state, option=ormsgpack.OPT_NON_STR_KEYS)
            else:
                new = data
            database.execute("UPDATE checkpoints SET type = ?, checkpoint = ? WHERE rowid = ?", (kind, new, row))
        database.execute("UPDATE writes SET type = ?, value = ?", (kind, data))


@pytest.mark.parametrize("inside", [False, True], ids=["instead", "inside"])
@pytest.mark.parametrize("code", range(6))
@pytest.mark.parametrize("way", ["resume", "replay"])
def test_a_checkpoint_that_names_a_function_is_not_used(
    stopped: RunFolder, tmp_path: Path, code: int, way: str, inside: bool
) -> None:
    plant(stopped, "msgpack", payload(code, tmp_path / "marker"), inside=inside)

    with pytest.raises(ForeignObject, match="never writes"):
        run(stopped.path) if way == "resume" else again(stopped)

    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("json", b'{"lc": 1, "type": "secret", "id": ["HOME"]}'),
        ("json", b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["true"]}'),
        ("pickle", b"cos\nsystem\n(S'true'\ntR."),
        ("bytes", b"anything"),
        ("msgpack", b"\xc1"),
        ("msgpack", b"\xc7"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused_in_a_sentence(stopped: RunFolder, kind: str, data: bytes) -> None:
    plant(stopped, kind, data, inside=False)
    with pytest.raises(RunError, match=r"never writes|damaged"):
        run(stopped.path)


def test_the_checkpoints_of_a_session_are_read_in_the_same_way(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "talk")
    with Session.open(folder.path, image=draw(START), settings=settings(), backend=World(), chat=ScriptedChat()):
        pass
    plant(folder, "msgpack", payload(0, tmp_path / "marker"), inside=True)

    with (
        Session.open(folder.path, settings=settings(), backend=World(), chat=ScriptedChat()) as session,
        pytest.raises(ForeignObject),
    ):
        session.show()

    assert not (tmp_path / "marker").exists()


def test_a_file_that_is_no_database_is_refused_in_a_sentence(stopped: RunFolder) -> None:
    stopped.checkpoints_path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(RunError, match="cannot be used"):
        run(stopped.path)


# -- writing outside --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trace.jsonl", "images", "run.json", "checkpoints.sqlite", ".lock", "images/made"])
def test_a_folder_with_a_link_in_it_is_not_used(stopped: RunFolder, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    inside = stopped.path / name
    if inside.is_dir() or name == "images/made":
        inside.rename(outside) if inside.is_dir() else outside.mkdir()
    else:
        outside.write_bytes(inside.read_bytes())
        inside.unlink()
    before = outside.read_bytes() if outside.is_file() else sorted(outside.iterdir())
    inside.symlink_to(outside)

    with pytest.raises(RunError, match="is a link"):
        run(stopped.path)

    assert before == (outside.read_bytes() if outside.is_file() else sorted(outside.iterdir()))


@pytest.mark.parametrize("image", ["../../outside", "/etc/hostname", "..", "a" * 65, "\0"])
def test_a_picture_is_looked_for_in_the_folder_only(stopped: RunFolder, image: str) -> None:
    record = stopped.read_record()
    stopped.write_record(record | {"input": record["input"] | {"image": image}})
    with pytest.raises(PictureError, match="is not the id of a picture"):
        again(stopped)


# -- endpoints, models and files --------------------------------------------------------------


def consented(folder: RunFolder, overrides: dict[str, Any], allowed: str | None = None, **now: Any) -> Any:
    record = folder.read_record() | {"overrides": overrides}
    return consented_settings(folder, record, now.pop("preset", None), now, allowed)[0]


@pytest.mark.parametrize(
    "overrides",
    [
        {"chat.base_url": "http://evil.example:8080/v1"},
        {"chat": {"base_url": "http://evil.example:8080/v1"}},
        {"chat.base_url": "http://api.openai.com@evil.example:8080/v1"},
        {"chat.base_url": "http://evil.example:8080#api.openai.com/v1"},
        {"chat.base_url": "HTTP://EVIL.example:8080/v1?x=1"},
    ],
)
def test_a_recorded_endpoint_is_used_with_consent_only_and_never_gets_the_key(
    stopped: RunFolder, overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")

    for allowed in (None, "api.openai.com", "example", "evil.example.org"):
        with pytest.raises(RunError, match=r"--allow-endpoint evil\.example:8080"):
            consented(stopped, overrides, allowed)

    for allowed in ("evil.example", "evil.example:8080"):
        chat = consented(stopped, overrides, allowed).chat
        assert "evil.example" in chat.base_url.lower()
        assert chat.api_key is None


def test_an_address_that_is_the_users_own_needs_no_consent(stopped: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    own = "http://127.0.0.1:9/v1"
    assert consented(stopped, {"chat.base_url": "http://evil.example"}, **{"chat.base_url": own}).chat.base_url == own
    monkeypatch.setenv("OPENAI_BASE_URL", own)
    chat = consented(stopped, {"chat.base_url": own, "loop.rounds": 7}).chat
    assert (chat.base_url, chat.api_key.get_secret_value()) == (own, "sk-of-the-user")


@pytest.mark.parametrize("recorded", ["http://api.openai.com/v1", "https://api.openai.com/other", "https://[::1"])
def test_an_address_that_differs_a_little_is_another(
    stopped: RunFolder, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    with pytest.raises((RunError, SettingsError), match=r"which your own settings do not|must be an address"):
        consented(stopped, {"chat.base_url": recorded})
    assert consented(stopped, {"chat.base_url": "https://api.openai.com/v1/"}).chat.api_key is not None


def test_a_recorded_key_is_never_used(stopped: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    for overrides in ({"chat.api_key": "sk-evil"}, {"chat": {"api_key": "sk-evil"}}):
        assert consented(stopped, overrides).chat.api_key.get_secret_value() == "sk-of-the-user"


def test_a_language_model_that_the_user_switched_off_stays_off(
    stopped: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setenv("SLD_CHAT__PROVIDER", "offline")
    with pytest.raises(RunError, match="switch off"):
        consented(stopped, {"chat.provider": "openai"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("detector.path", "somebody/model"),
        ("detector.path", "package:antigravity/x"),
        ("detector.revision", "abc"),
        ("generator.kind", "openai"),
        ("segmenter.kind", "segment-anything"),
        ("editor.path", "/home/user/model"),
        ("heldout_detector.path", "/dev/zero"),
        ("editor.restyler.path", "somebody/model"),
    ],
)
def test_a_recorded_model_is_used_with_consent_only(stopped: RunFolder, key: str, value: str) -> None:
    with pytest.raises(RunError, match=f"sets {key} to '{value}'"):
        consented(stopped, {key: value})
    assert consented(stopped, {key: value}, **{key: value})


def test_what_does_no_harm_is_followed(stopped: RunFolder) -> None:
    made = consented(stopped, {"loop.rounds": 9, "editor.steps": 12, "chat.model": "a-model", "detector.nms": 0.4})
    assert (made.loop.rounds, made.editor.steps, made.chat.model, made.detector.nms) == (9, 12, "a-model", 0.4)


def test_a_preset_file_in_the_folder_is_not_read(stopped: RunFolder) -> None:
    tree = load_settings().model_dump(mode="json") | {"chat": {"base_url": "http://evil.example"}}
    evil = stopped.path / "evil.yaml"
    evil.write_text(json.dumps(tree))  # JSON is YAML
    for recorded in ("evil.yaml", "./evil.yaml", "../run/evil.yaml", str(evil)):
        stopped.write_record(stopped.read_record() | {"preset": recorded})
        with pytest.raises(RunError, match="names a preset inside the run itself"):
            consented(stopped, {})


def test_a_preset_file_beside_the_folder_is_no_consent_either(stopped: RunFolder) -> None:
    preset = stopped.path.parent / "mine.yaml"
    tree = load_settings().model_dump(mode="json")
    stopped.write_record(stopped.read_record() | {"preset": os.path.relpath(preset, stopped.path)})

    preset.write_text(json.dumps(tree | {"loop": {"rounds": 8}}))
    assert consented(stopped, {}).loop.rounds == 8

    preset.write_text(json.dumps(tree | {"chat": {"base_url": "http://evil.example"}}))
    with pytest.raises(RunError, match=r"--allow-endpoint evil\.example"):
        consented(stopped, {})
    assert consented(stopped, {}, preset=str(preset)).chat.base_url == "http://evil.example"


@pytest.mark.parametrize("overrides", [[], 7, "x"])
def test_a_record_without_sense_is_refused_in_a_sentence(stopped: RunFolder, overrides: Any) -> None:
    with pytest.raises(RunError, match="holds no preset and overrides"):
        consented(stopped, overrides or [1])


@pytest.mark.parametrize("allow", [False, True])
def test_at_the_command_line_a_recorded_server_hears_nothing_without_consent(
    stopped: RunFolder, allow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setattr(commands, "make_backend", lambda settings: World(START))
    server = Server()
    with server.play(failed(400, "no")) as endpoint:
        stopped.write_record(stopped.read_record() | {"overrides": {"chat.base_url": endpoint.url}})
        consent = ["--allow-endpoint", "127.0.0.1"] if allow else []
        ended = CliRunner().invoke(app, ["correct", "--resume", str(stopped.path), *consent])
    server.close()
    assert ended.exit_code == (1 if allow else 2), ended.output
    assert set(endpoint.keys) == ({"Bearer none"} if allow else set())
    assert ("--allow-endpoint 127.0.0.1" in ended.stderr) is not allow
