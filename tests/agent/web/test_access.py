"""Who is let in: names, origins and tokens."""

from __future__ import annotations

import pytest

from agent.web.access import Access, AccessError

TOKEN = "a-token-of-some-length"
HOST = {"host": "127.0.0.1:8080"}


def status(access: Access, headers: dict[str, str], method: str = "GET", path: str = "/api/sessions") -> int:
    found = access.refusal(method, path, headers.pop("query", ""), headers)
    return found.status if found else 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1@evil.example", 403),
        ("192.168.1.5:8080", 403),
        ("", 403),
        ("[::1", 403),
    ],
)
def test_a_server_of_this_machine_has_this_machine_s_names(host: str, expected: int) -> None:
    assert status(Access.of("127.0.0.1", None), {"host": host}) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.5:8080", 401), ("[2001:db8::1]:8080", 401), ("sld.example:443", 401), ("evil.example", 403)],
)
def test_a_server_on_every_address_has_no_names_but_those_it_was_told(host: str, expected: int) -> None:
    access = Access.of("0.0.0.0", None, ("sld.example",))
    assert status(access, {"host": host}) == expected


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {"origin": "http://127.0.0.1:8080"}, 200),
        ("POST", {"origin": "https://127.0.0.1:8080"}, 200),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": "http://127.0.0.1:9999"}, 403),
        ("GET", {"origin": "http://evil.example"}, 403),
        ("OPTIONS", {"origin": "http://evil.example"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 403),
        ("POST", {"sec-fetch-site": "same-origin"}, 200),
        ("POST", {}, 200),
    ],
)
def test_other_origins_ask_for_nothing(method: str, headers: dict[str, str], expected: int) -> None:
    assert status(Access.of("127.0.0.1", None), HOST | headers, method) == expected


def test_an_address_that_others_reach_gets_a_token() -> None:
    assert Access.of("127.0.0.1", None).token is None
    made = Access.of("0.0.0.0", None).token
    assert made is not None
    assert len(made) >= 32
    assert made != Access.of("0.0.0.0", None).token


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "ümlaute-in-a-long-token", "line\nbreak-in-a-token"])
def test_a_token_that_can_be_guessed_or_not_sent_is_refused(token: str) -> None:
    with pytest.raises(AccessError, match="--token must"):
        Access.of("127.0.0.1", token)


ACCESS = Access.of("127.0.0.1", TOKEN)
PICTURE = "/api/sessions/desk/pictures/0123456789abcdef.png"
KEY = ACCESS.key(PICTURE).removeprefix("?")


@pytest.mark.parametrize(
    ("headers", "path", "expected"),
    [
        ({}, "/api/sessions", 401),
        ({}, "/", 401),
        ({"authorization": f"Bearer {TOKEN}"}, "/api/sessions", 200),
        ({"authorization": f"bearer  {TOKEN}"}, "/api/sessions", 200),
        ({"authorization": f"Bearer {TOKEN}x"}, "/api/sessions", 401),
        ({"authorization": "Bearer "}, "/api/sessions", 401),
        ({"authorization": TOKEN}, "/api/sessions", 401),
        ({"authorization": "Bearer ümlaut"}, "/api/sessions", 401),
        ({"cookie": f"other=1; sld_access={ACCESS.cookie}"}, "/api/sessions", 200),
        ({"cookie": f"sld_access={TOKEN}"}, "/api/sessions", 401),
        ({"cookie": "sld_access="}, "/api/sessions", 401),
        ({"query": KEY}, PICTURE, 200),
        ({"query": KEY}, PICTURE.replace("desk", "other"), 401),
        ({"query": KEY}, "/api/sessions", 401),
        ({"query": f"token={TOKEN}"}, "/api/sessions", 401),
    ],
)
def test_without_the_token_there_is_nothing(headers: dict[str, str], path: str, expected: int) -> None:
    assert status(ACCESS, HOST | headers, path=path) == expected


def test_the_cookie_is_not_the_token_and_another_token_s_cookie_is_worth_nothing() -> None:
    assert TOKEN not in ACCESS.cookie
    assert Access.of("127.0.0.1", TOKEN + "2").cookie != ACCESS.cookie
