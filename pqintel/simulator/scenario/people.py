"""Who buys: companies, the people who sign up for them, and where they are. All addresses end in `.example`."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_FIRST = (
    "Ada", "Aisha", "Akira", "Amélie", "Anders", "Andrea", "Beatriz", "Ben", "Carla", "Chen", "Clara", "Daniel",
    "Diego", "Elena", "Emma", "Erik", "Fatima", "Felix", "Grace", "Hannah", "Hugo", "Ines", "Ivan", "Jack", "Jana",
    "João", "Jonas", "Julia", "Kai", "Katrin", "Lars", "Laura", "Leo", "Lina", "Lucas", "Maja", "Marco", "Maria",
    "Matt", "Maya", "Mia", "Nadia", "Nils", "Noah", "Olga", "Omar", "Paula", "Priya", "Rosa", "Ruth", "Sam", "Sara",
    "Sofia", "Tariq", "Theo", "Tom", "Vera", "Will", "Yuki", "Zoe",
)  # fmt: skip
_LAST = (
    "Abbott", "Almeida", "Baker", "Becker", "Bergström", "Brandt", "Byrne", "Carvalho", "Chen", "Costa", "Dahl",
    "Dubois", "Evans", "Farah", "Fischer", "Fletcher", "Garcia", "Gupta", "Hansen", "Haas", "Hughes", "Ito", "Jensen",
    "Kaur", "Keller", "Kim", "Klein", "Kowalski", "Larsen", "Lefèvre", "Lindqvist", "Lopez", "Marsh", "Martin",
    "Meyer", "Moreau", "Murphy", "Nakamura", "Novak", "Okafor", "Olsen", "Patel", "Petrov", "Quinn", "Rossi",
    "Sato", "Schmidt", "Silva", "Smith", "Sørensen", "Tanaka", "Torres", "Vogel", "Walsh", "Weber", "Wong", "Young",
)  # fmt: skip
_MARKS = (
    "Acorn", "Alder", "Amber", "Anchor", "Arbor", "Atlas", "Basalt", "Beacon", "Birch", "Blue Heron", "Bramble",
    "Bright", "Canvas", "Cedar", "Cinder", "Cobalt", "Copper", "Coral", "Crane", "Delta", "Dune", "Ember", "Fable",
    "Falcon", "Fern", "Fieldstone", "Flint", "Foxglove", "Garnet", "Glacier", "Granite", "Harbor", "Hazel", "Heath",
    "Indigo", "Iron Gate", "Juniper", "Kestrel", "Lantern", "Larch", "Linden", "Lumen", "Maple", "Meridian", "Mosaic",
    "North Star", "Oak & Tide", "Onyx", "Orchard", "Osprey", "Paper Kite", "Pebble", "Pine", "Poppy", "Quarry",
    "Quill", "Raven", "Redwood", "Ridge", "River", "Rowan", "Saffron", "Sage", "Sequoia", "Slate", "Sparrow",
    "Spruce", "Summit", "Tamarack", "Tandem", "Thistle", "Tidewater", "Timber", "Umber", "Vantage", "Velvet",
    "Verge", "Walnut", "Wharf", "Willow", "Wren", "Yarrow", "Zephyr",
)  # fmt: skip
_TRADES = (
    "Analytics", "Architects", "Bakery", "Clinics", "Coffee", "Consulting", "Dental", "Design", "Energy", "Foods",
    "Freight", "Games", "Health", "Insurance", "Interiors", "Labs", "Learning", "Legal", "Logistics", "Media",
    "Mobility", "Outdoors", "Partners", "Press", "Realty", "Records", "Robotics", "Security", "Software", "Studio",
    "Supply", "Systems", "Travel", "Ventures", "Works",
)  # fmt: skip
_COUNTRIES = ("US", "DE", "GB", "FR", "CA", "NL", "ES", "AU", "SE", "IE", "IT", "BR")
_COUNTRY_WEIGHTS = (38, 14, 11, 8, 6, 6, 5, 4, 3, 2, 2, 1)
_EURO = frozenset({"DE", "FR", "NL", "ES", "IE", "IT"})


@dataclass(frozen=True, slots=True)
class Buyer:
    """A company about to sign up, by the person who does it."""

    company: str
    person: str
    email: str
    country: str

    @property
    def currency(self) -> str:
        return "eur" if self.country in _EURO else "usd"


def new_buyer(random: Random, taken: set[str]) -> Buyer:
    """Return a buyer whose company's name is not among `taken`, and add it there."""
    first, last = random.choice(_FIRST), random.choice(_LAST)
    company = f"{random.choice(_MARKS)} {random.choice(_TRADES)}"
    number = 2
    while company in taken:
        company = f"{random.choice(_MARKS)} {random.choice(_TRADES)}" + (f" {number}" if number > 9 else "")
        number += 1
    taken.add(company)
    domain = "".join(letter for letter in company.lower() if letter.isalnum())
    mailbox = f"{first}.{last}".lower().translate(str.maketrans("éèãöø", "eeaoo"))
    country = random.choices(_COUNTRIES, _COUNTRY_WEIGHTS)[0]
    return Buyer(company, f"{first} {last}", f"{mailbox}@{domain}.example", country)
