"""The errors of the scene language that more than one layer must know."""

from __future__ import annotations


class CannotParse(ValueError):
    """A sentence or an instruction that is not understood; the message quotes the words and says what would be."""
