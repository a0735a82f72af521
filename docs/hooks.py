"""What the manual takes from the code instead of saying it again: settings, commands, and the README's pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the pictures that the README shows too."""
    sys.path.insert(0, str(ROOT))  # mkdocs imports hooks by file: the project need not be installed
    from configs.reference import settings_page

    files.append(File.generated(config, "settings.md", content=settings_page()))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    for picture in sorted((ROOT / "assets").glob("*.*")):
        files.append(File.generated(config, f"assets/{picture.name}", abs_src_path=str(picture)))
    return files


def commands_page() -> str:
    """Return every command with its arguments and options, as the program itself describes them."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "sld.cli", "utils", "docs", "--name", "sld", "--title", "Commands"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout
