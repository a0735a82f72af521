"""What a noun phrase says: a name with its attributes, number and determiner. Knows no grammar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.offline.lexer import word_set
from tools.scene.lexicon import COMPOUNDS
from tools.scene.spec import SIZES, Query
from tools.scene.wordnet import is_listed, is_thing

if TYPE_CHECKING:
    from tools.scene.spec import Bound, Predicate, Size

_PIECES = word_set("piece slice chunk bar roll loaf sheet pair pile stack bit ball scoop stick block")
_BALLS = word_set("soccer football basketball tennis baseball volleyball golf")


@dataclass(frozen=True)
class NounPhrase:
    """What a noun phrase says, and where it stands in the words (``start`` to ``end``)."""

    name: str  # singular
    attributes: tuple[str, ...] = ()
    count: int | None = None  # None: no number, no article
    determiner: str = ""
    plural: bool = False
    start: int = 0
    end: int = 0
    sizes: tuple[str, ...] = ()  # "huge"; two of "big and small dogs"
    dimensions: tuple[str, ...] = ()  # "tall"
    bound: Bound = "a"
    every: bool = False
    group: Predicate | None = None  # "a row of cups"
    shared: bool = field(default=False, compare=False)  # "a red" of "a red and a blue car"

    @property
    def size_word(self) -> str:
        """The word for its size, or an empty string."""
        return self.sizes[0] if self.sizes else ""

    @property
    def size(self) -> Size | None:
        return SIZES.get(self.size_word)

    @property
    def phrase(self) -> str:
        """The words of a SceneSpec: "large dark red car"."""
        return Query(name=self.name, attributes=self.attributes, size=self.size).phrase

    @property
    def definite(self) -> bool:
        """Whether it speaks of something known: "the dog"."""
        return self.determiner.startswith(("the", "this", "that", "all the", "both", "its", "their", "his", "her"))

    @property
    def head(self) -> str:
        """The word that says what it is: "cup" of "cup of coffee"."""
        return self.name.split(" of ")[0].split()[-1]

    @property
    def is_set(self) -> bool:
        """Whether it is one thing of many parts: "a drum set", "a flower arrangement"."""
        return self.head in {"set", "arrangement"} and " " in self.name and not self.plural

    @property
    def is_thing(self) -> bool:
        """Whether it names something that can be seen as an object."""
        if self.name in COMPOUNDS or (" of " in self.name and self.head in _PIECES):
            return True
        if self.head == "light" and not (self.plural or self.count):
            return False  # "the soft light of the moon"
        if self.name == "martial art":
            return False
        if self.head in _BALLS:
            return self.count is not None or self.plural or bool(self.determiner)  # not "playing soccer"
        if self.is_set:
            return True
        return is_thing(self.head) or is_thing(self.name) or not is_listed(self.head)
