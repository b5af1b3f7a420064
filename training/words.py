"""The words that tasks are made of, a share of them invented, so that the models learn to copy words never seen."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WOMEN = (
    "Anna Maria Clara Emma Laura Nina Julia Sara Lena Eva Alice Ruth Olga Rosa Ida Vera Mia Zoe Lucy "
    "Helen Grace Irene Paula Marta Sofia Greta Hanna Elsa Diana Carol"
).split()
MEN = (
    "Peter Paul Tom Max Leo Felix Oscar Hugo Martin David Simon Victor Adam Noah Ben Jack Henry George "
    "Frank Karl Otto Ivan Omar Ali Daniel Mark Luke Erik Robert Tim"
).split()
NAMES = WOMEN + MEN
SURNAMES = (
    "Miller Baker Stone Rivera Novak Fischer Weber Lopez Silva Kim Tanaka Moreau Rossi Larsen Berg Hill "
    "Wood Carter Young Green"
).split()
CITIES = (
    "Paris London Berlin Rome Madrid Lisbon Vienna Oslo Prague Dublin Zurich Geneva Milan Porto Lyon "
    "Hamburg Munich Cologne Boston Chicago Toronto Sydney Kyoto Cairo"
).split()
JOBS = (
    "teacher doctor nurse baker farmer painter engineer lawyer pilot writer singer cook gardener plumber "
    "carpenter librarian scientist dentist tailor mechanic"
).split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
PETS = ["dog", "cat", "horse", "rabbit", "parrot", "hamster", "turtle", "goldfish"]
FOODS = "pizza soup bread rice pasta salad cake cheese fish pancakes noodles apples".split()
INSTRUMENTS = ["piano", "guitar", "violin", "flute", "drums", "trumpet", "cello", "harp"]
COLOURS = "red blue green yellow black white brown orange purple grey".split()
SPORTS = "tennis football chess swimming running cycling hockey skiing".split()
FRUIT = "apples pears plums lemons oranges bananas cherries grapes peaches melons".split()
GOODS = (
    "bread milk eggs butter cheese rice sugar salt tea coffee honey flour soup juice soap paper pens candles "
    "carrots onions tomatoes potatoes"
).split() + FRUIT
THINGS = "books pencils coins stamps marbles cards balls stickers shells cookies toys flowers".split()
SHOPS = ["bakery", "bookshop", "cafe", "flower shop", "toy shop", "music shop", "bike shop", "tea house"]
BUILDINGS = "museum library school bridge tower theatre hotel station".split()
EVENTS = "concert festival meeting workshop exhibition race market lecture".split()

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t tr v w z".split()
_VOWELS = "a e i o u a e i o u ai ea ou".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "x", "ck", "nd", "st"]


@dataclass
class Words:
    """Chooses words with one random source; ``invented`` is the share of names that no list holds."""

    rng: random.Random
    invented: float = 0.4

    def one(self, choices: Sequence[str]) -> str:
        """One of the choices."""
        return self.rng.choice(choices)

    def some(self, choices: Sequence[str], count: int) -> list[str]:
        """Several different ones."""
        return self.rng.sample(list(choices), count)

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return self.rng.random() < share

    def number(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return self.rng.randint(least, most)

    def new_word(self) -> str:
        """A pronounceable word in small letters, now and then a random string."""
        if self.chance(0.05):
            return "".join(self.one("abcdefghijklmnopqrstuvwxyz") for _ in range(self.number(3, 7)))
        syllables = self.rng.choice([1, 2, 2, 2, 3])
        word = "".join(self.one(_ONSETS) + self.one(_VOWELS) + self.one(_CODAS) for _ in range(syllables))
        return word if len(word) > 3 else word + self.one(["ta", "no", "lin", "mos"])

    def _maybe_new(self, choices: Sequence[str], share: float = 1.0) -> str:
        return self.new_word() if self.chance(self.invented * share) else self.one(choices)

    def name(self) -> str:
        """A first name."""
        return self._maybe_new(NAMES).capitalize()

    def names(self, count: int) -> list[str]:
        """Different first names."""
        return self._different(self.name, count)

    @staticmethod
    def _different(make: Callable[[], str], count: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found[make()] = None
        return list(found)

    def full_name(self) -> str:
        """A first name and a surname."""
        return f"{self.name()} {self._maybe_new(SURNAMES).capitalize()}"

    def city(self) -> str:
        """A city."""
        return self._maybe_new(CITIES, 0.8).capitalize()

    def job(self) -> str:
        """A profession."""
        return self._maybe_new(JOBS, 0.25)

    def goods(self) -> str:
        """Something that is bought, mostly in the plural."""
        return self.new_word() + "s" if self.chance(self.invented * 0.4) else self.one(GOODS)

    def list_of_goods(self, count: int) -> list[str]:
        """Different goods."""
        return self._different(self.goods, count)

    def year(self) -> int:
        """A year."""
        return self.number(1900, 2024)

    def casual(self, asked: str) -> str:
        """The question as careless people type it: sometimes without capital or final mark, or with a please."""
        roll = self.rng.random()
        if roll < 0.07:
            return asked[0].lower() + asked[1:]
        if roll < 0.14 and len(asked) > 3:
            return asked.rstrip("?.!")
        if roll < 0.19:
            return (asked[0].lower() + asked[1:]).rstrip("?.!") or asked
        if roll < 0.23 and asked.endswith("."):
            return "Please " + asked[0].lower() + asked[1:]
        return asked


def with_article(word: str) -> str:
    """The word behind "a" or "an"."""
    return ("an " if word[0].lower() in "aeiou" else "a ") + word


def capital(text: str) -> str:
    """The text with a capital first letter, the others untouched."""
    return text[:1].upper() + text[1:]


def is_woman(name: str) -> bool:
    """Which pronoun a name takes: invented names that end in "a" take "she"."""
    return name in WOMEN or (name not in MEN and name.endswith("a"))
