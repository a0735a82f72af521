"""What ``sld eval agent`` does, once its arguments are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.options import ExitCode, fail
from agent.cli.run import announce_chat
from agent.models.chat import provider
from agent.models.preset_choice import DEFAULT
from evals.agent.runner import PARTS, SEED, SENTENCES, Services, run_agent
from evals.agent.tables import summarize, table, with_section
from evals.progress import progress_bar
from tools.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.cli.options import Options
    from configs.settings import Settings


def measure_agent(
    options: Options,
    *,
    parts: Sequence[str] = (),
    limit: int | None = None,
    seed: int = SEED,
    results: Path | None = None,
) -> int:
    """Measure the language model that the settings name, print the table, and return the exit code.

    ``seed``: of the planted faults. ``results``: a Markdown page whose section on this model is written anew.
    """
    chosen = tuple(parts) or PARTS
    if unknown := [part for part in chosen if part not in {*PARTS, *SENTENCES}]:
        fail(f"--only {','.join(unknown)!r}: choose among {', '.join((*PARTS, 'unseen'))}")
    settings, name = options.load(), Path(options.preset or DEFAULT).stem
    model = "the offline planner" if provider(settings.chat) == "offline" else settings.chat.model
    out = options.out or Path("runs") / "agent" / f"{name}-{Path(model).name.replace(' ', '-')}"
    chat = announce_chat(settings, as_json=True)
    services = Services(settings, chat, _backend(settings) if set(chosen) - set(SENTENCES) else None)
    with progress_bar() as progress:
        records = run_agent(
            services,
            out,
            identity=_identity(settings, name, seed),
            parts=chosen,
            limit=limit,
            seed=seed,
            progress=progress,
        )
    summary = summarize(records)
    write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    if results is not None:
        page = results.read_text(encoding="utf-8") if results.exists() else "# Results\n"
        write_text(results, with_section(page, f"Language model: {model}", table(summary)))
    sys.stdout.write(json.dumps(summary) + "\n" if options.as_json else f"{table(summary)}\n\n{out}\n")
    return ExitCode.AGREED


def _backend(settings: Settings) -> Any:
    from tools.backend.local import LocalBackend

    return LocalBackend(settings)


def _identity(settings: Settings, preset: str, seed: int) -> dict[str, Any]:
    """Return what tells one measurement from another; neither secrets nor where the server listens."""
    chat = settings.chat.model_dump(mode="json", exclude={"api_key", "base_url", "timeout", "attempts", "price"})
    loop = settings.loop.model_dump(mode="json")
    return {"version": 1, "preset": preset, "seed": seed, "chat": chat, "loop": loop}
