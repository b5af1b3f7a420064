"""Short stories from a grammar: a hero, a wish, something in its way, help, an ending."""

from ..known import facts
from ..task import Turn, ask
from ..words import Words, with_article


def _request(words: Words, who: str, name: str, mood: str, wish: str) -> str:
    open_wish = ["Tell me a story.", "Tell me a short story.", "Write a short story.", "A story, please.", "I want to hear a story.",
                 "Can you tell me a story?", "Make up a story."]  # fmt: skip
    about = [
        "Tell me a story about {}.",
        "Write a story about {}.",
        "Can you write a short story about {}?",
        "A short story about {}, please.",
    ]
    hero = words.one([with_article(who), f"{with_article(who)} called {name}", f"{with_article(mood)} {who}", f"{name} the {who}",
                      f"{with_article(who)} who wants to {wish}", f"{with_article(mood)} {who} who wants to {wish}"])  # fmt: skip
    return words.one(open_wish) if words.chance(0.15) else words.one(about).format(hero)


def story(words: Words) -> list[Turn]:
    """A story, sometimes with a question about it or a change to it."""
    known = facts("stories")
    who, mood, place = (
        words.one(known["animals"] + known["folk"]),
        words.one(known["moods"]),
        words.one(known["places"]),
    )
    name = words.name() if words.chance(0.3) else words.one(known["names"])
    arc, helper = words.rng.choice(known["arc"]), words.one(known["helpers"])
    the_helper = f"the {helper.split(' ', 1)[1]}"
    said = [f"Once upon a time there was {with_article(mood)} {who} called {name}, who lived {place}.",
            f"{name} {arc['wish']}.", arc["obstacle"].format(n=name),
            words.one([f"One day {name} met {helper}.", f"One morning {name} met {helper}.", f"Then {name} met {helper}."]),
            words.one([f'"I can help you," said {the_helper}.', f'"Let us try it together," said {the_helper}.',
                       f"{name} told the whole story and asked for help."]),
            f"Together {arc['solution']}.", arc["ending"].format(n=name)]  # fmt: skip
    if words.chance(0.5):
        said.append(f"And so {name} learned that {words.one(known['morals'])}.")
    wish = arc["wish"].removeprefix("wanted to ")
    return ask(words.casual(_request(words, who, name, mood, wish)), " ".join(said)) + _behind(
        words, said, name, who, arc["wish"]
    )


def _behind(words: Words, said: list[str], name: str, who: str, wish: str) -> list[Turn]:
    roll = words.rng.random()
    if roll < 0.12:
        shorter = words.one(["Make that shorter.", "Shorter, please.", "Can you make it shorter?"])
        return ask(shorter, " ".join([said[0], said[1], said[-1]]))
    if roll < 0.2:
        new = words.name()
        return ask(
            words.one([f"Change the name to {new}.", f"Call the {who} {new} instead."]),
            " ".join(said).replace(name, new),
        )
    if roll < 0.3:
        return ask(
            words.one(["What is the name of the hero?", f"What was the {who} called?"]), f"The {who} is called {name}."
        )
    if roll < 0.4:
        return ask(words.one([f"What did {name} want?", "What is the wish in the story?"]), f"{name} {wish}.")
    return []
