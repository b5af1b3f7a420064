"""Whether an answer is right, as a program can tell."""

import ast
import json
import re
from collections.abc import Callable
from typing import Any

from spectui.record.metrics import distinct

Judge = Callable[[str, str], bool]


def same_text(answer: str, right: str) -> bool:
    """The answer is the right one, letter for letter."""
    return answer.strip() == right.strip()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def same_data(answer: str, right: str) -> bool:
    """The answer is JSON with the same content; a table has to be the same text."""
    expected = _parsed(right)
    return same_text(answer, right) if expected is None else bool(_parsed(answer) == expected)


def _program(text: str) -> str | None:
    found = re.search(r"```python\n(.*?)\n```", text, re.DOTALL)
    try:
        return ast.dump(ast.parse(found.group(1) if found else text))
    except (SyntaxError, ValueError):
        return None


def same_program(answer: str, right: str) -> bool:
    """The answer holds the same Python program, whatever its spaces and comments."""
    expected = _program(right)
    return same_text(answer, right) if expected is None else _program(answer) == expected


_SUM = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


def equations_hold(text: str) -> bool:
    """Every sum that the text writes down is right."""
    exact = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b if b else None,
    }
    return all(exact[sign](int(a), int(b)) == int(result) for a, sign, b, result in _SUM.findall(text))


def same_result(answer: str, right: str) -> bool:
    """The last number is the right one, and no sum on the way to it is wrong."""
    numbers, expected = re.findall(r"\d+", answer), re.findall(r"\d+", right)
    return bool(numbers) and numbers[-1] == expected[-1] and equations_hold(answer)


def distinct_3(text: str) -> float:
    """The share of different word trigrams among all of a text; 0 if it is too short to have any."""
    return distinct(text.split()) or 0.0


def tells_a_story(answer: str, right: str) -> bool:
    """A text of some length that ends with a full stop and does not go round in circles."""
    return len(answer.split()) >= 40 and answer.rstrip().endswith((".", '"')) and distinct_3(answer) >= 0.6
