"""The closed word classes of the grammar. Open ones need no list; single words live in `tools.scene.lexicon`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.lexer import Phrases, meaning, phrases, word_set
from agent.offline.positions import predicates

if TYPE_CHECKING:
    from tools.scene.spec import Predicate


VAGUE = phrases(
    "some|several|many|few|a few|lots of|a lot of|a group of|groups of|various|multiple|numerous|a bunch of|plenty of|"
    "a number of|a handful of|tons of|dozens of|hundreds of|a crowd of|countless|at least|at most|more than|"
    "less than|fewer than|up to|about|around|nearly|almost|approximately|or more"
)
"""Amounts that are no number."""
EXACTLY = phrases("exactly|only|just|precisely|a total of")
PAIRS = Phrases({"a pair of": 2, "a couple of": 2, "couple of": 2, "pair of": 2, "a couple": 2, "a trio of": 3,
                 "half a dozen": 6, "a half dozen": 6, "a dozen": 12, "two dozen": 24, "a quartet of": 4})  # fmt: skip

INTENSIFIERS = word_set("very really extremely")
MORE_ATTRIBUTES = word_set(
    "majestic realistic elderly lovely friendly lonely sleepy angry hungry funny silly scary creepy spooky cozy "
    "adorable calm quiet loud brave wise lazy busy playful sunny rainy cloudy snowy foggy misty stormy windy sandy "
    "rocky grassy muddy dusty icy wintry tropical starry moonlit sunlit dark bright light dim pale vivid vibrant "
    "colored coloured purple-ish neon strong weak heavy double traditional classic classical futuristic magical "
    "mythical alien robotic cyberpunk steampunk gothic medieval rustic urban rural wealthy poor simple "
    "complex ornate delicate crowded deserted abandoned spacious luxurious tidy messy white-tailed deep shallow "
    "wonderful perfect normal typical ordinary regular standard famous mysterious serene peaceful stylish "
    "electric sharp blunt leafy bushy woolly freshly steaming tasty delicious juicy sweet sour salty british "
    "american french italian german japanese chinese persian siamese victorian roman greek egyptian indian polka "
    "lime olive khaki lavender indigo scarlet amber coral mint peach mustard burgundy ivory charcoal transparent"
)
ADJECTIVE_ENDS = ("ous", "ful", "less", "ish", "able", "ible", "esque", "-like")
IC_NOUNS = word_set("traffic music picnic comic attic clinic fabric mosaic plastic magic graphic")
ED_NOUNS = word_set("bed sled shed seed weed reed bread breed feed flatbed seabed thread red")
ING_NOUNS = word_set(
    "ring king wing string swing sling spring thing building painting drawing ceiling earring lightning railing "
    "clothing morning evening pudding wedding crossing clearing landing opening sting dumpling duckling sibling "
    "seedling sapling icing frosting stocking awning gosling herring viking starling darling being"
)
INNER_PLURALS = word_set("sports glasses clothes news goods arms gas bus glass grass canvas class")
VERBS = word_set(
    "chases chase eats eat runs run jumps jump plays play holds hold wears wear rides ride looks look watches "
    "drinks drink sleeps sleep barks bark flies walks walk swims swim faces drives reads reading "
    "like likes love loves want wants go goes see sees says saying called named carries carry pulls pushes "
    "fight fights dance dances talk talks laugh laughs cry cries sing sings swim swims climb climbs hug hugs kiss "
    "kisses kick kicks throw throws catch catches hunt hunts bite bites lick licks sniff stare hide hides wait waits "
    "argue dream pose jog ate ran sat stood made saw took gave held wore rode drove flew bark"
)

CLOSED = word_set(
    "a an the this that these those another other and or but nor plus with without no not of on in at by to from into "
    "onto near under over above below between beside behind around inside outside against across along through "
    "during before after is are was were be been being am has have had there here it its they them their he she him "
    "her his you your i me my we us our which who whom whose where when while as than then so if because both each "
    "every all any either neither only just exactly some several many few various multiple more less most least "
    "left right leftmost rightmost upper lower very too also please can could would should must shall will may might "
    "do does did up down off out about what why how next atop beneath underneath upon besides alongside adjacent "
    "nearby instead except excluding containing contains featuring showing depicting placed located positioned "
    "situated wearing holding riding eating chasing driving playing reading looking surrounded via per until toward "
    "towards maybe perhaps possibly probably bigger larger smaller taller shorter wider narrower away back "
    "sits stands lies rests middle like"
)
"""Words that are never part of a noun phrase's name."""

