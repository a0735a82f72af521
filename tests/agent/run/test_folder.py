import errno
import subprocess
import sys
from pathlib import Path

import pytest

from agent.run.folder import RunError, RunFolder, find_runs, new_folder
from agent.trace.events import VERSION
from tools.files import write_text


def test_a_new_folder_is_named_by_time_and_title_and_never_taken(tmp_path: Path) -> None:
    first = new_folder("Two RED cars, please! ../../etc", tmp_path)
    second = new_folder("Two RED cars, please! ../../etc", tmp_path)

    assert first.path.name.endswith("-two-red-cars-please-etc")
    assert first.path.parent == tmp_path
    assert second.path != first.path
    assert first.path.is_dir()


def test_a_title_without_letters_still_makes_a_name(tmp_path: Path) -> None:
    assert new_folder("../..", tmp_path).path.name.endswith("-run")


def test_the_record_is_read_back_with_its_version(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    asked = {"prompt": "a dog", "instruction": "", "image": None, "spec": None, "target": None, "seed": 0}
    record = {"status": "running", "input": asked, "preset": "iconworld", "overrides": {}}
    folder.write_record(record)

    assert folder.read_record() == {"version": VERSION, **record}
    assert [path.name for path in folder.path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": 99}'], ids=["empty", "broken", "list", "older", "newer"]
)
def test_an_unusable_record_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(RunError, match=r"run\.json"):
        RunFolder(tmp_path).read_record()


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run"):
        RunFolder(tmp_path).read_record()
    assert find_runs(tmp_path) == ()
    assert find_runs(tmp_path / "missing") == ()


def test_another_process_is_kept_out_until_this_one_lets_go(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    code = (
        "import sys; from pathlib import Path; from agent.run.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked(): print('in', flush=True)"
    )

    def enter() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    with RunFolder(tmp_path).locked():
        refused = enter()
    admitted = enter()

    assert refused.stdout == ""
    assert "another process" in refused.stderr
    assert admitted.stdout == "in\n"


def test_a_failed_write_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_text(target, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no room"):
        write_text(target, "new")

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_half_a_character_is_written_as_a_question_mark(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "new \ud800")
    assert (tmp_path / "file").read_text() == "new ?"


def test_clearing_leaves_nothing_of_a_run_and_keeps_other_files(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_record({"status": "finished"})
    write_text(folder.images_path / "a.png", "x")
    write_text(tmp_path / "mine.txt", "keep")

    folder.clear()

    assert not folder.started
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.txt", ".lock"}
