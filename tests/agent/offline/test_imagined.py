"""What a sentence only speaks of is kept as unchecked and never demanded, kind by kind."""

import pytest

from agent.offline.sentences import parse_scene
from tests.agent.readings import short

IN_MIND = {
    "A farmer is hoping to buy a new tractor.": "1 farmer",
    "A girl is pretending to be a queen and holding a book.": "1 girl",
    "A boy is dreaming of a castle with a dragon.": "1 boy",
    "A man is trying to catch a chicken.": "1 man",
    "A carpenter is sawing planks to build a shed.": "1 carpenter, 2+ plank",
    "A cook is using a spoon to stir the soup.": "1 cook, 1 spoon, 1+ soup",
    "The author typed a letter before leaving the office.": "1 author, 1 letter",
    "A woman is waiting for the train.": "1 woman",
}
EVENTS = {
    "A clerk is attending a business conference.": "1 clerk",
    "A woman is organizing a charity auction.": "1 woman",
    "A man is taking photos of a bridge.": "1 man",
    "A hiker is taking a nap under a tree.": "1 hiker, 1 tree",
    "Two boys are shooting hoops.": "2 boy",
    "A surgeon is performing surgery.": "1 surgeon",
    "A boy is playing with a toy truck and making engine noises.": "1 boy, 1 toy truck",
    "A man is holding a pen and taking notes.": "1 man, 1 pen",
}
IMAGES = {
    "A nurse is holding a map of the city.": "1 nurse, 1 map",
    "A cook enjoys the smell of garlic and butter.": "1 cook",
    "The shape of the violin resembled a pear.": "1 violin",
    "A carpet of leaves covered the bench.": "1 bench",
    "The lamp was a gift for the old teacher.": "1 lamp",
    "The umbrella gave shelter from the sun.": "1 umbrella",
    "The clouds looked like cotton balls.": "2+ cloud",
    "The old drum shook the window, a call to the dancers of the village.": "1 old drum, 1 window",
}
OWNED = {
    "A dog is sitting on its master's lap.": "1 dog",
    "A cat is standing on its hind legs.": "1 cat",
    "The child's sled leaned against the wall.": "1 sled; @ against the wall",
}
KINDS = {**IN_MIND, **EVENTS, **IMAGES, **OWNED}

WHOSE = {
    "A man in a blue coat standing next to a horse.": "1 man, 1 blue coat, 1 horse; man next to horse",
    "A woman in a red skirt and white shoes sitting on a bench.": (
        "1 woman, 1 red skirt, 2+ white shoe, 1 bench; woman on top of bench"
    ),
    "A person is looking at a squirrel perched on a fence.": "1 person, 1 squirrel, 1 fence",
    "The lantern was hanging from the beam next to the window.": "1 lantern, 1 beam, 1 window",
    "The ring was nestled between the glove and the scarf.": "1 ring, 1 glove, 1 scarf; ring between glove and scarf",
    "The kite was suspended in mid-air next to the tower.": "1 kite, 1 tower; kite next to tower",
    "Two tables were covered with leaves.": "2 table, 2+ leaf",
    "A cat is sleeping in the sun.": "1 sleeping cat; @ the sun",
    "A nurse is working in a clinic.": "1 nurse; @ a clinic",
    "The dolls lay in a pile on the rug.": "2+ doll, 1 rug; doll on top of rug",
    "The box stood on the edge of the rough square.": "1 box, 1 rough square",
}
WORDS = {
    "The leather headrest supported the driver.": "1 leather headrest, 1 driver",
    "The bookend with its square base held books.": "1 bookend, 1 square base, 2+ book",
    "The clerk held the rubber stamp in place.": "1 clerk, 1 rubber stamp",
    "The shepherd kept the sheep safe.": "1 shepherd, 1 sheep",
    "The diamond pendant with its chain lay on the desk.": (
        "1 diamond pendant, 1 chain, 1 desk; diamond pendant on top of desk; chain on top of desk"
    ),
    "The glass ornament and wooden hook decorate the tree.": "1 glass ornament, 1 wooden hook, 1 tree",
    "The steel mast of the boat towers over the pier house.": "1 steel mast, 1 boat, 1 pier house",
    "a rubber toy and striped towels": "1 rubber toy, 2+ striped towel",
    "A wash room with a pedestal sink, red and white tile and a lamp": (
        "1 pedestal sink, 1 red white tile, 1 lamp; @ A wash room"
    ),
    "Two men are playing poker in the garage.": "2 man; @ the garage",
    "A girl is playing with a hula hoop.": "1 girl, 1 hula hoop",
    "The customer is trying on hats.": "1 customer, 2+ hat",
    "A child is watching a bird fly over a house.": "1 child, 1 bird, 1 house",
    "The smoke made the eyes water and covered the tent.": "1+ smoke, 1 tent",
    "A baker is kneading dough and baking bread.": "1 baker, 1 dough, 1+ bread",
    "The craftsmen carried a ladder.": "2+ craftsman, 1 ladder",
    "a round toolset and a cup": "1 round toolset, 1 cup; (taking 'toolset' for an object)",
    "a green lettuce and a kaleidoscope": "1 green lettuce, 1 kaleidoscope",
    "A silver and dusty room with two chairs.": "2 chair; @ A silver and dusty room",
}


def checked(text: str) -> str:
    spec = parse_scene(text)
    return short(spec.model_copy(update={"unchecked": ()}))


@pytest.mark.parametrize(("text", "meaning"), KINDS.items(), ids=str)
def test_what_is_only_spoken_of_is_kept_and_not_demanded(text: str, meaning: str) -> None:
    assert checked(text) == meaning
    assert parse_scene(text).unchecked


@pytest.mark.parametrize(("text", "meaning"), {**WHOSE, **WORDS}.items(), ids=str)
def test_what_a_sentence_with_doings_demands(text: str, meaning: str) -> None:
    assert checked(text) == meaning
