"""Makes the built-in question set ``practice``, on which heads are trained; none of its prompts is in ``demo``.

python -m benchmarks.practice_set > spectui/bench/practice.jsonl
"""

import json
import random

from spectui.bench.questions import read_questions

from .warm_store import CITIES, INVENTED, KINDS, NAMES

SUBJECTS = (
    "speculative sampling", "a target model", "n-gram retrieval", "SSSD", "LogitSpec", "SpecBranch", "the acceptance rate",
    "autoregressive decoding", "temperature", "a token", "a tokenizer", "byte pair encoding", "a logit", "softmax",
    "greedy decoding", "top-k sampling", "top-p sampling", "the draft length", "a rejected token", "a language model",
)  # fmt: skip
QUESTIONS = ("What is {}?", "Explain {}.", "Quick question: what is {}?", "Tell me about {}.")
HEROES = ("dragon", "fox", "robot", "giant", "wolf", "king", "mouse", "witch")
MOODS = ("happy", "clever", "small", "tired", "old", "young")
WISHES = ("see the sea", "learn to fly", "find a treasure", "bake a cake")
RESULTS = ("product of a list", "last item of a list", "first item of a list", "number of vowels in a string",
           "sorted list", "square of a number", "smaller of two numbers", "factorial of a number")  # fmt: skip
SENTENCES = (
    "The {} is old.",
    "The {} is small.",
    "We look for the {}.",
    "They see a {}.",
    "I have a {}.",
    "She buys a {}.",
)
NOUNS = ("house", "key", "school", "book", "dog", "cat", "car", "table")
TALK = ("Good morning!", "How are you today?", "Thank you!", "What can you do?", "Hi there!", "Good night!",
        "What is your name?", "Are you a robot?", "Tell me a joke.", "Goodbye!")  # fmt: skip


def topic(rng: random.Random) -> str:
    """A question about the program's own subject."""
    return rng.choice(QUESTIONS).format(rng.choice(SUBJECTS))


def story(rng: random.Random) -> str:
    """A wish for a story."""
    return f"Tell me a story about a {rng.choice(MOODS)} {rng.choice(HEROES)} who wants to {rng.choice(WISHES)}."


def translation(rng: random.Random) -> str:
    """A sentence to translate."""
    sentence = rng.choice(SENTENCES).format(rng.choice(NOUNS))
    return f"Translate into {rng.choice(['German', 'French'])}: {sentence}"


def sum_of(rng: random.Random) -> str:
    """A word problem."""
    name = rng.choice(NAMES + INVENTED)
    return f"{name} has {rng.randint(2, 40)} shells. {name} finds {rng.randint(2, 20)} more. How many shells are there now?"


def records(rng: random.Random) -> str:
    """Lines to turn into JSON."""
    lines = [
        f"name: {rng.choice(NAMES + INVENTED)}, city: {rng.choice(CITIES)}, age: {rng.randint(18, 80)}"
        for _ in range(3)
    ]
    return "Convert this to JSON.\n\n" + "\n".join(lines[: rng.randint(1, 3)])


def code(rng: random.Random) -> str:
    """A function to write."""
    asked = rng.choice(["Write a Python function that returns the", "Show me Python code for the"])
    return f"{asked} {rng.choice(RESULTS)}."


def talk(rng: random.Random) -> str:
    """Small talk."""
    return rng.choice(TALK)


MAKERS = {
    "topic": (topic, 80), "story": (story, 150), "translate": (translation, 90), "math": (sum_of, 100), "json": (records, 100),
    "code": (code, 16), "conversation": (talk, 10), **{kind: (make, 120) for kind, make in KINDS.items()},
}  # fmt: skip


def main() -> None:
    """Print the lines."""
    rng = random.Random(11)
    used = {turn for question in read_questions("demo") for turn in question.turns}
    number = 0
    for category, (make, count) in MAKERS.items():
        made: set[str] = set()
        for _ in range(20 * count):
            text = make(rng)
            if len(made) == count or text in used:
                continue
            used.add(text)
            made.add(text)
            number += 1
            print(json.dumps({"question_id": number, "category": category, "turns": [text]}))


if __name__ == "__main__":
    main()
