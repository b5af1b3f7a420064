"""The part of a concept's page that the lesson about it says: text, what to look at, question and answer."""

import re
from pathlib import Path
from textwrap import fill

from spectui.present.lesson import Lesson, shipped

CONCEPTS = Path(__file__).parents[1] / "docs" / "concepts"
LESSONS = {
    "ar": 1, "speculative-decoding": 2, "draft": 3, "pld": 4, "sssd": 4, "logitspec": 5, "trees": 6, "specbranch": 6,
    "eagle": 7, "same-text": 8, "numbers": 9, "hybrid": 10,
}  # fmt: skip
"""Page -> number of its lesson in the tour."""
MADE = "*This part is made from the lesson's file by `python -m benchmarks.reference`. Do not edit it by hand.*"
PART = re.compile(r"\n## Lesson \d+: .*?(?=\n## |\Z)", re.S)
LAST = re.compile(r"(?=\n## (Sources?|Read on)\n)")
"""Where a page that has no such part yet gets it."""
WIDTH = 120


def with_lesson(page: Path, number: int) -> str:
    """The page with the lesson of this number in its place, or before its sources if it has none yet."""
    text = page.read_text("utf-8").rstrip() + "\n"
    part = f"\n{lesson_part(shipped()[number - 1], number)}"
    found = PART.search(text) or LAST.search(text)
    start, end = found.span() if found else (len(text), len(text))
    return text[:start] + part + text[end:]


def lesson_part(lesson: Lesson, number: int) -> str:
    """A lesson as a section of Markdown."""
    paragraphs = [" ".join(one.split()) for one in lesson.text.strip().split("\n\n")]
    watch = f"`spectui tour` plays it as lesson {number}, with {' and '.join(f'`{mode}`' for mode in lesson.modes)}."
    parts = [MADE, *paragraphs, f"{watch} {lesson.look}"]
    if (asked := lesson.question) is not None:
        choices = " ".join(f"({place}) {words}." for place, words in enumerate(asked.choices, 1))
        parts += [f"**Question:** {asked.text} {choices}", f"**Answer:** {asked.answer}. {asked.why}"]
    return "\n\n".join([f"## Lesson {number}: {lesson.title}", *(fill(one, WIDTH) for one in parts)]) + "\n"
