"""What SSSD's datastore learns from use: the same held-out prompts with an empty one and after other answers.

    python -m benchmarks.warm_store [--learnt 200] [--held-out 12] [--rounds 3]

The prompts are copy-heavy (rewrite, extract, code edit) and made from lists; the answers that are learnt belong to
other prompts of the same kinds, and a prompt's own answer is hidden. Lanes are interleaved; ratios are to the
autoregressive lane of the same run, with 95 % intervals by bootstrap over prompts.
"""

import argparse
import random
import sys
from dataclasses import replace
from time import perf_counter

from rich.console import Console
from rich.table import Table

from spectui.bench.bench import Bench
from spectui.bench.lane import ModeLane
from spectui.bench.questions import Question
from spectui.config.choice import ModelChoice
from spectui.engine.values.options import Options
from spectui.models.loading import load_pair
from spectui.present.grid import number
from spectui.present.runs import Run
from spectui.present.summary import summarise
from spectui.present.tables import ratio_text
from spectui.session.runtime import Runtime, prepare

NAMES = ["Clara", "Otto", "Vera", "Ruth", "Ivan", "Greta", "Tom", "Nora", "Paula", "Erik"]
INVENTED = ["Belmina", "Korvan", "Tislu", "Ramoke", "Hesbit", "Lodrin", "Mapuri", "Vostel", "Kanido", "Zerlom"]
CITIES = ["Vienna", "Dublin", "Lyon", "Kyoto", "Boston", "Berlin", "Oslo", "Madrid"]
DAYS = ["Monday", "Tuesday", "Thursday", "Friday", "Saturday", "Sunday"]
COLOURS = ["red", "green", "blue", "black", "white"]
ASKED = ["How much does a box of cookies cost?", "When was the bakery opened?", "How many workers does the bakery have?",
         "On which day is the bakery closed?", "Where is the bakery?"]  # fmt: skip
FUNCTIONS = {
    "largest(numbers)": "result = numbers[0]\n    for number in numbers:\n        if number > result:\n"
    "            result = number\n    return result",
    "total(values)": "result = 0\n    for value in values:\n        result = result + value\n    return result",
    "average(numbers)": "if not numbers:\n        return 0\n    return sum(numbers) / len(numbers)",
    "count_words(text)": "words = text.split()\n    return len(words)",
    "reverse(text)": 'result = ""\n    for letter in text:\n        result = letter + result\n    return result',
    "is_even(number)": "return number % 2 == 0",
}
VARIABLES = ["best", "amounts", "items", "values", "word", "entries", "data", "things"]


def person(rng: random.Random) -> str:
    """A text about a person."""
    name = rng.choice(NAMES + INVENTED)
    return (
        f"{name} is a pilot from {rng.choice(CITIES)}. {name} has a cat called {rng.choice(INVENTED)}. {name} plays the "
        f"cello every {rng.choice(DAYS)}. {name} drives a {rng.choice(COLOURS)} car."
    )


def bakery(rng: random.Random) -> str:
    """A text about a bakery."""
    return (
        f"The bakery of {rng.choice(INVENTED)} Stone is in {rng.choice(CITIES)}. It was opened in {rng.randint(1920, 2010)}. "
        f"A box of cookies costs {rng.randint(5, 30)} euros. The bakery has {rng.randint(2, 12)} workers. It is closed on "
        f"{rng.choice(DAYS)}."
    )


def rewrite(rng: random.Random) -> str:
    """A task on a text."""
    text = rng.choice([person, bakery])(rng)
    task = rng.choice(["Turn this text into a bullet list.", "Number the sentences of this text.", "Remove the last sentence.",
                       f"Replace {next(c for c in CITIES if c in text)} with Rome in this text."])  # fmt: skip
    return f"{task}\n\n{text}"


def extract(rng: random.Random) -> str:
    """A question about a text."""
    return f"Read this text and answer the question.\n\n{bakery(rng)}\n\n{rng.choice(ASKED)}"


def code_edit(rng: random.Random) -> str:
    """A task on a function."""
    head, body = rng.choice(list(FUNCTIONS.items()))
    name = head[head.index("(") + 1 : -1]
    task = rng.choice([f"Rename {name} to {rng.choice(VARIABLES)} in this code.", "Copy this code.",
                       "Add a docstring to this function."])  # fmt: skip
    return f"{task}\n\ndef {head}:\n    {body}"


KINDS = {"rewrite": rewrite, "extract": extract, "code edit": code_edit}


def different(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """``count`` pairs of kind and prompt, all different, the kinds in turn as long as they have new ones."""
    rng = random.Random(seed)
    made: dict[str, str] = {}
    while len(made) < count:
        for kind, make in KINDS.items():
            made.setdefault(make(rng), kind)
    return [(kind, text) for text, kind in list(made.items())[:count]]


def lanes_of(loaded: Runtime, options: Options, learnt: list[str]) -> list[ModeLane]:
    """The reference, an empty datastore, one that has learnt the answers to some prompts, and what it has to beat."""
    modes = ("ar", "sssd", "sssd", "logitspec", "pld")
    lanes = [ModeLane(loaded, mode, options, learns=True) for mode in modes]
    plain, cold, warm = lanes[:3]
    cold.name, warm.name = "sssd, empty", "sssd, learnt"
    for text in learnt:
        prompt = loaded.prompt([{"role": "user", "content": text}])
        plain.begin()
        warm.learn([(prompt, plain.answer(prompt).tokens)])
    return lanes


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learnt", type=int, default=200)
    parser.add_argument("--held-out", type=int, default=12, help="prompts of each kind")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    loaded = prepare(load_pair(ModelChoice("demo"), lambda *_: None), lambda *_: None, perf_counter())
    options = Options(max_new_tokens=256)
    every = different(args.learnt + len(KINDS) * args.held_out)
    held_out, learnt = every[: len(KINDS) * args.held_out], every[len(KINDS) * args.held_out :]
    lanes = lanes_of(loaded, options, [text for _, text in learnt])
    for lane in lanes:
        lane.freeze()
    questions = [Question(str(index), kind, (text,)) for index, (kind, text) in enumerate(held_out)]
    runs: list[Run] = []
    for number_ in range(args.rounds):
        bench = Bench(loaded, lanes, questions, options, None)
        for run in bench.runs({}, warm_up=not number_):
            assert isinstance(run, Run)
            runs.append(replace(run, question_id=f"{run.question_id}.{number_}", turn=0))
        print(f"round {number_ + 1} of {args.rounds}", file=sys.stderr)
    table = Table("lane", "kind", "speed-up [95 %]", "tokens per step", "same text")
    for one in summarise(runs):
        if one.lane != "ar":
            table.add_row(one.lane, one.category or "all", ratio_text(one.speedup), number(one.tokens_per_step),
                          f"{one.identical_to_ar}/{one.compared_with_ar}")  # fmt: skip
    Console().print(table)
    print("T(m) ms:", {size: round(ms, 2) for size, ms in loaded.latency.points.items()})


if __name__ == "__main__":
    main()
