"""README and CONTRIBUTING say what is true: the graph's drawing, files that are named, commands that are shown."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sld
from configs.preset_files import preset_names
from graphs.correction import build_graph
from sld.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_drawing_of_the_graph_is_the_graphs() -> None:
    drawn = re.sub(r"^---\n.*?\n---\n", "", build_graph().get_graph().draw_mermaid(), flags=re.DOTALL).strip()
    shown = re.search(r"<!-- graph:begin.*?-->\n```mermaid\n(.*?)\n?```\n<!-- graph:end -->", README, re.DOTALL)

    assert shown is not None
    assert shown[1].strip() == drawn, f"put this between the graph marks of README.md:\n\n{drawn}"


NAMED = re.compile(r"\]\(([\w./]+)\)|`((?:agent|configs|evals|graphs|iconworld|prompts|sld|tools)/[\w./]+)`")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page: str) -> None:
    named = {"".join(path) for path in NAMED.findall((ROOT / page).read_text(encoding="utf-8"))}
    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert len(named) > 5


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^sld (\w+)", README, re.MULTILINE))))
def test_commands_that_are_shown_exist(command: str) -> None:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_table_of_presets_is_complete() -> None:
    assert set(re.findall(r"^\| `([\w.-]+)` \|", README, re.MULTILINE)) == set(preset_names())


def test_the_programs_that_are_shown_use_names_that_exist() -> None:
    shown = set(re.findall(r"\bsld\.(\w+)", "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))))
    assert {"run", "Session"} <= shown <= set(sld.__all__)


BLOCKS = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
PATHS = re.compile(r"(?<![\w/.])(?:runs|sessions)/[\w./-]+")
MADE = re.compile(r"(?:--out|--output-dir|cat >|out=|open\(|/save|\.save\()\s*[\"']?((?:runs|sessions)/[\w./-]+)")
MANUAL = ("first-steps", "make", "talk", "traces", "presets", "models")


def lines_of(*pages: str) -> list[str]:
    """Return every line of code of these pages, in order, with what `make` leaves behind first."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in pages)
    return [line for _, block in BLOCKS.findall(text) for line in block.splitlines()]


@pytest.mark.parametrize(
    "pages",
    [("README.md",), tuple(f"docs/{name}.md" for name in MANUAL)],
    ids=["README", "manual"],
)
def test_every_file_that_a_command_takes_was_made_by_one_before_it(pages: tuple[str, ...]) -> None:
    made, unknown = {"runs/demo", "runs/photo"}, []
    for line in lines_of(*pages):
        making = set(MADE.findall(line))
        for path in set(PATHS.findall(line)) - making:
            if not any(path == known or path.startswith(f"{known}/") for known in made):
                unknown.append((path, line))
        made |= making
    assert unknown == []
