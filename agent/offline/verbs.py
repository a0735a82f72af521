"""The verbs of instructions, and the words between clauses."""

from __future__ import annotations

from agent.offline.lexer import Phrases, meaning, phrases

HINT = (
    "known actions: add, remove, move ('to the left', 'a bit up', 'next to the car', 'towards the dog'), swap, "
    "make larger or smaller ('by 20%', 'twice as big'), replace X with Y, make X red, turn X into Y, duplicate; "
    "alone in its sentence a wish for the whole picture: brighter, warmer, black and white, crop to X, "
    "blur the background"
)
VERBS = Phrases(
    meaning("remove|delete|erase|get rid of|take away|take out|eliminate|clear|clear away|wipe out|discard|"
                  "throw away|throw out|take|cut out|hide|drop", "remove")
    | meaning("add|insert|include|paste|draw|create|generate|there should be|there must be|there should only be|i need|"
                    "give me|"
                    "i want|i want to see|i would like|"
                    "introduce|we need", "add")
    | meaning("put|place|set|position|drop in", "put")
    | meaning("move|shift|slide|push|drag|bring|relocate|nudge|pull|send|reposition|center|centre|raise|lower|"
                    "lift", "move")
    | meaning("swap|exchange|switch|interchange|trade|change places of|change the places of", "swap")
    | meaning("resize|enlarge|shrink|grow|scale|scale up|scale down|double|halve|triple|expand|magnify|"
                    "increase|decrease|reduce|upscale|downscale", "resize")
    | meaning("replace|substitute", "replace")
    | meaning("make|turn|change|transform|convert|recolor|recolour|color|colour|paint|repaint|dye|tint|"
                    "restyle|render", "make")
    | meaning("duplicate|copy|clone|repeat|make a copy of|make another copy of|add a copy of|make copies of|"
                    "create a copy of|make a duplicate of", "duplicate")
    | meaning("put back|bring back|restore|re-add|readd", "restore")
)  # fmt: skip
POLITE = phrases("please|can you|could you|would you|will you|i want you to|i would like you to|i want to|kindly|now|"
                  "also|then|next|first|finally|afterwards|after that|just|let us|you should|i need you to|"
                  "ok|okay|hey|and|,|.|;|!|so|but|instead")  # fmt: skip
BETWEEN = phrases("and then|and also|and|then|,|;|.|!|after that|afterwards|but|please|too|as well|thanks|thank you|?")
NOTHING_ELSE = phrases(
    "keep everything else|keep the rest|leave everything else|leave the rest|do not change anything else|"
    "do not touch anything else|keep everything else the same|keep the rest the same|keep everything else unchanged|"
    "keep everything else as it is|keep the rest as it is|leave everything else as it is|leave the rest as it is|"
    "keep the rest unchanged|leave everything else unchanged|leave the rest unchanged|nothing else|"
    "leave everything else alone|leave the rest alone|without changing anything else|"
    "leave everything else the same"
)
