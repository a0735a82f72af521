"""Nouns of what is around the things of a picture."""

PLACES = frozenset(
    (  # noqa: SIM905 - as text
        "beach park street road highway city town village field meadow lawn forest woods jungle desert mountain "
        "mountains hill hills valley canyon lake river sea ocean pond pool island shore coast seaside seashore "
        "riverbank garden yard backyard farm countryside sky space moon planet mars snow rain fog mist grass sand "
        "water kitchen bedroom bathroom room office classroom library studio museum restaurant cafe bar hall "
        "hallway corridor basement attic garage warehouse factory shop store supermarket market mall airport "
        "station harbor harbour port parking lot sidewalk pavement driveway crosswalk bridge alley plaza "
        "playground stadium gym court zoo aquarium theater theatre stage hospital school campus temple church "
        "castle background backdrop landscape cityscape skyline sunset sunrise night nighttime daytime day "
        "daylight dusk dawn noon midnight morning evening afternoon twilight winter summer autumn fall spring "
        "storm thunderstorm blizzard weather sunlight moonlight sunshine lighting ground floor carpet cave cabin "
        "savanna savannah prairie swamp tundra glacier volcano vineyard orchard greenhouse balcony terrace patio "
        "porch rooftop trail path meadows fields outdoors indoors nature wilderness countertop universe galaxy "
        "clouds hillside lakeside waterfront pier dock festival wall ballroom rink lab suite foyer nursery "
        "country conference event range landscape workshop clinic salon bakery stable lounge pub tavern diner "
        "cafeteria café winery brewery aisle runway circus arena lane spa resort shelter intersection "
        "neighborhood neighbourhood schoolyard pasture gallery auditorium arcade lobby cellar wonderland "
        "workplace haven earth soil laboratory courtyard marketplace stars shade dark darkness environment "
        "setting surroundings tabletop"
    ).split()
)
"""Nouns that make a background when a preposition stands before them."""