OWNED = frozenset({"its", "his", "her", "their", "my", "our", "your"})
"""What stands before something of one's own."""
SKIES = word_set(
    "moon mountain mountains hill hills star stars snow grass rain cloud clouds sky island planet sand water fog mist "
    "tent sun pavement bridge road fence wall tree trees"
)
"""Nouns of scenery that are things of their own too: "a moon and a dog", "near the clouds"."""
BUILDINGS = word_set(
    "house building barn hotel home apartment tower tent skyscraper fireplace window palace cathedral mosque pyramid "
    "square cottage mansion fence waterfall lighthouse mirror curtain gate monument ruins mill"
)
"""Nouns that make a background after "in", "inside" and "in front of" only."""
PLACE_PREPOSITIONS = phrases(
    "on|in|at|by|near|inside|inside of|under|along|across|against|during|before|around|outside|outside of|within|over|"
    "beside|next to|in front of|on the edge of|at the edge of|in the middle of|surrounded by|through|amid|among|behind|"
    "upon|above|close to|on top of|at the foot of|on the side of|throughout"
)
INDOORS = frozenset({"in", "inside", "inside of", "in front of", "outside", "outside of", "at"})

STYLE_NOUNS = word_set(
    "photo photograph photography picture image scene painting drawing sketch illustration render rendering cartoon "
    "watercolor watercolour snapshot portrait view shot closeup close-up artwork pic composition depiction collage "
    "mural print etching engraving doodle comic poster still-life"
)
FRAMES = word_set("polaroid selfie screenshot sticker icon logo postcard emoji wallpaper avatar thumbnail clipart")
"""Frames only where "of" or "showing" follows: "a sticker of a dog", but "a sticker and a dog"."""
STYLE_LINKS = Phrases(
    dict.fromkeys(("of", "showing", "with", "containing", "depicting", "featuring", "displaying", "that shows",
                   "that contains", "that has", "that depicts", "that features", "which shows", "which contains",
                   "which has", "where there is", "where there are", "in which there is", "in which there are",
                   "where", "in which", "contains", "shows", "has", "features", "depicts", "should contain",
                   "should show", "must contain", "including", "consisting of", "composed of", "with exactly",
                   ":"), True)
)  # fmt: skip
STYLE_SUFFIXES = word_set(
    "realistic photorealistic hyperrealistic photo-realistic detailed highly ultra high low quality resolution hd uhd "
    "4k 8k hdr 3d 2d cinematic digital art artwork painting oil watercolor watercolour acrylic pencil charcoal ink "
    "sketch drawing illustration cartoon anime manga comic pixel style minimalist minimal abstract impressionist "
    "impressionism surreal surrealist cubist vintage retro render rendering rendered octane unreal engine trending "
    "masterpiece sharp focus bokeh depth field dramatic soft natural lighting light studio professional photography "
    "photograph photo portrait landscape macro wide angle close-up closeup black-and-white monochrome sepia colorful "
    "vivid vibrant colors colours flat vector isometric low-poly lowpoly clay claymation origami award-winning "
    "beautiful epic fantasy concept very modern japanese ukiyo-e pop line crayon pastel gouache noir film grain of"
)

