"""Who may talk to the server: which names it goes by, which origins, with which token.

A page of another site can make a browser send requests here, and can make its own name point here (DNS rebinding).
So the name that a request asks for must be one of this server, and a browser's request must come from its own pages.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIE = "sld_access"
SHORTEST = 16  # characters of a token: what is shorter can be tried out
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PICTURES = ("/pictures/", "/thumbnails/")
SAFE = ("GET", "HEAD")


class AccessError(ValueError):
    """An address or a token that the server must not be started with; the message says what to do."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    message: str


@dataclass(frozen=True)
class Access:
    """What the server answers to. ``token``: None lets everybody in who reaches it, on this machine alone."""

    host: str = "127.0.0.1"
    token: str | None = None
    names: frozenset[str] = field(default_factory=frozenset)
    """Names besides its own that the server may be asked by, such as a reverse proxy's."""

    @classmethod
    def of(cls, host: str, token: str | None, names: tuple[str, ...] = ()) -> Access:
        """Return the access for an address; one that others can reach gets a token if none is given.

        Raises:
            AccessError: the token is too short, or holds what cannot be sent in a header.
        """
        if token is not None and (len(token) < SHORTEST or not token.isascii() or not token.isprintable()):
            raise AccessError(
                f"--token must have at least {SHORTEST} plain characters: leave it out to have one made"
                if not token or len(token) < SHORTEST
                else "--token must be made of plain ASCII characters"
            )
        if token is None and host not in LOOPBACK:
            token = secrets.token_urlsafe(24)
        return cls(host, token, frozenset(name.lower() for name in names))

    def refusal(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request is refused; None lets it through."""
        host = headers.get("host", "")
        if not self._is_own(host):
            return Refusal(403, f"this server is not called {host[:100]!r}: --allow-host adds a name")
        if not _is_same_origin(method, host, headers):
            return Refusal(403, "a page of another origin asked for this: that is refused")
        if self.token is not None and not self._is_known(path, query, headers):
            return Refusal(401, "a token is needed (Authorization: Bearer TOKEN): the server printed it at its start")
        return None

    def opens(self, query: str) -> bool:
        """Whether a page's address brings the token, to be kept in a cookie from then on."""
        given = parse_qs(query).get("token", [""])[0]
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    @property
    def cookie(self) -> str:
        """What the cookie holds: proof of the token, not the token."""
        return self._signed("cookie")

    def key(self, path: str) -> str:
        """Return the query that opens this one picture to whoever is given its address; "" where all may see it."""
        return "" if self.token is None else f"?key={self._signed(path)}"

    def _signed(self, text: str) -> str:
        return hmac.new((self.token or "").encode(), text.encode(), hashlib.sha256).hexdigest()[:40]

    def _is_known(self, path: str, query: str, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), (self.token or "").encode()):
            return True
        if hmac.compare_digest(_cookie(headers.get("cookie", "")).encode(), self.cookie.encode()):
            return True
        given = parse_qs(query).get("key", [""])[0]
        return any(part in path for part in PICTURES) and hmac.compare_digest(
            given.encode(), self._signed(path).encode()
        )

    def _is_own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in (*LOOPBACK, self.host.lower(), *self.names):
            return bool(name)
        if self.host not in ("0.0.0.0", "::", ""):
            return False
        return _is_address(name) or name == socket.gethostname().lower()  # an address needs no name: no rebinding


def _is_same_origin(method: str, host: str, headers: Mapping[str, str]) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == host.lower()
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return True
    # a link on another page may lead here; nothing else of it may ask for anything
    purpose = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method in SAFE and purpose == ("navigate", "document")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
