"""``sld chat`` and ``sld sessions``: lines in, turns out, on a terminal or through a pipe."""

from __future__ import annotations

import inspect
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from agent.cli.console import hide, lines_of_input, output_console, print_notes
from agent.cli.history import draw_history
from agent.cli.options import ExitCode, Options, fail, in_words
from agent.cli.pictures import draw_inline
from agent.cli.progress import LiveProgress
from agent.cli.run import MARK_STYLES, announce_chat, announce_preset
from agent.models.backend import make_backend
from agent.run.folder import RunError, RunFolder, abandoned_on_error, new_folder
from agent.run.opening import opened_storage
from agent.run.sources import files_named
from agent.session.proposal import change
from agent.session.record import recorded_settings
from agent.session.session import Session
from agent.session.turn_result import SessionError, TurnResult, is_redo, is_undo, undo_count
from agent.trace.wording import mark, money, unchecked_clause, without_boxes
from tools.images import open_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.run.storage import Storage
    from agent.session.proposal import Proposal

COMMANDS = {
    "/undo": "take back the last change",
    "/redo": "take back the last undo",
    "/branch": "NAME [TURN]: begin a branch here, or after an earlier turn, and go there",
    "/switch": "NAME: go to another branch",
    "/history": "show every turn as a tree, the one you are at marked with >",
    "/show": "show how things stand: the picture's path, what is in it, what is wrong",
    "/save": "PATH: write the picture there, into a folder that is there",
    "/retry": "do the last turn again with another seed",
    "/picture": "PATH: take another picture along; 'add the dog from dog.jpg' copies out of it",
    "/approve": "on | off: stop before each edit",
    "/resume": "go on with a turn that was stopped",
    "/drop": "give up a turn that was stopped or waits",
    "/help": "show this",
    "/quit": "leave; the session stays",
}
APPROVAL = (
    "[y] do it · [n REASON] do not · or change it first: NUMBER x y w h (a box), NUMBER WORDS (such as: 1 blue cup)"
)


def chat(
    options: Options,
    *,
    image: Path | None,
    prompt: str | None,
    session: str | None,
    approve: bool | None,
    base: Path,
    sources: Sequence[Path] = (),
    verbose: bool = False,
) -> int:
    """Hold a conversation until the input ends; return the exit code of the last turn (0 on a terminal)."""
    if image is not None and prompt is not None:
        fail("give a picture to edit or --prompt for a new one, not both; `sld correct` corrects a picture")
    with ExitStack() as stack:
        storage = stack.enter_context(opened_storage(options.load().storage, base))
        title = image.stem if image else prompt or "chat"
        folder = _find(session, base, storage) if session else new_folder(title, base, storage)
        if session and (image is not None or prompt is not None) and folder.started:
            fail(f"session {session!r} has begun already: leave out the picture and --prompt to go on with it")
        stack.enter_context(abandoned_on_error(folder))
        picture = None if image is None else open_picture(image)
        preset = options.preset or (None if folder.started else announce_preset(picture))
        overrides = options.overrides()
        settings = hide(recorded_settings(folder, preset, overrides, options.allow_endpoint))
        opened = stack.enter_context(
            Session.open(
                folder,
                image=image,
                preset=preset,
                overrides=overrides,
                settings=settings,
                backend=make_backend(settings),
                chat=announce_chat(settings),
                seed=options.seed or 0,
                approve=approve,
                sources=sources,
            )
        )
        return Talk(opened, image.parent if image else Path(), verbose=verbose).run(prompt)


def list_sessions(options: Options, base: Path) -> None:
    """Print the sessions under ``base``, or in the storage that the settings name, oldest first."""
    with opened_storage(options.load().storage, base) as storage:
        _list_sessions([RunFolder(path, storage=storage) for path, _, _ in storage.listed(base)], base)


def _list_sessions(folders: Sequence[RunFolder], base: Path) -> None:
    table = Table("session", "turns", "state", "branches", "last said", box=None, pad_edge=False)
    console = output_console()
    for folder in folders:
        try:
            record = folder.read_record()
        except RunError as error:  # one broken session must not hide the others
            table.add_row(folder.path.name, "", "not readable", "", escape(str(error)))
            continue
        if "session" not in record:
            continue
        line = record["session"]
        state = f"unfinished: {line['pending']['text']}" if line["pending"] else "ready"
        state = "waits for approval" if record["status"] == "waiting" else state
        table.add_row(
            folder.path.name,
            str(line["turns"]),
            escape(state),
            escape(", ".join(line["branches"])),
            escape(line.get("last", "")),
        )
    console.print(table if table.row_count else f"no sessions in {str(base)!r}: `sld chat PICTURE` begins one")


