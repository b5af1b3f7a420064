"""Short texts made of facts, each with the questions that it answers."""

from collections.abc import Callable
from dataclasses import dataclass

from ..words import (
    BUILDINGS,
    COLOURS,
    DAYS,
    EVENTS,
    FOODS,
    INSTRUMENTS,
    MONTHS,
    PETS,
    SHOPS,
    SPORTS,
    Words,
    is_woman,
    with_article,
)


@dataclass(frozen=True)
class Fact:
    """A sentence, the questions about it, and the short answer."""

    sentence: str
    asked: tuple[str, ...]
    answer: str


def _person(words: Words) -> list[Fact]:
    name = words.name()
    he, his = ("She", "her") if is_woman(name) else ("He", "his")
    job, city, pet, food = words.job(), words.city(), words.one(PETS), words.one(FOODS)
    instrument, colour, sport, friend = words.one(INSTRUMENTS), words.one(COLOURS), words.one(SPORTS), words.name()
    birth, pet_name, age = (
        f"{words.one(MONTHS)} {words.number(1, 28)}, {words.year()}",
        words.name(),
        words.number(18, 80),
    )
    does = f"goes {sport}" if sport.endswith("ing") else f"plays {sport}"
    moved = words.year()

    def who() -> str:
        return name if words.chance(0.6) else he

    home = words.one([f"{name} is {with_article(job)} from {city}.", f"{name} works as {with_article(job)} in {city}."])
    return [
        Fact(home, (f"What is the job of {name}?", f"What does {name} do for a living?"), with_article(job)),
        Fact(f"{who()} was born on {birth}.", (f"When was {name} born?", f"What is the birthday of {name}?"), birth),
        Fact(f"{who()} has {with_article(pet)} called {pet_name}.",
             (f"What is the name of {name}'s {pet}?", f"What is {name}'s {pet} called?"), pet_name),
        Fact(f"{who()} likes to eat {food}.", (f"What does {name} like to eat?", f"Which food does {name} like?"), food),
        Fact(f"{who()} plays the {instrument} every {words.one(DAYS)}.",
             (f"Which instrument does {name} play?", f"What does {name} play?"), f"the {instrument}"),
        Fact(f"{who()} drives a {colour} car.", (f"What color is {name}'s car?", f"Which color is the car of {name}?"), colour),
        Fact(f"{who()} is {age} years old.", (f"How old is {name}?", f"What is the age of {name}?"), f"{age} years"),
        Fact(f"{who()} {does} with {his} friend {friend}.",
             (f"Who is the friend of {name}?", f"What is the name of {name}'s friend?"), friend),
        Fact(f"{who()} moved to {words.city()} in {moved}.", (f"When did {name} move?", f"In which year did {name} move?"), str(moved)),
    ]  # fmt: skip


def _shop(words: Words) -> list[Fact]:
    shop, city, year, workers = words.one(SHOPS), words.city(), words.year(), words.number(2, 30)
    goods, price, opens, closes = words.goods(), words.number(1, 40), words.number(6, 10), words.number(4, 9)
    day, colour = words.one(DAYS), words.one(COLOURS)
    return [
        Fact(f"The {shop} of {words.full_name()} is in {city}.", (f"Where is the {shop}?", f"In which city is the {shop}?"), city),
        Fact(f"It was opened in {year}.", (f"When was the {shop} opened?", f"In which year did the {shop} open?"), str(year)),
        Fact(f"The {shop} opens at {opens} in the morning and closes at {closes} in the evening.",
             (f"When does the {shop} open?", f"At what time does the {shop} open?"), f"{opens} in the morning"),
        Fact(f"It is closed on {day}.", (f"On which day is the {shop} closed?", f"When is the {shop} closed?"), day),
        Fact(f"A box of {goods} costs {price} euros.",
             (f"How much does a box of {goods} cost?", f"What is the price of a box of {goods}?", f"How much are the {goods}?"),
             f"{price} euros"),
        Fact(f"The {shop} has {workers} workers.",
             (f"How many workers does the {shop} have?", f"How many people work in the {shop}?"), str(workers)),
        Fact(f"The door of the {shop} is {colour}.", (f"What color is the door of the {shop}?",), colour),
    ]  # fmt: skip


def _building(words: Words) -> list[Fact]:
    building, year, architect, height = words.one(BUILDINGS), words.year(), words.full_name(), words.number(10, 90)
    month, visitors, price = words.one(MONTHS), words.number(2, 99) * 100, words.number(2, 25)
    walls = words.one(["stone", "wood", "brick", "glass", "marble"])
    return [
        Fact(f"The old {building} of {words.city()} was built in {year}.",
             (f"When was the {building} built?", f"In which year was the {building} built?"), str(year)),
        Fact(f"It was designed by {architect}.",
             (f"Who designed the {building}?", f"Who was the architect of the {building}?"), architect),
        Fact(f"The {building} is {height} meters high.",
             (f"How high is the {building}?", f"What is the height of the {building}?"), f"{height} meters"),
        Fact(f"About {visitors} people visit it every month.",
             (f"How many people visit the {building}?", "How many visitors come every month?"), str(visitors)),
        Fact(f"A ticket costs {price} dollars.",
             ("How much is a ticket?", "What does a ticket cost?", "What is the price of a ticket?"), f"{price} dollars"),
        Fact(f"The {building} is closed in {month}.",
             (f"When is the {building} closed?", f"In which month is the {building} closed?"), month),
        Fact(f"The walls are made of {walls}.", ("What are the walls made of?",), walls),
    ]  # fmt: skip


def _event(words: Words) -> list[Fact]:
    event, organiser, fee, hour = words.one(EVENTS), words.full_name(), words.number(3, 60), words.number(1, 9)
    when = f"{words.one(DAYS)}, {words.one(MONTHS)} {words.number(1, 28)}"
    place, food = words.one(["town hall", "park", "library", "school", "theatre", "garden"]), words.one(FOODS)
    guests = words.number(2, 60) * 10
    return [
        Fact(f"The {event} in {words.city()} takes place on {when}.",
             (f"When does the {event} take place?", f"When is the {event}?", f"What is the date of the {event}?"), when),
        Fact(f"It starts at {hour} in the afternoon.",
             (f"When does the {event} start?", f"At what time does the {event} start?"), f"{hour} in the afternoon"),
        Fact(f"The {event} is organised by {organiser}.",
             (f"Who organises the {event}?", f"Who is the organiser of the {event}?"), organiser),
        Fact(f"Guests meet in the {place}.", ("Where do the guests meet?", "Where is the meeting point?"), f"in the {place}"),
        Fact(f"The entry fee is {fee} euros.", ("How much is the entry fee?", "What is the entry fee?"), f"{fee} euros"),
        Fact(f"There will be {food} for everyone.", ("What will there be to eat?", "Which food will there be?"), food),
        Fact(f"About {guests} people are expected.", ("How many people are expected?", "How many guests will come?"), str(guests)),
    ]  # fmt: skip


KINDS: tuple[Callable[[Words], list[Fact]], ...] = (_person, _person, _shop, _building, _event)


def passage(words: Words, least: int = 3, most: int = 6) -> list[Fact]:
    """The facts of a text, the first of which says what it is about."""
    count = words.number(least, most)
    first, *others = words.rng.choice(KINDS)(words)
    facts = [first, *words.rng.sample(others, count - 1)]
    if words.chance(0.1):
        facts += _person(words)[:2]
    return facts


def sentences(words: Words) -> list[str]:
    """The sentences of a passage."""
    return [fact.sentence for fact in passage(words)]
