"""Workers on a Ray cluster: what they answer, whoever answers, and what becomes of a replica that is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.run.cluster import connected
from configs.errors import SettingsError
from configs.settings import BackendSettings, Settings
from tests.clusters import nodes
from tests.tiny_models import save_models
from tests.tools.backend.test_together import CALLS, conversation
from tests.tools.backend.test_together import settings as preset
from tools.backend.local import LocalBackend
from tools.backend.protocol import BackendUnavailable
from tools.backend.remote.client import RemoteBackend
from tools.backend.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ray.serve", reason="the extra [ray] is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
ROWS = 8
LONG = 400  # steps of a picture that is long in the making


def load(settings: Settings, together: Together) -> LocalBackend:
    """Make a backend, and note in whose process."""
    with (Path(settings.detector.path).parent / "loads").open("a") as log:
        log.write(f"{os.getpid()} {settings.segmenter.path}\n")
    return LocalBackend(settings, together)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with nodes(2, cpus=2) as cluster, connected(cluster.address):
        from tools.backend.remote.replica import Plan, deployed

        with pytest.raises(BackendUnavailable, match="no workers on the cluster"):
            _ = remote(preset(folder), f"ray:{cluster.address}", patience=0).capabilities
        with deployed(Plan(lanes=CALLS, rows=ROWS, presets=2, most=2), load) as new:
            assert new
            yield f"ray:{cluster.address}"


def remote(settings: Settings, address: str, **more: Any) -> RemoteBackend:
    return RemoteBackend(settings.model_copy(update={"backend": BackendSettings(url=address, **more)}))


class Enough(Exception):
    """Of an answer that is waited for."""


def lives(process: int) -> bool:
    """Whether a process is there."""
    return Path(f"/proc/{process}").exists()


def long(folder: Path) -> Settings:
    """Return settings with which a picture takes a while."""
    tree = preset(folder).model_dump(mode="json", exclude_none=True)
    tree["generator"] |= {"steps": LONG}
    return Settings.model_validate(tree)


def loads(folder: Path) -> list[str]:
    return (folder / "loads").read_text().splitlines()


def test_conversations_at_once_get_what_each_gets_alone(folder: Path, address: str) -> None:
    alone = LocalBackend(preset(folder), Together(1, rows=ROWS))
    expected = [conversation(alone, number)[:-1] for number in range(2 * CALLS)]
    backend = remote(preset(folder), address)
    with ThreadPoolExecutor(2 * CALLS) as threads:
        found = list(threads.map(lambda number: conversation(backend, number)[:-1], range(2 * CALLS)))
    assert found == expected
    assert backend.fingerprint("edit") == alone.fingerprint("edit")
    assert backend.capabilities == alone.capabilities


def test_models_of_several_presets_are_loaded_once_a_replica(folder: Path, address: str) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "sam").symlink_to(folder / "sam")
    tree = preset(folder).model_dump(mode="json", exclude_none=True)
    second = Settings.model_validate(tree | {"segmenter": {"path": str(other / "sam")}})
    presets = [preset(folder), second, preset(folder, steps=2)]
    for number in range(6):
        assert conversation(remote(presets[number % 3], address), 1)[1] is not None
    assert len(loads(folder)) == len(set(loads(folder)))
    assert len({line.split()[1] for line in loads(folder)}) == 2


def test_a_replica_that_is_killed_in_the_middle_changes_nothing(folder: Path, address: str) -> None:
    settings = long(folder)
    expected = LocalBackend(settings, Together(1, rows=ROWS)).generate("a red car", seed=7).images[0].tobytes()
    killed = list[int]()

    def kill_all(phase: str, done: int, total: int) -> None:
        if not killed:
            killed.extend({int(line.split()[0]) for line in loads(folder)})
            for process in killed:
                os.kill(process, signal.SIGKILL)

    backend = remote(settings, address, patience=300)
    assert backend.generate("a red car", seed=7, progress=kill_all).images[0].tobytes() == expected
    assert killed
    assert {int(line.split()[0]) for line in loads(folder)} > set(killed)


def test_who_leaves_ends_the_call_and_who_waits_too_long_is_told(folder: Path, address: str) -> None:
    settings = long(folder)

    def leave(phase: str, done: int, total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        remote(settings, address).generate("a red car", progress=leave)
    late = remote(settings, address, seconds=3)
    _ = late.capabilities
    with pytest.raises(BackendUnavailable, match=r"backend\.seconds"):
        late.with_settings(settings.model_copy(update={"backend": late.settings.backend})).generate("a red car", n=20)
    assert remote(preset(folder), address).generate("a red car").images


def test_a_line_that_lasts_brings_another_replica(folder: Path, address: str) -> None:
    backend, enough = remote(long(folder), address), threading.Event()

    def leave(*step: Any) -> None:
        if enough.is_set():
            raise Enough

    with ThreadPoolExecutor(3 * CALLS) as threads:
        calls = [
            threads.submit(backend.generate, "a red car", seed=seed, n=20, progress=leave) for seed in range(3 * CALLS)
        ]
        try:
            while sum(map(lives, {int(line.split()[0]) for line in loads(folder)})) < 2:
                assert not any(call.done() for call in calls)
                time.sleep(0.2)
        finally:
            enough.set()
    assert all(isinstance(call.exception(), Enough) for call in calls)


def test_replicas_that_are_there_are_used_and_stay(folder: Path, address: str) -> None:
    from tools.backend.remote.replica import Plan, deployed

    with deployed(Plan(), load) as new:
        assert not new
    assert remote(preset(folder), address).generate("a red car").images


def test_an_address_without_a_cluster_is_said() -> None:
    with pytest.raises(SettingsError, match="no Ray cluster"), connected("127.0.0.1:1"):
        pass