OPENERS = phrases(
    "please|generate|create|draw|paint|render|make|show|show me|give me|i want|i would like|i need|i want to see|"
    "imagine|can you|could you|produce|i would like to see|generate me|create me|draw me|make me|paint me|design|"
    "we see|i see|one can see|you can see|visualize|depict"
)
THERE_IS = phrases(
    "there is|there are|there was|there were|there should be|there must be|there stands|there sits|it has|it contains|"
    "it shows|there lies|we see|you can see|it should have|it should contain|there is also|there are also|we can see|"
    "include|add"
)
HAS = phrases(
    "has|have|having|that has|that have|which has|which have|contains|contain|shows|includes|should have|"
    "should contain|must have"
)
AND = phrases(
    "and|,|plus|as well as|along with|together with|with|and also|, and|and then|accompanied by|, with|, plus|"
    ", as well as|, along with|, together with|, and also|also|and with|, and with|, but|but|but also|but with|"
    ", but with|, while|while|both|, including|including|in addition to|, and there is|, and there are|whereas|"
    ", whereas"
)
WITHOUT = phrases(
    "without|without any|with no|but no|but without|but without any|and no|, no|, but no|, without|, but without|"
    "and without|, and no|and with no|but with no|, with no|, without any|free of|devoid of|there is no|there are no|"
    "there are not any|there is not any|there are not|there should be no|there must be no|that has no|has no|have no|"
    "does not contain|does not contain any|does not have|does not have any|does not show|does not show any|"
    "do not include|do not include any|not including|not containing|containing no|showing no|lacking|excluding|no|zero|"
    "not any|with zero|but not|but not any|, not|should not contain|should not contain any|must not contain|"
    "must not contain any|should not have|should not have any|with not a single|not a single|there should not be|"
    "there should not be any|that does not contain|that does not contain any|do not show|do not show any|do not draw|"
    "do not draw any|which has no|completely without|neither|there is neither|there are neither|, and without|"
    "and there is no|and there are no|but there is no|but there are no|, and there are no|, and there is no|"
    ", but there are no|, but there is no|with neither|never any|absent of|which contains no|that contains no|"
    "it has no|it contains no|contains no|shows no|and not"
)
NOR = phrases("or|nor|and no|or any|nor any|and without|, or|, nor|and any|or no|, no|, and no|or without")
POSITIVE = phrases("with|but|but with|and with|, but|, with|, but with|there is|there are")
_POSTURES = (
    "located|placed|positioned|situated|sitting|standing|lying|laying|resting|parked|set|arranged|found|seen|seated|"
    "perched|hung|hanging|mounted|laid|put|kept|stationed|propped|displayed|"
    "leaning|crouching|kneeling|nestled|wedged|tucked|sandwiched|squeezed|suspended|balanced"
)
COPULA = phrases(
    "|".join(
        f"{be}{posture}"
        for posture in _POSTURES.split("|")
        for be in (
            "",
            "is ",
            "are ",
            "was ",
            "were ",
            "that is ",
            "that are ",
            "which is ",
            "which are ",
            "that was ",
            "which was ",
            "should be ",
            "must be ",
            "being ",
        )
        if be or posture not in {"left", "set", "put", "kept", "found", "seen"}
    ),
    "is|are|was|were|that is|that are|which is|which are|that was|that were|which was|which were|sits|stands|sit|stand|"
    "lies|lie|rests|rest|sat|stood|lay|rested|hangs|hang|hung|lays|perches|perched|that sits|that stands|that lies|"
    "which sits|which stands|should be|must be|being|both|all|are both|are all|were both|were all|appears|appear|"
    "should both be|that hangs|that rests|which hangs|has been placed|have been placed|will be",
)
EXCEPTED = phrases("anything but|everything but|anything except|everything except|anything other than|all but")
"""What follows is not what shall be there, and what shall be is not said."""
PAINTED = phrases(
    "painted|colored|coloured|dyed|that is colored|that is painted|painted in|colored in|coloured in|dyed in"
)
IN_THE_PICTURE = phrases(
    "in the picture|in the image|in the photo|in the scene|in the frame|in this picture|in this image|"
    "in this scene|in total|in the painting|in the drawing|visible|present|anywhere|at all|"
    "are visible|is visible|are present|is present|are shown|is shown|are there|is there"
)
BACKGROUND = phrases("in the background|as the background|as background|as a background|in the distance|"
                     "as a backdrop|as the backdrop")  # fmt: skip
