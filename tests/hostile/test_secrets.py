"""A secret planted in every way, echoed by the server in every way: it is in no byte of any artifact."""

from __future__ import annotations

import base64
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from agent.cli import batch, chat
from agent.cli import run as commands
from agent.cli.app import app
from agent.run import driver
from agent.trace.events import TraceWriter, read_trace
from configs.settings import load_settings
from tests.agent.endpoint import Reply, Server, failed, said
from tests.agent.jobs import PROMPT, SPEC, START
from tests.world import World, draw
from tools.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "Sk-s3cr3t-Ab+/x9-Zq"
LOGIN = base64.b64encode(f"user:{SECRET}".encode()).decode()
FORMS = [
    SECRET.lower(),
    LOGIN.lower(),
    *(base64.b64encode(b"x" * at + SECRET.encode()).decode()[4:-4] for at in range(3)),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def echo() -> list[Reply]:
    """Return what a server says that has seen the secret and repeats it wherever it can."""
    coded = base64.b64encode(SECRET.encode()).decode()
    loud = f"{SECRET} {SECRET.lower()} {SECRET.upper()} Basic {LOGIN} Bearer {SECRET} {coded}"
    act = said(loud, tools=[(SECRET, {SECRET: loud}), ("detect", {"phrases": [SECRET]}), ("edit", f"{{broken {loud}")])
    act.body["choices"][0]["message"]["tool_calls"][0]["id"] = SECRET
    spec = json.dumps(SPEC | {"background": SECRET})
    return [said(spec), act, act, failed(400, loud, code=SECRET, X_Echo="x")]


def leaks(data: bytes, where: str) -> list[str]:
    lowered = data.decode("latin-1").lower()
    return [f"{form} in {where}" for form in FORMS if form.lower() in lowered]


WAYS: dict[str, tuple[dict[str, str], list[str]]] = {
    "OPENAI_API_KEY": ({"OPENAI_API_KEY": SECRET}, ["--set", "chat.base_url={url}"]),
    "SLD_CHAT__API_KEY": ({"SLD_CHAT__API_KEY": SECRET}, ["--set", "chat.base_url={url}"]),
    "OPENAI_BASE_URL": ({"OPENAI_BASE_URL": "{login}"}, []),
    "--set a key": ({}, ["--set", "chat.base_url={url}", "--set", f"chat.api_key={SECRET}"]),
    "--set a section": ({}, ["--set", f"chat={{base_url: '{{url}}', api_key: '{SECRET}'}}"]),
    "--set a login": ({}, ["--set", "chat.base_url={login}"]),
    "--set a login in a section": ({}, ["--set", "chat={base_url: '{login}'}"]),
    "--set a token in the address": ({}, ["--set", "chat.base_url={token}"]),
    "--set a key in the query": ({}, ["--set", "chat.base_url={query}"]),
    "a preset": ({}, ["--preset", "mine.yaml"]),
    "another variable": ({"MY_SERVICE_TOKEN": SECRET}, ["--set", "chat.base_url={url}"]),
    "the prompt": ({"OPENAI_API_KEY": SECRET}, ["--set", "chat.base_url={url}", "--prompt-too"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_planted_secret_is_in_no_artifact(
    way: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, arguments = WAYS[way]
    sent: list[dict[str, Any]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "make_backend", lambda settings: World(START))
    monkeypatch.setattr(driver, "follower", lambda session: sent.append)
    with server.play(*echo()) as endpoint:
        rest = endpoint.url.removeprefix("http://")
        urls = {
            "{url}": endpoint.url,
            "{login}": f"http://user:{SECRET.replace('/', '%2F')}@{rest}",
            "{token}": f"http://{SECRET.replace('/', '%2F')}@{rest}",
            "{query}": f"{endpoint.url}?key={SECRET}",
        }

        def put(text: str) -> str:
            for name, url in urls.items():
                text = text.replace(name, url)
            return text

        for name, value in environment.items():
            monkeypatch.setenv(name, put(value))
        tree = load_settings("iconworld", environment={}).model_dump(mode="json")
        tree["chat"] |= {"base_url": endpoint.url, "api_key": SECRET}
        Path("mine.yaml").write_text(yaml.safe_dump(tree))
        prompt = f"{PROMPT} {SECRET}" if "--prompt-too" in arguments else PROMPT
        options = [put(argument) for argument in arguments if argument != "--prompt-too"]
        chosen = ["--set", "chat.structured_output=function_calling"]  # asking for it would take an answer
        chosen += [] if "--preset" in options else ["--preset", "iconworld"]
        draw(START).save("start.png")
        ended = CliRunner().invoke(app, ["correct", "start.png", prompt, *options, *chosen])
        Path("mine.yaml").unlink()

    shown = ended.stdout + ended.stderr
    (run,) = Path("runs").iterdir()
    for more in (["report", str(run)], ["show", str(run)], ["export", str(run), "--format", "jsonl"]):
        shown += CliRunner().invoke(app, ["trace", *more]).output
    CliRunner().invoke(app, ["trace", "export", str(run), "--format", "zip", "--out", "run.zip"])
    found = leaks(shown.encode("utf-8", "replace"), "the terminal") + leaks(json.dumps(sent).encode(), "OpenTelemetry")
    for path in Path().rglob("*"):
        found += leaks(str(path).encode(), "a name") + (leaks(path.read_bytes(), str(path)) if path.is_file() else [])
    with zipfile.ZipFile("run.zip") as archive:
        for name in archive.namelist():
            found += leaks(archive.read(name), f"zip:{name}")
    assert ended.exit_code == 1, shown
    assert len(endpoint.requests) == 4, "the server has said everything"
    assert not found
    for line in (run / "trace.jsonl").read_text().splitlines():
        json.loads(line)
    with sqlite3.connect(run / "checkpoints.sqlite") as database:
        assert database.execute("SELECT count(*) FROM checkpoints").fetchone()[0] > 3


def test_an_unexpected_error_shows_no_key_of_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is in no variable: only the settings know it."""
    monkeypatch.chdir(tmp_path)
    tree = load_settings("iconworld", environment={}).model_dump(mode="json")
    tree["chat"] |= {"base_url": "http://127.0.0.1:9/v1", "api_key": SECRET}
    Path("mine.yaml").write_text(yaml.safe_dump(tree))

    def fail(*_: object) -> None:
        raise ZeroDivisionError(f"no {SECRET}, no {SECRET.lower()}")

    for module in (commands, chat, batch):
        monkeypatch.setattr(module, "make_backend", fail)
    draw(START).save("start.png")
    Path("items.json").write_text(json.dumps([{"input_fname": "start", "output_dir": "one", "prompt": PROMPT}]))
    into = ["--mode", "self_correction", "--input-dir", ".", "--output-dir", "out"]
    for command in (["generate", PROMPT, "--json"], ["chat", "start.png"], ["batch", "items.json", *into]):
        ended = CliRunner().invoke(app, [*command, "--preset", "mine.yaml"])
        assert "ZeroDivisionError: no ***, no ***" in ended.stderr, ended.output
        assert not leaks(ended.output.encode(), "the terminal")


@pytest.mark.parametrize("line", ['api_key: "{}', "api_key: [{}", "{}: : {}", "\tapi_key: {}"])
def test_a_preset_that_is_no_yaml_is_refused_without_its_lines(line: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("chat:\n  " + line.replace("{}", SECRET) + "\n")
    ended = CliRunner().invoke(app, ["parse", "a red car", "--preset", str(tmp_path / "mine.yaml")])
    assert ended.exit_code == 2
    assert "is not valid YAML (line" in ended.stderr
    assert not leaks(ended.output.encode(), "the terminal")


@pytest.mark.parametrize(
    "key", ["test", "null", "llm", "true", "red", "function", "operations", "not-needed", '"', "{"]
)
def test_a_key_that_is_an_ordinary_word_changes_nothing(tmp_path: Path, key: str) -> None:
    event = {
        "tool": "edit",
        "arguments": {"operations": [{"op": "restyle", "red": None, "test": "a test"}]},
        "ok": True,
    }

    TraceWriter(tmp_path / "plain.jsonl").write("llm", **event)
    TraceWriter(tmp_path / "trace.jsonl", Redactor((key,))).write("llm", **event)

    plain, written = read_trace(tmp_path / "plain.jsonl"), read_trace(tmp_path / "trace.jsonl")
    assert {**written[0], "at": ""} == {**plain[0], "at": ""}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("https://user:hunter2@host/v1 fails", "https://***@host/v1 fails"),
        ("Authorization: Basic dXNlcjpodW50ZXIy", "Authorization: Basic ***"),
        ("authorization: bearer abc123def", "authorization: bearer ***"),
        ("a basic rectangle and a bearer of furniture", "a basic rectangle and a bearer of furniture"),
        ("mail me@example.org or see https://example.org/a@b", "mail me@example.org or see https://example.org/a@b"),
        ("the key sk-proj-abcdefghijklmnop is wrong", "the key *** is wrong"),
        ("in /home/me/runs and /home/mean and /xhome/me", "in ~/runs and /home/mean and /xhome/me"),
        ("file:///home/me/a.png", "file://~/a.png"),
    ],
)
def test_known_shapes_are_taken_out_and_words_stay(text: str, cleaned: str) -> None:
    assert Redactor(places=(("/home/me", "~"), ("/", "?"))).text(text) == cleaned


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("after", ["", "x", "yz", "w" * 9])
def test_base64_is_found_at_every_place(before: str, after: str) -> None:
    coded = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    cleaned = Redactor((SECRET,)).text(f"<{coded}>").strip("<>")
    around = len(base64.b64encode((before + after).encode()))  # what the neighbours need, and some bits of the secret
    assert "***" in cleaned
    assert len(cleaned) <= len("***") + around + 4


def test_a_long_text_is_cleaned_before_it_is_cut(tmp_path: Path) -> None:
    TraceWriter(tmp_path / "trace.jsonl", Redactor((SECRET,))).write("llm", answer="x" * 19_990 + SECRET)
    assert SECRET[:8] not in (tmp_path / "trace.jsonl").read_text()
