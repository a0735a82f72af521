"""Wishes for the whole picture: "make the picture brighter", "crop to the dog", "black and white", "cut the dog out".

Knows its few forms by heart; which object is meant is the instruction grammar's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.instructions import parse_instruction
from tools.scene.errors import CannotParse
from tools.scene.operations import Adjust, Remove

if TYPE_CHECKING:
    from agent.offline.workbench import Memory
    from tools.scene.layout import Layout
    from tools.scene.operations import Wish

_PICTURE = r"(?:the |this |my )?(?:whole |entire )?(?:picture|image|photo|photograph|pic|scene|shot)"
_ALL = rf"(?:{_PICTURE}|everything|it all|(?:all )?(?:the |its )?colou?rs(?: (?:of|in) {_PICTURE})?)"
_POLITE = re.compile(r"^(?:(?:please|can you|could you|now|then|also|and|ok|okay)[\s,]+)+|(?:[\s,]+please)?[\s.!]*$")
_DEGREE = r"(?P<degree>a bit |a little |slightly |somewhat |much |a lot |way |far |very |really )?(?:more )?"
_AFTER = r"(?P<degree> a bit| a little| slightly| somewhat| a lot)?"
_DEGREES = {"a bit": 0.5, "a little": 0.5, "slightly": 0.5, "somewhat": 0.6, "much": 1.8, "a lot": 1.8, "way": 2.0,
            "far": 2.0, "very": 1.6, "really": 1.6}  # fmt: skip
_LOOKS: dict[str, Wish] = {
    "brighter": "brighter", "lighter": "brighter", "bright": "brighter", "darker": "darker", "dark": "darker",
    "warmer": "warmer", "warm": "warmer", "cooler": "cooler", "colder": "cooler", "cool": "cooler", "bluer": "cooler",
    "black and white": "black and white", "black-and-white": "black and white", "monochrome": "black and white",
    "grayscale": "black and white", "greyscale": "black and white", "more colorful": "more saturated",
    "more colourful": "more saturated", "colorful": "more saturated", "colourful": "more saturated",
    "saturated": "more saturated", "vivid": "more saturated", "vibrant": "more saturated",
    "less saturated": "less saturated", "less colorful": "less saturated", "less colourful": "less saturated",
    "muted": "less saturated", "duller": "less saturated", "contrasty": "more contrast",
}  # fmt: skip
_NOUNS: dict[str, tuple[Wish, Wish]] = {
    "brightness": ("brighter", "darker"),
    "exposure": ("brighter", "darker"),
    "contrast": ("more contrast", "less contrast"),
    "saturation": ("more saturated", "less saturated"),
    "warmth": ("warmer", "cooler"),
}
_IT = re.compile(r"\b(?:it(?! all)|this|that)\b(?! (?:picture|image|photo|pic|scene|shot))", re.IGNORECASE)
_LOOK = "|".join(sorted(map(re.escape, _LOOKS), key=len, reverse=True))
_MAKE = re.compile(
    rf"(?:(?:make|turn|convert|change|render|edit|set) {_ALL}(?: to| into| look)* |"
    rf"{_ALL} (?:should be|shall be) |{_PICTURE} )"
    rf"{_DEGREE}(?P<look>{_LOOK})"
)
_VERB = re.compile(rf"(?P<verb>brighten|lighten|darken|warm|cool|desaturate|saturate)(?: up| down)? {_ALL}{_AFTER}")
_VERBS: dict[str, Wish] = {
    "brighten": "brighter", "lighten": "brighter", "darken": "darker", "warm": "warmer", "cool": "cooler",
    "desaturate": "less saturated", "saturate": "more saturated",
}  # fmt: skip
_AMOUNT = re.compile(
    r"(?P<way>increase|raise|boost|more|add|turn up|decrease|reduce|lower|less|turn down)(?: the| some)? "
    rf"(?P<noun>{'|'.join(_NOUNS)})(?: of {_ALL}| in {_ALL})?"
    rf"{_AFTER}"
)
_DOWN = frozenset({"decrease", "reduce", "lower", "less", "turn down"})
_BARE = re.compile(rf"{_DEGREE}(?P<look>brighter|darker|warmer|cooler|black and white|"
                   r"black-and-white|grayscale|saturated|less saturated|colou?rful|vivid)")  # fmt: skip
_AROUND: tuple[tuple[Wish, re.Pattern[str]], ...] = (
    (
        "crop",
        re.compile(rf"(?:crop|trim|cut|zoom)(?: {_PICTURE})?(?: in)?(?: down)? (?:to|on|around|onto) (?P<what>.+)"),
    ),
    (
        "blur the background",
        re.compile(
            rf"(?:blur|soften|defocus)(?: out)? (?:the )?(?:background|everything|rest|surroundings|{_PICTURE})"
            r"(?: (?:behind|around|of|but|except|except for|other than) (?P<what>.+))?"
        ),
    ),
    (
        "blur the background",
        re.compile(
            r"(?:make|turn) (?:(?:the )?(?:background|surroundings|rest)|everything)"
            r"(?: (?:behind|around|of|but|except|except for|other than) (?P<what>.+?))? "
            r"(?:a bit |a little |more |very )?(?:blurry|blurred|soft|softer|blurrier|out of focus|unsharp)"
        ),
    ),
    (
        "cut out",
        re.compile(
            r"(?:cut out (?P<what>.+?)|cut (?P<what2>.+?) out|isolate (?P<what3>.+?)|extract (?P<what4>.+?))"
            r"(?: (?:to|as|into|on|onto|with|from|of)(?: a| the| its)? (?:transparent.*|png.*|.*background.*))?"
        ),
    ),
    (
        "cut out",
        re.compile(
            r"(?:remove|delete|erase|take away|take out|get rid of|drop|clear) (?:the )?background"
            r"(?: (?:of|behind|around|from) (?P<what>.+))?"
        ),
    ),
)
_TAKES_AWAY = re.compile(rf"\b(?:of|from) {_PICTURE}$|\b(?:it|them|this|that|these|those)\b")
MAIN = 2.0  # times the area of every other object, from which a thing is what the picture is of


def parse_whole_picture(text: str, layout: Layout, memory: Memory) -> tuple[Adjust, ...] | None:
    """Read a wish for the whole picture; None when the text is none.

    Raises:
        CannotParse: it speaks of an object that is not there, or could be one of several.
    """
    request = _POLITE.sub("", " ".join(text.lower().split()))
    look = _read_look(request if memory.recent else of_the_picture(request))
    if look is not None:
        return (look,)
    around = _read_around(request)
    return None if around is None else (Adjust(wish=around[0], id=_chosen(around[1], text, layout, memory)),)


def is_whole_picture(text: str) -> bool:
    """Return whether a text is a wish for the whole picture, whatever object it is about."""
    request = _POLITE.sub("", " ".join(text.lower().split()))
    return _read_look(request) is not None or _read_around(request) is not None


def of_the_picture(request: str) -> str:
    """Return a request in which "it" is the picture: nothing else was spoken of, or the picture was just cut."""
    return _IT.sub("the picture", request, count=1)


def _read_around(request: str) -> tuple[Wish, str] | None:
    """Return a wish about an object and what is around it, and the words for the object."""
    for wish, pattern in _AROUND:
        found = pattern.fullmatch(request)
        if found is None or (wish == "cut out" and _TAKES_AWAY.search(request)):
            continue  # "cut the dog out of the picture" takes it away
        return wish, next((part for part in found.groupdict().values() if part), "")
    return None


def _read_look(said: str) -> Adjust | None:
    if found := _MAKE.fullmatch(said) or _BARE.fullmatch(said):
        less = said.replace("  ", " ").endswith(f"less {found['look']}")
        wish = _LOOKS[found["look"]]
        return None if less else Adjust(wish=wish, amount=_DEGREES.get((found["degree"] or "").strip(), 1.0))
    if found := _VERB.fullmatch(said):
        return Adjust(wish=_VERBS[found["verb"]], amount=_DEGREES.get((found["degree"] or "").strip(), 1.0))
    if found := _AMOUNT.fullmatch(said):
        up, down = _NOUNS[found["noun"]]
        amount = _DEGREES.get((found["degree"] or "").strip(), 1.0)
        return Adjust(wish=down if found["way"] in _DOWN else up, amount=amount)
    return None


def _chosen(what: str, text: str, layout: Layout, memory: Memory) -> str:
    """Return the id of the one object that is meant; without words, the last one spoken of or the only one."""
    if not what:
        if memory.recent:
            return memory.recent[-1]
        by_size = sorted(layout.objects, key=lambda placed: -placed.box.area)
        if by_size and all(by_size[0].box.area > MAIN * other.box.area for other in by_size[1:]):
            return by_size[0].id
        names = ", ".join(layout.ids) or "nothing"
        raise CannotParse(f"did not understand {text!r}: say which object it is about; there is: {names}")
    chosen = [
        operation.id
        for operation in parse_instruction(f"remove {what}", layout, memory)
        if isinstance(operation, Remove)
    ]
    if len(chosen) != 1:
        raise CannotParse(f"did not understand {text!r}: name one object, {what!r} are {len(chosen)}")
    return chosen[0]
