"""Ordinary wordings put into words that the instruction grammar knows: "how about a green car?", "no cup, please".

Works on the text alone, with the nouns of the picture. What it does not know it leaves as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.lexer import word_set
from tools.scene.lexicon import COLOURS, family, number, parse_phrase, plural, singular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_IGNORED = re.compile(
    r"^(?:(?:now|then|next|finally|ok|okay|great|good|nice|perfect|thanks|thank you|cool|i think|i guess|i believe|"
    r"i feel like|i would say|maybe|perhaps|hey|hi|hello|listen|so|and|also|please|"
    r"i (?:have )?changed my mind|on second thoughts?|never mind|(?:would|could|can|will) you(?! mind)(?: please)?|"
    r"would it be possible to|is it possible to|is there a way to|do you think you (?:could|can)|"
    r"i wonder(?:ed)? if you (?:could|can)|i was wondering if you (?:could|can)|go ahead and|feel free to|"
    r"i(?: would|'d) appreciate it if you (?:could )?|if possible|if you can)\b(?: that\b)?[,\s]*)+",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?:[\s,]*(?:please|thanks|thank you|if possible|if you can|somewhere|anywhere|for me)|,\s*(?:ok|okay|right))*"
    r"[\s.!?]*$",
    re.IGNORECASE,
)
_APOSTROPHES = {
    r"\bi'd\b": "i would", r"\bwe'd\b": "we would", r"\b(?:don't|dont)\b": "do not", r"\bi'm\b": "i am",
    r"\b(?:isn't|isnt)\b": "is not", r"\b(?:aren't|arent)\b": "are not", r"\bit's\b": "it is",
    r"\bthat's\b": "that is", r"\bthere's\b": "there is", r"\blet's\b": "let us", r"\b(?:doesn't|doesnt)\b": "does not",
}  # fmt: skip
_GERUNDS = {
    "making": "make", "moving": "move", "adding": "add", "removing": "remove", "putting": "put", "placing": "place",
    "swapping": "swap", "painting": "paint", "turning": "turn", "changing": "change", "replacing": "replace",
    "giving": "give", "setting": "set", "shifting": "shift", "coloring": "color", "colouring": "colour",
    "deleting": "delete", "taking": "take", "resizing": "resize", "enlarging": "enlarge", "shrinking": "shrink",
    "duplicating": "duplicate", "copying": "copy", "exchanging": "exchange", "having": "add",
}  # fmt: skip
_ENOUGH = {
    "big": "make {} bigger", "large": "make {} larger", "small": "make {} smaller", "tall": "make {} taller",
    "wide": "make {} wider", "dark": "make {} darker", "light": "make {} lighter", "bright": "make {} brighter",
    "high": "move {} up", "low": "move {} down", "close": "move {} closer",
}  # fmt: skip
_COLOURED = {"redder": "red", "greener": "green", "bluer": "blue", "yellower": "yellow", "browner": "brown",
             "pinker": "pink", "whiter": "white", "blacker": "black", "grayer": "gray", "greyer": "gray"}  # fmt: skip
_COMPARED = "bigger|larger|smaller|tinier|taller|shorter|wider|narrower|darker|lighter|brighter"
_NUMBER = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|\d+)"
_ARTICLE = rf"(?:an?|another|some|{_NUMBER})"
_COLOUR = "|".join([*COLOURS, "grey", "gold", "silver", "turquoise", "beige"])
_GOOD = r"(?:nice|nicer|great|good|better|best|lovely|cool|fine|perfect|prettier)"
_CHANGE = r"(?:change|swap|switch|trade|exchange)"
_SWAP = rf"{_CHANGE} (?:places|positions)"
_LOOKS = r"(?:would be|is|might be|looks|would look)"
_THE = r"(?:the [a-z #0-9]+?|it|them|that|this|both|everything|all [a-z ]+?)"
_LIGHTER = re.compile(r"(?:(?:a bit|a little|slightly|much|even|still) )?(?:darker|lighter|brighter|paler|deeper)")
_NEGLIGIBLE = word_set("at all any anymore more there here in it the picture image photo")


def reworded(text: str, names: Collection[str], last: str = "") -> str:
    """Return an instruction in the grammar's words, or as it is.

    ``names`` are the nouns of the picture in singular; ``last`` is the instruction before this one.
    """
    bare = re.sub(r"\bthe (?:copy|duplicate|clone)\b", "the new one", _plain(text))
    if _LIGHTER.fullmatch(bare) and re.search(rf"\b(?:{_COLOUR}|dark|light|darker|lighter)\b", last.lower()):
        return f"make it {bare.removeprefix('even ').removeprefix('still ')}"
    for said in dict.fromkeys((bare, re.sub(r"^(?:no|actually|wait|sorry), ", "", bare))):
        for pattern, reword in _WORDINGS:
            if (found := pattern.fullmatch(said)) and (better := reword(found, names)):
                return better
    changed = _in_place(bare)
    return changed if changed != bare or bare != _spoken(text) else text


def otherwise(text: str) -> list[str]:
    """Return what an instruction without a verb that the grammar knows may mean: something new, a look, a place."""
    bare = _plain(text)
    if re.match(rf"(?:{_ARTICLE}) ", bare):
        return [f"add {bare}"]
    if re.match(r"(?:the|all|both|my|everything|it|them) ", bare):
        return [f"make {bare}", f"move {bare}", f"put {bare}"]
    return [f"make it {bare}", f"move it {bare}", f"make the {bare}"] if len(bare.split()) <= 6 else []


def _spoken(text: str) -> str:
    plain = re.sub(r"\s+", " ", text.strip().replace("\u2019", "'"))
    for short, full in _APOSTROPHES.items():
        plain = re.sub(short, full, plain, flags=re.IGNORECASE)
    return _END.sub("", plain).lower()


def _plain(text: str) -> str:
    spoken = _spoken(text)
    return _IGNORED.sub("", spoken) or spoken


def _in_place(text: str) -> str:
    """Mend single words: "a tad greener" is green, "should rather be" is "should be"."""
    for word, colour in _COLOURED.items():
        text = re.sub(rf"\b(?:(?:a bit|a little|a tad|a touch|slightly|much|even) )?{word}\b", colour, text)
    text = re.sub(rf"\b(?:(?:a bit|a little|a tad|much) )?more ({_COLOUR})$", r"\1", text)
    return re.sub(r"\b(should|must) (?:rather|better|maybe|perhaps|actually|really|instead|probably) ", r"\1 ", text)


def _is_new(phrase: str, names: Collection[str]) -> bool:
    return parse_phrase(phrase).name not in names


def _of_picture(name: str, names: Collection[str]) -> bool:
    return singular(name.strip()) in names or parse_phrase(name).name in names


def _looks_of(phrase: str, names: Collection[str]) -> str:
    """Return "make the car green" for "a green car" where there is a car, else an empty string."""
    if found := re.fullmatch(rf"(?:an? )?({_COMPARED}) ([a-z ]+)", phrase):
        return f"make the {found[2]} {found[1]}" if _of_picture(found[2], names) else ""
    query = parse_phrase(phrase)
    if query.name in names and query.attributes and re.match(r"an? ", phrase):
        return f"make the {query.name} {' and '.join(query.attributes)}"
    return ""


def _preferred(found: re.Match[str], names: Collection[str]) -> str:
    """Read "a green car", "the car green", "it red" as what is to be."""
    what = found["what"].removesuffix(" instead").removesuffix(" better")
    if looks := _looks_of(what, names):
        return looks
    if same := re.fullmatch(rf"({_THE})(?: to be| in| to have been)? (.+)", what):
        return f"{same[1]} should be {same[2]}"
    if re.fullmatch(_COLOUR, what):
        return f"make it {what}"
    return f"add {what}" if re.match(rf"{_ARTICLE} ", what) and _is_new(what, names) else ""


def _instead(found: re.Match[str], names: Collection[str]) -> str:
    return _looks_of(found["what"], names) or f"replace it with {found['what']}"


def _wished(found: re.Match[str], names: Collection[str]) -> str:
    """Read "a bottle on the left" as something to add, "two cups" as how many, "the cup on the left" as a place."""
    what = found["what"]
    if re.match(r"(?:the|it|them|both|all)\b", what):
        same = re.fullmatch(rf"({_THE}) ((?:in|on|at|to|next|above|below|under|over|near|left|right|between|{_COLOUR}|"
                            rf"{_COMPARED}).*)", what)  # fmt: skip
        return f"{same[1]} should be {same[2]}" if same else ""
    count = number(what.split()[0]) if what.split()[0] not in {"a", "an"} else None
    if count is not None and " more " not in what:
        return f"there should be {what}"
    return f"add {what}" if re.match(rf"{_ARTICLE} ", what) else ""


def _added(found: re.Match[str], names: Collection[str]) -> str:
    return f"add {found['what']}"


def _banned(found: re.Match[str], names: Collection[str]) -> str:
    """Read "no cup", "I don't want the cup" as what goes."""
    words = found["what"].split()
    while len(words) > 1 and words[-1] in _NEGLIGIBLE:
        words.pop()
    what = " ".join(words)
    if re.match(r"(?:the|this|that|these|those|it|them|my)\b", what):
        return f"remove {what}"
    name = re.sub(r"^(?:any|an?|more|some) ", "", what)
    return f"there should be no {name}" if _of_picture(name, names) else ""


def _enough(found: re.Match[str], names: Collection[str]) -> str:
    what = "it" if found["what"] in {"that", "this"} else found["what"]
    cure = _ENOUGH.get(found["how"])
    return cure.format(what) if cure else ""


def _coloured(found: re.Match[str], names: Collection[str]) -> str:
    looks = re.sub(r" (?:colou?r|coat|coat of paint|paint job|paint|tone|look|shade|tint|touch)$", "", found["looks"])
    is_colour = any(family(word) == "colour" for word in looks.split())
    return f"make {found['what']} {looks}" if is_colour else ""


def _counted(found: re.Match[str], names: Collection[str]) -> str:
    name = found["name"] if found["count"] in {"one", "1"} else plural(singular(found["name"]))
    return f"there should be {found['count']} {name}" if _of_picture(found["name"], names) else ""


def _about(found: re.Match[str], names: Collection[str]) -> str:
    """Read "the cup is too dark, make it white" as what is done to the cup."""
    return f"{found['verb']} {found['what']}{found['rest']}"


def _so_many(found: re.Match[str], names: Collection[str]) -> str:
    """Read "two of those" where there is one kind of thing."""
    return f"there should be {found['count']} {plural(next(iter(names)))}" if len(names) == 1 else ""


_WORDINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Collection[str]], str]], ...] = tuple(
    (re.compile(pattern), reword)
    for pattern, reword in (
        (
            rf"(?:(?:how|what) about|would you mind|do you mind|try|consider|i(?: would)? suggest|let us try) "
            rf"(?P<verb>{'|'.join(_GERUNDS)}) (?P<rest>.+)",
            lambda found, names: f"{_GERUNDS[found['verb']]} {found['rest']}",
        ),
        (rf"(?:i|we) would (?P<rest>(?:{'|'.join(dict.fromkeys(_GERUNDS.values()))}) .+)",
         lambda found, names: found["rest"]),
        (r"why (?:not|do you not|do not you) (?P<rest>.+)", lambda found, names: found["rest"]),
        (r"(?:how|what) about (?P<what>.+)", _preferred),
        (r"(?:i|we) (?:would )?(?:rather|prefer)(?: to)?(?: have| see| get)? (?P<what>.+)", _preferred),
        (r"rather (?P<what>an? .+)", _preferred),
        (rf"(?P<what>{_COLOUR}) instead", _preferred),
        (rf"(?P<what>{_ARTICLE} .+) instead", _instead),
        (rf"(?P<verb>remove|delete|erase|take away) (?P<what>{_THE}) again",
         lambda found, names: f"{found['verb']} {found['what']}"),
        (rf"(?:(?:put|add|draw|use|have|i want|i would like) )?(?P<new>an? .+?) instead of (?P<old>{_THE})",
         lambda found, names: f"replace {found['old']} with {found['new']}"),
        (r"no (?P<old>[a-z ]+), (?:just |only |but |rather )*(?P<new>an? .+?)(?: instead)?",
         lambda found, names: f"replace the {found['old']} with {found['new']}"),
        (rf"(?P<rest>.+?)(?: instead of|, not| rather than| and not) (?:an? )?(?:{_COLOUR})",
         lambda found, names: found["rest"]),
        (rf"(?:get|throw|kick|take) (?P<what>{_THE}) out(?: of (?:here|there|it|the [a-z]+))?", _banned),
        (rf"(?P<what>{_THE}) (?:could use|needs|wants|deserves) (?:an? |some )?(?P<how>.+?)(?: shade| tone| colou?r)?",
         lambda found, names: f"make {found['what']} {found['how']}" if not found["how"].startswith("to ") else ""),
        (r"(?:(?:put|move) (?:it|them) )?back(?: again)?(?: to)? where (?:it|they) (?:was|were)(?: before)?",
         lambda found, names: "put it back"),
        (r"(?P<verb>remove|delete|erase|move|make) what(?:ever)? is (?P<rest>(?:on|under|next to|above|below) .+)",
         lambda found, names: f"{found['verb']} the object {found['rest']}"),
        (rf"(?P<count>{_NUMBER}) of (?:those|these|them)", _so_many),
        (rf"(?P<rest>(?:.* )?)one in (?P<looks>(?:dark |light )?(?:{_COLOUR}))",
         lambda found, names: f"{found['rest'] or 'add '}a {found['looks']} one"),
        (rf"(?:(?:i|we) (?:want|need|would like)|give me|(?:can|could) (?:i|we) (?:have|get)) (?P<what>{_THE}) back",
         lambda found, names: f"bring back {found['what']}"),
        (r"swap (?P<what>.+?) back(?: again)?", lambda found, names: f"swap {found['what']}"),
        (rf"(?P<what>{_COLOUR}) {_LOOKS} {_GOOD}", _preferred),
        (rf"(?P<looks>{_COLOUR}) {_LOOKS} {_GOOD} (?:for|on) (?P<what>{_THE})", _coloured),
        (rf"(?P<what>{_THE}) (?:(?:would|might) )?(?:be|looks?|is) {_GOOD} (?:in |as |if it (?:was|were) )?(?P<how>.+)",
         lambda found, names: f"{found['what']} should be {found['how']}"),
        (rf"(?:it would be {_GOOD} if|i wish|if only) (?P<what>{_THE}) (?:was|were|is|are) (?P<how>.+)",
         lambda found, names: f"{found['what']} should be {found['how']}"),
        (r"(?:can|could|may|might) (?:i|we) (?:please )?(?:also )?(?:have|get|see) (?P<what>.+)", _wished),
        (r"let (?:me|us) (?:have|see) (?P<what>.+)", _wished),
        (r"(?:i|we) would (?:love|like)(?: to have| to see| to get) (?P<what>.+)", _wished),
        (r"(?:i|we) would love (?P<what>.+)", _wished),
        (rf"(?P<what>{_ARTICLE} .+?) (?:would be|might be|would look) {_GOOD}(?: there)?", _wished),
        (rf"there is (?P<what>{_ARTICLE} .+?) missing", _added),
        (rf"(?P<what>{_ARTICLE} .+?) is missing", _added),
        (rf"(?:and )?(?P<what>(?:another|one more|{_NUMBER} more)(?: .+)?)", _added),
        (r"(?P<what>a (?:second|third|fourth|fifth) .+)", _added),
        (r"no (?:more )?(?P<what>[a-z ]+)", _banned),
        (r"(?:i|we) (?:do not|no longer|really do not) (?:want|need)(?: to (?:see|have))? (?P<what>.+)", _banned),
        (r"(?:without|minus) (?P<what>(?:the|any|an?) .+)", _banned),
        (r"(?:i|we) (?:can|could) do without (?P<what>.+)", _banned),
        (rf"(?:i|we) (?:want|would like|need) (?P<what>{_THE}) (?:gone|removed|deleted|out|away|erased)", _banned),
        (rf"(?P<what>{_THE}) (?:has to|have to|must|should|needs? to|can) (?:go|leave|go away|be gone)", _banned),
        (rf"(?:lose|ditch|scrap|dump|kick out|scratch) (?P<what>{_THE})", _banned),
        (rf"make (?:it|that|this) (?P<count>{_NUMBER}) (?P<name>[a-z ]+)", _counted),
        (rf"(?:only|just|exactly) (?P<count>{_NUMBER}) (?P<name>[a-z ]+)", _counted),
        (rf"(?P<count>{_NUMBER}) (?P<name>[a-z ]+), not {_NUMBER}", _counted),
        (rf"(?:only |just )?(?P<count>{_NUMBER}) (?P<name>[a-z ]+?) (?:is|are) "
         r"(?:enough|needed|necessary|sufficient|fine|plenty|all (?:i|we) need)", _counted),
        (rf"(?:i|we) (?:only|just) need (?P<count>{_NUMBER}) (?P<name>[a-z ]+)", _counted),
        (rf"i (?:only|just) (?:want|need) (?P<count>{_NUMBER}) (?P<name>[a-z ]+)", _counted),
        (r"let there be (?P<rest>.+)", lambda found, names: f"there should be {found['rest']}"),
        (rf"(?:let|have) (?P<one>{_THE}) and (?P<other>{_THE}) {_SWAP}",
         lambda found, names: f"swap {found['one']} and {found['other']}"),
        (rf"(?P<one>{_THE}) and (?P<other>{_THE}) should {_SWAP}",
         lambda found, names: f"swap {found['one']} and {found['other']}"),
        (rf"(?:let|have|make) (?P<one>{_THE}) and (?P<other>{_THE}) {_CHANGE}(?: their)? colou?rs",
         lambda found, names: f"swap the colors of {found['one']} and {found['other']}"),
        (r"(?P<rest>.*\ban?) (?P<name>[a-z]+), an? (?P<looks>[a-z ]+) one", 
         lambda found, names: f"{found['rest']} {found['looks']} {found['name']}"),
        (r"(?P<rest>.+) than (?:that|this|now|before|it is)", lambda found, names: found["rest"]),
        (r"(?P<rest>.+?),? (?:would|will|can|could|do) you(?: mind| think)?", lambda found, names: found["rest"]),
        (rf"let (?P<what>{_THE}) be (?P<how>.+)", lambda found, names: f"{found['what']} should be {found['how']}"),
        (rf"give (?P<what>{_THE}) (?:an? |some |the )?(?P<looks>.+)", _coloured),
        (rf"(?P<what>the [a-z ]+?) in (?P<looks>(?:dark |light |deep |bright )?(?:{_COLOUR}))", _coloured),
        (rf"(?P<what>{_THE}) (?:is|are|looks?) not (?P<how>[a-z]+) enough", _enough),
        (r"not (?P<how>[a-z]+) enough", lambda found, names: _ENOUGH.get(found["how"], "").format("it")),
        (r"(?:(?:it|that|this) (?:should|must) )?not (?:be )?(?:so|that|quite so|as|this) (?P<how>[a-z]+)",
         lambda found, names: f"it is a bit too {found['how']}" if found["how"] not in {"far", "much"} else ""),
        (r"where (?:did|has|have) (?P<what>.+?) (?:go|gone|get to)", lambda found, names: f"where is {found['what']}?"),
        (r"what (?:happened to|became of|is with) (?P<what>.+)", lambda found, names: f"where is {found['what']}?"),
        (r"(?:the )?wrong (?P<what>one|[a-z]+)", lambda found, names: f"no, the other {found['what']}"),
        (rf"(?P<what>{_THE}) (?:is|are|looks?|was|(?:must|should|does|can) not) [a-z ]+,(?: so| please)* "
         r"(?P<verb>make|move|put|turn|paint|remove|change|take) (?:it|them)\b(?P<rest>.*)", _about),
        (rf"(?P<what>{_THE})'s colou?r (?P<rest>(?:should|must|needs to) .+)",
         lambda found, names: f"{found['what']} {found['rest']}"),
        (rf"the colou?r of (?P<what>{_THE}) (?P<rest>(?:should|must|needs to) .+)",
         lambda found, names: f"{found['what']} {found['rest']}"),
        (rf"(?:bring|put) (?P<what>{_THE}) back,? (?:but|and|only|just) (?:in|make (?:it|them)) (?P<looks>[a-z ]+)",
         lambda found, names: f"bring {found['what']} back and make it {found['looks']}"),
        (r"(?P<what>the [a-z]+(?: [a-z]+)?), (?P<verb>make|move|put|turn|paint|remove) (?:it|them)\b(?P<rest>.*)",
         _about),
    )
)  # fmt: skip
"""Patterns of whole texts; one that gives an empty string does not fit."""
