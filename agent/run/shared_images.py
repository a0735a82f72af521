"""Pictures that many machines share: a content-addressed store on any fsspec path, and copies in the session's folder.

A picture's name is its content, so a copy is never old, writing twice does no harm, and no lock is needed. Which
session has which picture is noted in the database: nobody sees another session's by guessing an id.
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from tools.files import read_file, write_bytes
from tools.images import MAX_BYTES, ImageStore, PictureError, content_id, open_picture
from tools.remote_files import filesystem, reading, remote_error

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from agent.run.database import Database
    from tools.redaction import Redactor


class PictureStore:
    """``<base>/<two digits>/<id>.png`` on any file system that fsspec knows."""

    def __init__(self, base: str) -> None:
        self._files, self._base = filesystem(base)

    def put(self, image_id: str, data: bytes) -> None:
        """Keep a picture; one that is there already stays."""
        place = self._place(image_id)
        with remote_error(f"picture {image_id}"):
            if not self._files.exists(place):
                self._files.makedirs(posixpath.dirname(place), exist_ok=True)
                self._files.pipe_file(place, data)

    def get(self, image_id: str) -> bytes | None:
        """Return a picture's file, None where there is none."""
        with remote_error(f"picture {image_id}"):
            try:
                return reading(self._files, self._place(image_id), MAX_BYTES)
            except FileNotFoundError:
                return None

    def _place(self, image_id: str) -> str:
        return f"{self._base}/{image_id[:2]}/{image_id}.png"


class SharedImages(ImageStore):
    """The pictures of one session; its folder holds copies of those that were looked at."""

    def __init__(
        self, folder: Path, redactor: Redactor | None, pictures: PictureStore, database: Database, session: str
    ) -> None:
        super().__init__(folder, redactor)
        self._pictures, self._database, self._session = pictures, database, session

    def path(self, image_id: str) -> Path:
        """Return where a copy lies, fetched where it is missing and the session has this picture.

        Raises:
            PictureError: the id is not one, or what is kept under it is another picture.
        """
        path = super().path(image_id)
        if not path.is_file() and self._has(image_id) and (data := self._pictures.get(image_id)) is not None:
            if content_id(open_picture(data, transparent=True))[:16] != image_id:
                raise PictureError(f"the picture kept as {image_id!r} is another one: is the store damaged?")
            write_bytes(path, data)
        return path

    def save(self, image: Image.Image) -> str:
        """Keep a picture where everybody finds it, and return its id."""
        image_id = super().save(image)
        self._share(image_id)
        return image_id

    def adopt(self, file: Path) -> None:
        """Keep a picture that another store wrote."""
        super().adopt(file)
        self._share(file.stem)

    def ids(self) -> list[str]:
        """Return the ids of all pictures of the session."""
        rows = self._database.run("SELECT id FROM sld_pictures WHERE session = %s ORDER BY id", (self._session,))
        return [row["id"] for row in rows]

    def made(self) -> list[str]:
        """Return the names of all that any process remembered."""
        rows = self._database.run("SELECT key FROM sld_made WHERE session = %s ORDER BY key", (self._session,))
        return [row["key"] for row in rows]

    def read_made(self, name: str) -> dict[str, Any] | None:
        """Return one of them."""
        found = "SELECT record FROM sld_made WHERE session = %s AND key = %s"
        rows = self._database.run(found, (self._session, name))
        record = json.loads(rows[0]["record"]) if rows else None
        return record if isinstance(record, dict) else None

    def write_made(self, name: str, record: dict[str, Any]) -> None:
        """Keep one."""
        self._database.run(
            "INSERT INTO sld_made VALUES (%s, %s, %s)"
            " ON CONFLICT (session, key) DO UPDATE SET record = EXCLUDED.record",
            (self._session, name, json.dumps(record)),
        )

    def _has(self, image_id: str) -> bool:
        noted = "SELECT 1 FROM sld_pictures WHERE session = %s AND id = %s"
        return bool(self._database.run(noted, (self._session, image_id)))

    def _share(self, image_id: str) -> None:
        if not self._has(image_id):
            self._pictures.put(image_id, read_file(super().path(image_id), MAX_BYTES))
            noted = "INSERT INTO sld_pictures VALUES (%s, %s) ON CONFLICT DO NOTHING"
            self._database.run(noted, (self._session, image_id))
