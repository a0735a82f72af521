"""`sld worker` as a process: asked to stop it ends what runs and hands the rest back, to whoever is there next."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from typer.testing import CliRunner

from configs.settings import BackendSettings, Settings
from sld.cli import app
from tests.tiny_models import save_models
from tests.workers import ROOT
from tools.backend.local import LocalBackend
from tools.backend.remote.client import RemoteBackend

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 60  # of a picture: so long that there is time to stop in the middle


def preset(folder: Path, place: Path) -> Path:
    """Write the preset of the tiny models."""
    generator = {"path": str(folder / "gligen"), "steps": STEPS, "width": 32, "height": 32}
    parts = {"detector": "owl", "segmenter": "sam", "editor": "gligen"}
    tree = {name: {"path": str(folder / path)} for name, path in parts.items()} | {"generator": generator}
    (place / "tiny.yaml").write_text(json.dumps(tree))
    return place / "tiny.yaml"


def start(given: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """Start a worker and wait until it takes calls."""
    command = ["-m", "sld", "worker", "--preset", str(given), "--port", str(port), *options]
    worker = subprocess.Popen(
        [sys.executable, *command],
        cwd=given.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_worker_niceness": "0"},  # on a busy machine they would starve
        stderr=subprocess.PIPE,
    )
    assert worker.stderr is not None
    said = [worker.stderr.readline()]
    while b"listening" not in said[-1]:
        assert said[-1], said  # the end
        said.append(worker.stderr.readline())
    assert httpx.get(f"http://127.0.0.1:{port}/ready").json() == {"status": "ready", "calls": 0}
    return worker


def ended(worker: subprocess.Popen[bytes]) -> int:
    """Wait for the end and return the exit code."""
    with worker:
        return worker.wait(300)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "options",
    [(), ("--lanes", "2"), ("--ray", "local", "--lanes", "2")],
    ids=["one call at a time", "two lanes", "a replica on a cluster"],
)
def test_a_worker_that_is_stopped_ends_what_runs_and_hands_the_rest_back(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    given = preset(save_models(tmp_path / "models"), tmp_path)
    settings = Settings.model_validate(json.loads(given.read_text()))
    expected = [LocalBackend(settings).generate("a car", seed=seed).images[0].tobytes() for seed in range(4)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    line = BackendSettings(url=f"http://127.0.0.1:{port}", patience=300)
    remote = RemoteBackend(settings.model_copy(update={"backend": line}))
    begun = threading.Event()

    def progress(*_: Any) -> None:
        begun.set()

    worker = start(given, port, *options)
    try:
        remote.capabilities  # noqa: B018 - it connects
        with ThreadPoolExecutor(4) as threads:
            pictures = [threads.submit(remote.generate, "a car", seed=seed, progress=progress) for seed in range(4)]
            assert begun.wait(300)
            worker.send_signal(signal.SIGTERM)
            assert ended(worker) == 0
            done = sum(picture.done() for picture in pictures)
            worker = start(given, port, *options)
            made = [picture.result(300).images[0].tobytes() for picture in pictures]
    finally:
        worker.kill()
        ended(worker)
    assert made == expected
    assert 0 < done < (5 if "--ray" in options else 4)  # a cluster's door has no line: the replica's is worked off


def test_models_that_are_moved_about_cannot_be_shared_by_lanes(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    given = preset(tmp_path / "models", tmp_path)
    refused = CliRunner().invoke(
        app, ["worker", "--preset", str(given), "--lanes", "2", "--set", "generator.offload=true"]
    )
    assert refused.exit_code == 2
    assert "generator.offload=false" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--replicas", "8:1"), "LEAST:MOST"),
        (("--replicas", "few"), "LEAST:MOST"),
        (("--ray", "ray://gpu:10001"), "HOST:6379"),
    ],
)
def test_replicas_that_cannot_be_are_refused(options: tuple[str, ...], said: str) -> None:
    refused = CliRunner().invoke(app, ["worker", "--preset", "iconworld", "--ray", "local", *options])
    assert refused.exit_code == 2
    assert said in refused.stderr


@pytest.mark.parametrize("url", ["ray:", "ray://gpu:10001", "ray:a/b"])
def test_an_address_of_workers_is_one(url: str) -> None:
    with pytest.raises(ValueError, match="an address such as"):
        BackendSettings(url=url)
