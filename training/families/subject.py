"""Questions about speculative decoding and the program, small talk, and a little general knowledge."""

from ..known import facts
from ..task import Turn, ask
from ..words import CITIES, COLOURS, FOODS, SPORTS, Words, capital

TERM_WAYS = (
    "What is {}?", "Explain {}.", "What does {} mean?", "Tell me about {}.", "Define {}.", "{}?", "What do you know about {}?",
    "Give me a short explanation of {}.", "Describe {}.", "I want to understand {}.", "Explain {} in simple words.",
    "I do not understand {}.", "Can you explain {}?", "Could you explain {} to me?", "Can you tell me what {} is?",
    "What is meant by {}?", "What do people mean by {}?", "Teach me {}.", "How would you describe {}?", "What exactly is {}?",
)  # fmt: skip
WRAPPINGS = (
    "{}", "{}", "{}", "{}", "{}", "{}", "Hi! {}", "Hello, {}", "Please tell me: {}", "One question: {}", "A question: {}", "Well, {}",
    "OK, {}", "Another question. {}", "{} Please answer briefly.", "{} Thank you.", "I wonder: {}", "Now, {}", "Tell me, {}",
    "My question is this: {}", "{} I am a beginner.", "For my class: {}", "Sorry, {}", "Could you help me? {}",
)  # fmt: skip
UNSEEN_WRAPPINGS = ("Hey, {}", "Quick question: {}", "One more thing. {}", "{} Thanks!", "Hmm, {}", "So, {}")


def _inside(wrapping: str, asked: str) -> str:
    """The question in a wrapping; behind a comma it begins small, unless with a name or an "I"."""
    head = wrapping.split("{}")[0]
    first = asked.split(" ")[0]
    small = head.endswith(", ") and first.capitalize() == first and first != "I" and first not in CITIES
    return wrapping.format(asked[0].lower() + asked[1:] if small else asked)


def wrapped(words: Words, asked: str, wrappings: tuple[str, ...]) -> str:
    """The question as it is typed, with something around it."""
    return words.casual(_inside(words.one(wrappings), asked))


def subject(words: Words, wrappings: tuple[str, ...] = WRAPPINGS) -> list[Turn]:
    """A question about speculative decoding or about the program."""
    known = facts("subject")
    if words.chance(0.6):
        term = words.rng.choice(known["term"])
        asked = capital(words.one(TERM_WAYS).format(words.one(term["names"])))
        return ask(wrapped(words, asked, wrappings), term["answer"])
    question = words.rng.choice(known["question"])
    return ask(wrapped(words, words.one(question["asked"]), wrappings), question["answer"])


def general(words: Words, wrappings: tuple[str, ...] = WRAPPINGS) -> list[Turn]:
    """A question of general knowledge, or one that a tiny model has to decline."""
    known = facts("general")
    if words.chance(0.25):
        about = words.one(known["subjects"]) if words.chance(0.7) else words.new_word()
        return ask(wrapped(words, words.one(known["asked"]).format(about), wrappings), known["unknown"])
    question = words.rng.choice(known["question"])
    return ask(wrapped(words, words.one(question["asked"]), wrappings), question["answer"])


def _my_name(words: Words) -> list[Turn]:
    name = words.name()
    said = words.one(["My name is {}.", "Hello, I am {}.", "Hi, my name is {}.", "I am {}.", "Call me {}."]).format(
        name
    )
    turns = ask(said, f"Nice to meet you, {name}! How can I help you?")
    if words.chance(0.5):
        turns += words.rng.choice([subject, general])(words)
    asked = words.one(["What is my name?", "Do you know my name?", "Who am I?", "Do you remember my name?"])
    return [*turns, Turn(asked, f"Your name is {name}.")]


def _my_favourite(words: Words) -> list[Turn]:
    kinds = {"color": COLOURS, "food": FOODS, "city": CITIES, "sport": SPORTS}
    kind = words.one(list(kinds))
    value = words.one(kinds[kind])
    asked = words.one([f"What is my favourite {kind}?", f"Which {kind} do I like?"])
    said = Turn(f"My favourite {kind} is {value}.", f"I will remember that your favourite {kind} is {value}.")
    return [said, Turn(asked, f"Your favourite {kind} is {value}.")]


def _code_word(words: Words) -> list[Turn]:
    word = words.new_word()
    said = words.one(["The code word is {}.", "Remember the word {}.", "My secret word is {}."]).format(word)
    asked = words.one(["What is the code word?", "What was the word?", "Which word did I tell you?"])
    return [Turn(said, f"I will remember the word {word}."), Turn(asked, f"The word is {word}.")]


def talk(words: Words, wrappings: tuple[str, ...] = WRAPPINGS) -> list[Turn]:
    """Small talk, or something that the model has to keep in mind."""
    if words.chance(0.25):
        return words.rng.choice([_my_name, _my_favourite, _code_word])(words)
    question = words.rng.choice(facts("talk")["question"])
    wrapping = wrappings if words.chance(0.4) or wrappings is UNSEEN_WRAPPINGS else ("{}",)
    return ask(wrapped(words, words.one(question["asked"]), wrapping), question["answer"])
