"""The 80 kinds of COCO (arXiv 1405.0312) and the English words for them: what a detector of COCO can be asked for."""

from __future__ import annotations

from tools.scene.lexicon import singular

_SYNONYMS = {
    "person": "man|woman|child|boy|girl|kid|baby|toddler|infant|teenager|adult|human|human being|guy|lady|gentleman|"
    "passer-by|passerby|pedestrian|tourist|visitor|bystander|stranger|individual|somebody|someone|people|"
    "player|runner|jogger|walker|skier|snowboarder|surfer|skater|skateboarder|cyclist|biker|rider|driver|swimmer|dancer|"
    "musician|worker|waiter|waitress|chef|cook|farmer|soldier|policeman|policewoman|police officer|officer|fireman|"
    "firefighter|nurse|doctor|teacher|student|bride|groom|athlete|astronaut|fisherman|businessman|businesswoman|mother|"
    "father|mom|dad|brother|sister|grandmother|grandfather|friend",
    "bicycle": "bike|cycle|push bike|pushbike|mountain bike|road bike",
    "car": "automobile|auto|motorcar|sedan|taxi|cab|suv|hatchback|jeep|limousine|sports car|police car|"
    "station wagon|convertible",
    "motorcycle": "motorbike|motor bike|moped|scooter|motor scooter|vespa",
    "airplane": "aeroplane|plane|aircraft|jet|airliner|jetliner|biplane",
    "bus": "coach|minibus|double-decker|double decker|school bus|omnibus|autobus",
    "train": "locomotive|railcar|subway train|metro train|steam train|railway carriage",
    "truck": "lorry|pickup|pickup truck|pick-up|fire truck|fire engine|dump truck|garbage truck|semi-trailer|tow truck",
    "boat": "ship|sailboat|yacht|canoe|kayak|rowboat|rowing boat|ferry|dinghy|gondola|motorboat|speedboat|barge|"
    "fishing boat|vessel",
    "traffic light": "traffic signal|stoplight|stop light|traffic lamp",
    "fire hydrant": "hydrant|fireplug",
    "stop sign": "",
    "parking meter": "",
    "bench": "park bench",
    "bird": "pigeon|seagull|gull|duck|goose|swan|sparrow|crow|raven|parrot|eagle|hawk|owl|chicken|hen|rooster|ostrich|"
    "penguin|flamingo|heron|peacock|dove|robin|magpie|pelican|stork|turkey|finch",
    "cat": "kitten|kitty|tabby|tomcat|pussycat|house cat",
    "dog": "puppy|hound|doggy|pup|poodle|terrier|labrador|retriever|golden retriever|dachshund|bulldog|beagle|husky|"
    "sheepdog|spaniel|chihuahua|german shepherd|corgi|pug",
    "horse": "pony|foal|stallion|mare|colt",
    "sheep": "lamb|ewe|ram",
    "cow": "bull|calf|ox|cattle|steer",
    "elephant": "",
    "bear": "brown bear|black bear|grizzly|grizzly bear|polar bear|bear cub",
    "zebra": "",
    "giraffe": "",
    "backpack": "rucksack|knapsack|school bag|schoolbag|daypack",
    "umbrella": "parasol|sunshade|brolly|beach umbrella",
    "handbag": "purse|hand bag|shoulder bag|tote|tote bag|clutch",
    "tie": "necktie|neck tie|bow tie|bowtie",
    "suitcase": "luggage|carry-on|travel bag|suit case|baggage",
    "frisbee": "flying disc|flying disk",
    "skis": "ski|pair of skis",
    "snowboard": "snow board",
    "sports ball": "ball|football|soccer ball|basketball|tennis ball|baseball|volleyball|golf ball|beach ball|"
    "rugby ball|cricket ball",
    "kite": "",
    "baseball bat": "bat",
    "baseball glove": "catcher's mitt|mitt|baseball mitt",
    "skateboard": "skate board|longboard",
    "surfboard": "surf board|surfing board",
    "tennis racket": "racket|racquet|tennis racquet",
    "bottle": "flask|wine bottle|beer bottle|water bottle",
    "wine glass": "wineglass|goblet|champagne glass|glass of wine",
    "cup": "mug|teacup|coffee cup|coffee mug|paper cup|cup of coffee|cup of tea|tumbler|beaker",
    "fork": "",
    "knife": "table knife|kitchen knife|butter knife",
    "spoon": "teaspoon|tablespoon|soup spoon",
    "bowl": "soup bowl|salad bowl|fruit bowl",
    "banana": "",
    "apple": "",
    "sandwich": "burger|hamburger|cheeseburger|toastie|panini",
    "orange": "mandarin|tangerine|clementine",
    "broccoli": "",
    "carrot": "",
    "hot dog": "hotdog|frankfurter",
    "pizza": "",
    "donut": "doughnut",
    "cake": "cupcake|birthday cake|wedding cake|cheesecake|gateau",
    "chair": "armchair|seat|stool|deck chair|folding chair|office chair|rocking chair|high chair|highchair",
    "couch": "sofa|settee|loveseat|divan",
    "potted plant": "houseplant|house plant|plant|flower pot|flowerpot|pot plant|plant pot",
    "bed": "bunk bed|crib|cot|double bed",
    "dining table": "table|dinner table|kitchen table|desk|coffee table|tabletop|picnic table",
    "toilet": "lavatory|wc|loo|toilet bowl",
    "tv": "television|tv set|television set|telly|monitor|screen|computer monitor|computer screen|flat screen|display",
    "laptop": "notebook computer|laptop computer|macbook",
    "mouse": "computer mouse",
    "remote": "remote control|tv remote|game controller|wii remote",
    "keyboard": "computer keyboard",
    "cell phone": "mobile|phone|mobile phone|smartphone|cellphone|telephone|iphone|smart phone|cellular phone",
    "microwave": "microwave oven",
    "oven": "stove|cooker|kitchen stove",
    "toaster": "",
    "sink": "washbasin|wash basin|basin sink|washbowl|kitchen sink",
    "refrigerator": "fridge|freezer|icebox",
    "book": "novel|textbook|paperback|magazine|booklet",
    "clock": "wall clock|alarm clock|clock face",
    "vase": "flower vase|urn",
    "scissors": "shears|pair of scissors|scissor",
    "teddy bear": "teddy|stuffed bear|stuffed animal|plush bear|plush toy|soft toy|stuffed toy",
    "hair drier": "hairdryer|hair dryer|hairdrier|blow dryer|blow-dryer",
    "toothbrush": "tooth brush|electric toothbrush",
}
_GROUPS = {
    "animal": "bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe",
    "pet": "cat|dog",
    "vehicle": "bicycle|car|motorcycle|airplane|bus|train|truck|boat",
    "fruit": "banana|apple|orange",
    "vegetable": "broccoli|carrot",
    "furniture": "chair|couch|bed|dining table|bench",
    "bag": "backpack|handbag|suitcase",
    "cutlery": "fork|knife|spoon",
    "silverware": "fork|knife|spoon",
    "food": "banana|apple|sandwich|orange|broccoli|carrot|pizza|donut|cake|hot dog",
    "appliance": "microwave|oven|toaster|refrigerator",
    "glass": "cup|wine glass",
    "van": "car|truck",
    "minivan": "car|truck",
    "tram": "train|bus",
    "streetcar": "train|bus",
}
# positions are those of the dataset's own numbering from 1, which has gaps ("" here) and which exports keep
_NUMBERED = (
    "person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant||stop sign|"
    "parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe||backpack|umbrella|||handbag|tie|"
    "suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard|"
    "tennis racket|bottle||wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot|"
    "hot dog|pizza|donut|cake|chair|couch|potted plant|bed||dining table|||toilet||tv|laptop|mouse|remote|keyboard|"
    "cell phone|microwave|oven|toaster|sink|refrigerator||book|clock|vase|scissors|teddy bear|hair drier|"
    "toothbrush"
)
LABELS: tuple[str, ...] = tuple(_NUMBERED.split("|"))
KINDS: tuple[str, ...] = tuple(_SYNONYMS)


def _table() -> dict[str, frozenset[str]]:
    groups = {word: frozenset(kinds.split("|")) for word, kinds in _GROUPS.items()}
    synonyms = {word: frozenset({kind}) for kind, words in _SYNONYMS.items() for word in words.split("|") if word}
    table = groups | synonyms | {kind: frozenset({kind}) for kind in KINDS}
    return table | {singular(word): kinds for word, kinds in table.items()}


WORDS: dict[str, frozenset[str]] = _table()
"""Every word that is understood, with the kinds that it covers: one, or several for "animal" or "fruit"."""

PAINTED_IN_PART = frozenset(
    ["bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "cup", "bowl", "vase", "bottle"]
)
"""Kinds whose colour is that of their paint: tyres, windows, metal and what is inside have their own."""


def kinds_of(name: str) -> frozenset[str]:
    """Return the kinds that a noun covers, its last word deciding where the whole is unknown; empty if unknown.

    "street sign" is unknown although "stop sign" is not; "delivery truck" is a truck.
    """
    words = singular(name.strip().lower()).split()
    for start in range(len(words)):
        if kinds := WORDS.get(" ".join(words[start:])):
            return kinds
    return frozenset()
