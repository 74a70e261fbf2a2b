"""The sixteen settings in which every family plays; no word of one occurs in another.

The last four are held out from all training, so that the shift `domain` differs in its entities.
"""

from typing import NamedTuple


class Domain(NamedTuple):
    """The nouns of one setting."""

    place: str
    person: str
    guest: str
    thing: str
    other: str
    item: str
    spots: tuple[str, str, str]
    machine: str
    part: str
    dish: str
    needs: tuple[str, str, str]

    def entities(self) -> tuple[str, ...]:
        """Every word of the setting, in lower case."""
        words = [self.place, self.person, self.guest, self.thing, self.other, self.item, *self.spots]
        return tuple(w.lower() for w in [*words, self.machine, self.part, self.dish, *self.needs])


_TABLE = """
harbour|Ada|Bruno|crate|barrel|rope|pier shed ramp|crane|hook|stew|cod leek dill
farm|Carla|Dov|hen|goat|seed|barn pond silo|tractor|clutch|soup|pea oat mint
library|Emma|Felix|atlas|novel|map|hall desk vault|printer|roller|pie|plum nut rye
garden|Gita|Hugo|tulip|rose|spade|arbour pool hedge|mower|blade|salad|cress radish chive
mill|Ines|Jonas|sack|stone|sieve|loft chute yard|lathe|axle|bread|flour yeast bran
school|Kira|Liam|globe|ruler|flag|gym studio office|clock|spring|roll|butter ham cheese
station|Mona|Nils|ticket|trunk|whistle|platform kiosk depot|signal|lever|toast|jam honey fig
museum|Olga|Pavel|vase|mask|scroll|gallery cellar foyer|lift|cable|tart|pear lemon sugar
clinic|Quinn|Rosa|bandage|pillow|syringe|ward lobby lab|scanner|fuse|broth|carrot onion thyme
camp|Sami|Tara|tent|stove|torch|clearing creek trail|pump|valve|chili|bean corn pepper
bakery|Uma|Viktor|loaf|tray|whisk|counter pantry alley|oven|door|cake|egg cream vanilla
theatre|Wanda|Xaver|costume|drum|script|stage balcony pit|curtain|pulley|pasta|basil garlic oil
castle|Yara|Zeno|shield|banner|key|tower moat chapel|gate|winch|roast|beef rosemary wine
market|Amos|Bella|melon|basket|scale|stall square arcade|freezer|fan|curry|rice lentil ginger
island|Cyrus|Dina|shell|canoe|lantern|beach cave jetty|radio|battery|sushi|tuna seaweed sesame
airport|Enzo|Flora|suitcase|drone|permit|hangar runway lounge|shuttle|motor|wrap|turkey lettuce tomato
"""


def _row(line: str) -> Domain:
    place, person, guest, thing, other, item, spots, machine, part, dish, needs = (
        cell.strip() for cell in line.split("|")
    )
    a, b, c = spots.split()
    x, y, z = needs.split()
    return Domain(place, person, guest, thing, other, item, (a, b, c), machine, part, dish, (x, y, z))


DOMAINS: tuple[Domain, ...] = tuple(_row(line) for line in _TABLE.strip().splitlines())
NUM_HELDOUT_DOMAINS = 4
