"""Prompts of the demo pair's task families, made from lists; the same for every run."""

from itertools import cycle, islice

NAMES = ["Clara", "Otto", "Vera", "Ruth", "Ivan", "Greta", "Tom", "Nora", "Paula", "Erik"]
CITIES = ["Vienna", "Dublin", "Lyon", "Kyoto", "Boston", "Berlin", "Oslo", "Madrid"]
FAMILIES = {
    "topic": [
        "What is speculative decoding?",
        "Why is the acceptance rate important?",
        "What is a draft model?",
        "What is a KV cache?",
        "What is temperature?",
        "What is a token?",
        "What is top-p sampling?",
        "What is greedy decoding?",
        "What is prompt lookup decoding?",
        "What is a bonus token?",
    ],
    "story": [
        f"Tell me a story about a {mood} {hero} who wants to find a friend."
        for mood in ("shy", "brave", "lonely", "curious")
        for hero in ("dragon", "fox", "robot", "giant")
    ],
    "extract": [
        f"Read this text and answer the question.\n\nThe bakery of {name} Stone is in {city}. It was opened in {1930 + 7 * i}. "
        f"A box of cookies costs {10 + i} euros. The bakery has {3 + i} workers. It is closed on Tuesday.\n\n"
        "How much does a box of cookies cost?"
        for i, (name, city) in enumerate(zip(NAMES, cycle(CITIES)))
    ],
    "rewrite": [
        f"Turn this text into a bullet list.\n\n{name} is a pilot from {city}. {name} has a cat called Luna. "
        f"{name} plays the cello every Friday."
        for name, city in zip(NAMES, cycle(CITIES))
    ],
    "json": [
        f"Convert this to JSON.\n\nname: {name}, city: {city}, age: {20 + i}\nname: Ivan, city: Kyoto, age: 29"
        for i, (name, city) in enumerate(zip(NAMES, cycle(CITIES)))
    ],
    "code": [
        f"Write a Python function that returns the {what}."
        for what in (
            "largest number in a list", "smallest number in a list", "sum of a list", "length of a string",
            "average of a list", "reversed string", "last item of a list", "number of vowels in a string",
        )
    ],
    "math": [f"{name} has {12 + i} shells. She buys {i + 3} more. How many shells does {name} have now?" for i, name in enumerate(NAMES)],
    "translate": [
        f"Translate into {language}: {text}"
        for language in ("German", "French")
        for text in ("The house is old.", "We look for the key.", "They see a school.", "The dog sleeps in the garden.")
    ],
    "chat": ["Hello!", "Who are you?", "How are you today?", "Thank you!", "Good morning!", "What can you do?"],
}  # fmt: skip


def prompts(count: int) -> list[tuple[str, str]]:
    """``count`` pairs of family and prompt, the families in turn; repeats get a greeting in front."""
    turns = [iter(enumerate(cycle(texts))) for texts in FAMILIES.values()]
    made = []
    for name, turn in islice(cycle(zip(FAMILIES, turns, strict=True)), count):
        index, text = next(turn)
        again = index // len(FAMILIES[name])
        made.append((name, ("Please help me. " * again) + text))
    return made