STYLE_PHRASES = phrases("in the style of|in a style of|in the manner of|inspired by")
UNKNOWN_RELATIONS = phrases(
    "behind|in front of|just behind|right behind|directly behind|directly in front of|right in front of|into|around|"
    "against|across from|facing|facing away from|facing towards|"
    "opposite|far from|away from|through|outside|outside of|at|from|among|amid|"
    "surrounded by|along|onto|off|hanging from|attached to|holding|wearing|riding|hidden by|covered by|covered with|"
    "hidden behind|in the front of|at the back of|leaning against|leaning on|full of|filled with|carrying|pulling|"
    "pushing|tied to|looking at|across|past|towards|toward|decorated with|topped with|made of|made from|for|dressed in|"
    "connected to|with a view of|followed by|about|hiding behind|hiding under|chasing|eating|watching|at the end of|"
    "at the edge of|on the edge of|near the edge of|in between|to|in the back of|playing with|stuck in|wrapped in|"
    "leading|drinking|kicking|driving|reading|walking|throwing|catching|tied with|next door to|not far from"
)
"""Places and doings that nothing checks: the objects are demanded, the rest is kept as it stands."""
CLOTHES = word_set(
    "suit dress hat shirt jacket coat uniform costume jeans pants shoes sweater t-shirt helmet glasses boots cap "
    "robe gown kimono apron vest scarf skirt blouse hoodie swimsuit bikini tie tuxedo sunglasses armor cape "
    "ponytail bun braid braids"
)
""""in" means wearing before these."""
INSIDE: Phrases[Predicate] = Phrases(meaning("in|inside|inside of|within|in the inside of|contained in", "inside"))
COMPARED: Phrases[tuple[Predicate, float | None]] = Phrases(
    meaning(
        "bigger than|larger than|greater than|much bigger than|much larger than|a bit bigger than|"
        "slightly bigger than|slightly larger than|bigger in size than|larger in size than",
        ("bigger than", None),
    )
    | meaning(
        "smaller than|tinier than|much smaller than|slightly smaller than|a bit smaller than", ("smaller than", None)
    )
    | meaning(
        "as big as|as large as|the same size as|of the same size as|as small as|equal in size to|just as big as|"
        "exactly as big as",
        ("as big as", None),
    )
    | meaning(
        "twice as big as|twice as large as|two times as big as|two times as large as|double the size of|"
        "twice the size of|two times bigger than|two times larger than",
        ("as big as", 2.0),
    )
    | meaning("half as big as|half as large as|half the size of", ("as big as", 0.5))
    | meaning(
        "three times as big as|three times as large as|three times the size of|three times bigger than|"
        "three times larger than",
        ("as big as", 3.0),
    )
    | meaning("four times as big as|four times as large as|four times the size of", ("as big as", 4.0))
)
"""Sizes of one object against another's."""
GROUPED: Phrases[Predicate] = Phrases(
    predicates(
        "in a row|in a line|in one row|in a horizontal row|in a single row|lined up|lined up in a row|"
        "arranged in a row|in a horizontal line|in line|all in a row",
        "in a row",
    )
    | predicates("in a column|in a vertical line|in a vertical row|in a vertical column|in one column", "in a column")
    | predicates(
        "stacked|stacked up|in a stack|stacked on top of each other|on top of each other|"
        "stacked on top of one another|on top of one another|piled on top of each other|one on top of the other|"
        "one on top of another|piled up",
        "stacked",
    )
    | predicates(
        "of the same size|of equal size|the same size|equally big|equally large|of identical size|"
        "with the same size|all the same size|that are the same size",
        "of the same size",
    )
)
"""What is said of several objects together."""
TOGETHER = phrases("next to each other|next to one another|beside each other|side by side|near each other|"
                   "close to each other|beside one another|close together|close to one another|"
                   "right next to each other")  # fmt: skip
ARRANGED = phrases(
    "in a circle|in a ring|in a triangle|in a square|in a grid|in a semicircle|in an arc|in a pyramid|in a pattern|"
    "in a heap|in a pile|in pairs|in rows|in columns|in a zigzag|in a spiral|in two rows|in three rows|in a group|"
    "in a cluster|in a rectangle|in formation|in circles|in a half circle|in a diagonal|in a diagonal line|diagonally"
)
"""How several things are arranged that nothing checks."""
TIMES = phrases("twice|three times|two times|four times|half")
UPRIGHT = word_set("wall ceiling door window sign screen shirt jacket page fence mirror flag blackboard whiteboard")
"""What is "on" these hangs there: it does not stand on top."""
EACH_SIDE = phrases("on each side|on either side|on both sides|at each side|on both of its sides|on each of its sides|"
                    "on each side of it|on either side of it|on both sides of it")  # fmt: skip
EACH_SIDE_OF = phrases("on each side of|on either side of|on both sides of|at each side of|at either side of")
NOTHING = phrases(
    "in the picture|in the image|in the photo|in the scene|in the frame|in this picture|in this image|in this scene|"
    "in total|overall|altogether|visible|clearly visible|please|respectively|too|also|as well|in the shot|in view|"
    "in sight|at all|anywhere|somewhere|somewhere in the picture|"
    "somewhere in the image|nothing else|nothing more|nothing besides|not anything else|that is all|that's all|"
    "that's it"
)
"""Words that add nothing."""
FOREGROUND = phrases(
    "in the foreground|in the front|in front|up front|at the front|in the very front|in the back|at the back|"
    "in mid-air|in midair|in mid air|in the air"
)
"""Depth and height: kept, nothing checks them."""
NUMBERED: Phrases[tuple[Predicate, str]] = Phrases(
    {"more": ("more than", "than"), "fewer": ("fewer than", "than"), "less": ("fewer than", "than"),
     "as many": ("as many as", "as"), "the same number of": ("as many as", "as"), "no more": ("no more than", "than"),
     "no fewer": ("no fewer than", "than"), "not more": ("no more than", "than"), "equally many": ("as many as", "as"),
     "an equal number of": ("as many as", "and"), "there are more": ("more than", "than")}
)  # fmt: skip
"""How many of one kind against another: the relation, and the word before the second kind."""
