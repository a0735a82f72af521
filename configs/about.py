"""What a preset says of itself to people. Part of the tree of `configs.settings`."""

from __future__ import annotations

from pydantic import Field

from configs.section import Section


class AboutSettings(Section):
    """What a person wants to know of a preset before it is used; nothing is decided by it but `auto`."""

    licence: str = Field(description="of the weights that draw")
    commercial: bool = Field(default=True, description="whether that allows commercial use")
    memory_gb: float | None = Field(default=None, gt=0, description="of a GPU that it is made for; null is a processor")
    extra: str | None = Field(default=None, description="what it needs installed: sld-agent[EXTRA]")
