"""With which settings a recorded run goes on: the user's own, and of the record what cannot do harm.

A run folder may come from anybody. What its record says of the loop, of steps and thresholds is followed;
where words, pictures and keys are sent, and which models and files are read, is for the user to say. Trusted
are the command line, the environment and the shipped presets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from agent.models.chat import OPENAI_URL
from agent.run.folder import RunError
from agent.run.redaction import is_secret
from configs.preset_files import preset_names
from configs.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.run.folder import RunFolder
    from configs.settings import Settings

SERVICE = "openai"  # the kind of a part that is no model here
STEERING = ("path", "decoder", "revision", "kind", "url")


def consented_settings(
    folder: RunFolder,
    record: Mapping[str, Any],
    preset: str | None,
    overrides: Mapping[str, Any],
    allowed_host: str | None = None,
) -> tuple[Settings, str, dict[str, Any]]:
    """Return the settings, the preset and the overrides that the run in ``folder`` goes on with.

    ``preset`` and ``overrides`` are what the user says now; they win over the record. ``allowed_host`` (a host,
    or host:port) is where the record may send words and pictures to, though never a key from the environment.

    Raises:
        RunError: the record names an endpoint, a model or a file that is not the user's own.
        SettingsError: both together make no settings.
    """
    recorded = record.get("overrides") or {}
    known = record.get("preset")
    if not isinstance(recorded, dict) or not isinstance(known, str):
        raise RunError(f"{str(folder.record_path)!r} holds no preset and overrides as this program writes them")
    merged = {**{key: value for key, value in recorded.items() if not is_secret(key)}, **overrides}
    chosen = preset or folder.preset_found(known)
    settings, own = load_settings(chosen, merged), load_settings(preset or _shipped(known), overrides)
    _check_models(folder, settings, own)
    chat = settings.chat.model_copy(update={"api_key": own.chat.api_key})
    address, own_address = _address(chat.base_url), _address(own.chat.base_url)
    if own.chat.provider == "offline" != chat.provider:
        raise RunError(
            f"{str(folder.record_path)!r} asks a language model, which your own settings switch off: "
            f"--set chat.provider={chat.provider} agrees to it"
        )
    if address == own_address:
        chat = chat.model_copy(update={"base_url": own.chat.base_url})  # with its login, which is never recorded
    else:
        if allowed_host not in (address.hostname, address.netloc):
            raise RunError(
                f"{str(folder.record_path)!r} names the endpoint {address.geturl()!r}, which your own settings do "
                f"not: --allow-endpoint {address.netloc} talks to it without your key, "
                "--set chat.base_url=URL makes an address your own"
            )
        if "chat.api_key" not in overrides:
            chat = chat.model_copy(update={"api_key": None})
    return settings.model_copy(update={"chat": chat}), chosen, merged


def _shipped(preset: str) -> str:
    return preset if preset in preset_names() else "iconworld"


def _check_models(folder: RunFolder, settings: Settings, own: Settings) -> None:
    shipped = (dict(_steering(load_settings(name, {}, {}))) for name in preset_names())
    # a preset that sends pictures to a service with the user's key is agreed to by its name alone
    trusted = [dict(_steering(own)), *(tree for tree in shipped if SERVICE not in tree.values())]
    for key, value in _steering(settings):
        if not any(tree.get(key) == value for tree in trusted):
            raise RunError(
                f"{str(folder.record_path)!r} sets {key} to {value!r}, which your own settings do not: "
                f"--set {key}={value} (or the --preset that says so) agrees to it"
            )


def _steering(settings: Settings) -> Iterator[tuple[str, Any]]:
    for section, tree in settings.model_dump(mode="json").items():
        if isinstance(tree, dict):
            yield from _steering_in(tree, section)


def _steering_in(tree: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if key in STEERING:
            yield f"{name}.{key}", value
        elif isinstance(value, dict):  # a part of a part, such as a checkpoint for new looks alone
            yield from _steering_in(value, f"{name}.{key}")


def _address(url: str | None) -> SplitResult:
    """Return an address without login and fragment, to be compared."""
    try:
        parts = urlsplit(url or OPENAI_URL)
        place = (parts.hostname or "") if parts.port is None else f"{parts.hostname}:{parts.port}"
    except ValueError:
        raise RunError(f"the recorded address {url!r} is none: --set chat.base_url=URL gives another") from None
    return parts._replace(netloc=place, path=parts.path.rstrip("/"), query="", fragment="")