class Talk:
    """The conversation at a terminal or on a pipe; ``code`` is the exit code so far. ``verbose`` shows boxes."""

    def __init__(self, session: Session, folder: Path = Path(), *, verbose: bool = False) -> None:
        self.session, self.folder, self.verbose = session, folder, verbose
        self.console = output_console()
        self.code = ExitCode.AGREED

    def run(self, prompt: str | None = None) -> int:
        """Take lines until the input or the conversation ends."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._say(f"session {self.session.folder.path.name} in {self.session.folder.path} (/help for commands)")
        if (proposal := self._proposal()) is not None:
            self._show_proposal(proposal)
        elif self.session.unfinished is not None:
            self._say(f"going on with {self.session.unfinished!r}")
            self._try(self.session.resume)
        elif prompt is not None:
            self._try(lambda listener: self.session.send(prompt, listener))
        elif interactive and self.session.show().image is None:
            self._say("say what the picture shall show")
        for line in _typed(self.session) if interactive else _piped():
            if not self.take(line):
                break
        if self.session.unfinished is not None:
            self._say(f"not finished: `sld chat --session {self.session.folder.path.name}` goes on from here")
        return ExitCode.AGREED if interactive else self.code

    def take(self, line: str) -> bool:
        """Do what a line says; return whether the conversation goes on."""
        line = line.strip()
        if not line:
            return True
        if line.startswith("/"):
            return self._command(line)
        if is_undo(line) or is_redo(line):
            return self._command(f"/undo {undo_count(line)}" if is_undo(line) else "/redo")
        if (proposal := self._proposal()) is not None:
            self._decide(line, proposal)
        else:
            self._try(lambda listener: self._send(line, listener))
        return True

    def _send(self, line: str, listener: LiveProgress) -> TurnResult:
        """Say a line; pictures that it names are taken along."""
        return self.session.send(line, listener, sources=files_named(line, self.folder, self.session.sources))

    def _picture(self, path: str) -> None:
        self.session.add_sources([Path(path).expanduser()])
        self._say(f"other pictures: {', '.join(self.session.sources)}")

    # -- commands -----------------------------------------------------------------------------

    def _command(self, line: str) -> bool:
        try:
            name, *arguments = shlex.split(line)
        except ValueError as error:
            self._refuse(f"{line!r}: {error}")
            return True
        actions: dict[str, Callable[..., None]] = {
            "/undo": lambda times="1": self._stand(self.session.undo(int(times) if times.isdigit() else 1)),
            "/redo": lambda: self._stand(self.session.redo()),
            "/branch": self._branch,
            "/switch": lambda to: self._stand(self.session.switch(to)),
            "/history": self._history,
            "/show": self._show,
            "/save": self._save,
            "/retry": lambda: self._try(self.session.retry),
            "/picture": self._picture,
            "/approve": self._approve,
            "/resume": lambda: self._try(self.session.resume),
            "/drop": self._drop,
            "/help": self._help,
        }
        if name in ("/quit", "/exit"):
            return False
        if name not in actions:
            self._refuse(f"there is no command {name!r}; /help lists them")
            return True
        try:
            inspect.signature(actions[name]).bind(*arguments)
        except TypeError:
            self._refuse(f"{name} {COMMANDS[name]}")
            return True
        try:
            actions[name](*arguments)
        except Exception as error:  # noqa: BLE001 - nothing that a line says may end the conversation
            self._refuse(in_words(error))
        return True

    def _proposal(self) -> Proposal | None:
        """Return what waits for approval; nothing, where that cannot be read: /drop gives such a turn up."""
        try:
            return self.session.proposal
        except (ValueError, LookupError, TypeError, AttributeError, RunError):
            return None

    def _branch(self, name: str, turn: str | None = None) -> None:
        if turn is not None and not turn.isdigit():
            raise SessionError(f"{turn!r} is no turn: /history shows their numbers")
        self._stand(self.session.branch(name, None if turn is None else int(turn)))

    def _approve(self, wanted: str = "on") -> None:
        self.session.approve = wanted.lower() not in ("off", "no", "0")
        self._say(f"approval is {'on' if self.session.approve else 'off'}")

    def _save(self, path: str) -> None:
        target = Path(path).expanduser()
        if not target.parent.is_dir():
            raise SessionError(f"there is no folder {str(target.parent)!r}: make it first, or name one that is there")
        self._say(f"saved: {self.session.save(target)}")

    def _drop(self) -> None:
        self.session.drop()
        self._stand(self.session.show())

    def _help(self) -> None:
        self._say("write an instruction ('make the cup red') or a question ('what do you see?')")
        for name, text in COMMANDS.items():
            self._say(f"  {name:9} {text}")

    def _show(self) -> None:
        proposal = self.session.proposal
        if proposal is not None:
            self._show_proposal(proposal)
            return
        stand = self.session.show()
        self._stand(stand)
        for placed in stand.layout.objects:
            self._say(f"  {placed.id}: {placed.phrase} at {[round(value, 2) for value in placed.box]}")
        self._verdict(stand)

    def _history(self) -> None:
        for line in draw_history(self.session.history(), verbose=self.verbose):
            self.console.print(line)

    # -- approval -----------------------------------------------------------------------------

    def _decide(self, line: str, proposal: Proposal) -> None:
        word, _, rest = line.partition(" ")
        if word.lower() in ("y", "yes", "ok", "accept"):
            self._try(lambda listener: self.session.accept(None, listener))
        elif word.lower() in ("n", "no", "reject"):
            self._try(lambda listener: self.session.reject(rest, listener))
        elif word.isdigit():
            try:
                changed = change(proposal.operations, int(word), rest)
            except ValueError as error:
                self._refuse(str(error))
            else:
                self._try(lambda listener: self.session.accept(changed, listener))
        else:
            self._refuse(f"an edit waits: {APPROVAL}")

    def _show_proposal(self, proposal: Proposal) -> None:
        if proposal.problem:
            self._refuse(proposal.problem)
        self._say("planned:")
        for number, words in enumerate(proposal.words, start=1):
            self._say(f"  {number} {words}")
        draw_inline(proposal.drawing)
        self._say(f"drawn on the picture: {proposal.drawing}")
        self._say(APPROVAL)

    # -- a turn -------------------------------------------------------------------------------

    def _try(self, turn: Callable[[LiveProgress], TurnResult]) -> None:
        try:
            with LiveProgress(sys.stderr, boxes=self.verbose) as progress:
                result = turn(progress)
        except SessionError as error:
            self._refuse(str(error))
            return
        except Exception as error:  # noqa: BLE001 - an error ends the turn at most, never the conversation
            kept = "the turn is kept: /resume goes on with it, /drop gives it up"
            self._refuse(f"{in_words(error)} ({kept if self.session.unfinished else 'the turn has ended'})")
            self.code = ExitCode.FAILURE
            return
        except KeyboardInterrupt:
            self._refuse("stopped: /resume goes on with the turn, /drop gives it up")
            return
        self._ended(result)

    def _ended(self, result: TurnResult) -> None:
        if result.proposal is not None:
            self._show_proposal(result.proposal)
            self.code = ExitCode.NOT_AGREED
            return
        if result.answer:
            self._say(result.answer)
            self.code = ExitCode.AGREED
            return
        self.code = ExitCode.AGREED if result.agreed else ExitCode.NOT_AGREED
        if result.exit == "parse_failed":
            self.code = ExitCode.MISTAKE
        if result.exit == "model_failed":
            self.code = ExitCode.FAILURE
        print_notes(self.console, result.notes)
        for line in result.done:
            self._say(f"  {line}")
        if result.agreed:
            rounds = f"{result.rounds} round{'' if result.rounds == 1 else 's'}"
            self.console.print(f"[bold green]agreed[/] after {rounds}{unchecked_clause(result.verdict)}")
        else:
            self.console.print(f"[bold yellow]not agreed[/] ({escape(result.exit.replace('_', ' '))})")
            self._say(result.detail)
        self._verdict(result)
        if cost := money(result.usage.get("cost")):
            self._say(f"cost: {cost} for the language model")
        self._show_picture(result.image)

    def _show_picture(self, image: Path | None) -> None:
        if image is not None:
            draw_inline(image)
            self._say(f"picture: {image}")

    def _verdict(self, result: TurnResult) -> None:
        for outcome in result.verdict.get("results", []):
            style = MARK_STYLES[outcome["passed"]]
            reason = escape(self._worded(outcome["reason"]))
            self.console.print(f"  [{style}]{mark(outcome['passed'])}[/] {reason}")

    def _stand(self, result: TurnResult) -> None:
        moment = f"after turn {result.turn}: {result.text}" if result.turn else "at the beginning"
        self._say(f"on {self.session.branch_name}, {moment}")
        self._show_picture(result.image)

    def _worded(self, text: str) -> str:
        return text if self.verbose else without_boxes(text)

    def _say(self, text: str) -> None:
        self.console.print(self._worded(text), markup=False)

    def _refuse(self, text: str) -> None:
        self.code = ExitCode.MISTAKE
        self.console.print(f"[yellow]{escape(self._worded(text))}[/]")


def _find(session: str, base: Path, storage: Storage) -> RunFolder:
    """Return the session with this name under ``base``, or in the folder of this name."""
    places = (RunFolder(base / session, storage=storage), RunFolder(Path(session)))
    found = [folder for folder in places if folder.started]
    if not found:
        fail(f"there is no session {session!r} in {str(base)!r}: `sld sessions` lists them")
    return found[0]


def _piped() -> Iterator[str]:
    yield from lines_of_input()


def _typed(session: Session) -> Iterator[str]:
    """Yield lines from a terminal, with a history over restarts and completion of commands."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import DynamicCompleter, WordCompleter
    from prompt_toolkit.history import FileHistory

    completer = DynamicCompleter(lambda: WordCompleter(completions(session), sentence=True))
    asking: PromptSession[str] = PromptSession(
        history=FileHistory(str(session.folder.path / "typed.txt")), completer=completer
    )
    while True:
        try:
            yield asking.prompt("approve? " if session.proposal is not None else f"{session.branch_name}> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def completions(session: Session) -> list[str]:
    """Return the commands that can be completed, with the names of branches where they belong."""
    branches = [name for moment in session.history() for name in moment.branches]
    return [*COMMANDS, "/approve on", "/approve off", *(f"/switch {name}" for name in branches)]
