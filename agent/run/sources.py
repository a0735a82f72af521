"""Other pictures that come with a job or a conversation, by the names that instructions call them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agent.run.folder import RunError
from tools.images import PictureError, open_picture
from tools.scene.other_picture import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image

    Given = Mapping[str, Image | str | Path] | Sequence[str | Path]
    """Pictures or their paths by name, or paths alone, which go by their files' names."""

MOST = 8
_FILE = re.compile(r"\"([^\"]+\.\w{3,4})\"|'([^']+\.\w{3,4})'|([^\s\"',;:]+\.\w{3,4})(?![\w.])")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")


def opened(given: Given, *, before: Iterable[str] = ()) -> dict[str, Image]:
    """Return pictures by name; ``before`` are the names that are taken.

    Raises:
        RunError: a name is empty, too long or given twice, or there are too many pictures.
        PictureError: a picture cannot be used.
    """
    named = given.items() if isinstance(given, Mapping) else [(Path(path).name, path) for path in given]
    result: dict[str, Image] = {}
    taken = {name.lower() for name in before}
    for name, picture in named:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise RunError(f"{name!r} is no name for a picture: use 1 to {LONGEST_NAME} characters")
        if name.lower() in taken:
            raise RunError(f"there is another picture called {name!r} already: rename one of the files")
        taken.add(name.lower())
        result[name] = open_picture(picture) if isinstance(picture, (str, Path)) else picture
    if len(taken) > MOST:
        raise RunError(f"{len(taken)} other pictures are too many: give at most {MOST}")
    return result


def files_named(text: str, folder: Path, known: Iterable[str] = ()) -> list[Path]:
    """Return the files of pictures that a text names and that are there: in ``folder`` or where one stands.

    For texts that the user of this machine wrote; ``known`` names are left out.
    """
    found: list[Path] = []
    taken = {name.lower() for name in known}
    for match in _FILE.finditer(text):
        name = next(filter(None, match.groups()))
        path = Path(name).expanduser()
        if path.suffix.lower() not in _PICTURES or path.name.lower() in taken:
            continue
        places = [path] if path.is_absolute() else [path, folder / path]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise PictureError(
                f"there is no file {name!r}, which the text names: check the path, or give --source PATH"
            )
        found.append(there)
        taken.add(path.name.lower())
    return found
