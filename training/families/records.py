"""Records: lines of names and values, as JSON or as a Markdown table."""

import json

from ..task import Turn, ask
from ..words import COLOURS, PETS, Words

Record = dict[str, str | int]


def _records(words: Words) -> list[Record]:
    made = {"age": lambda: words.number(6, 90), "city": words.city, "job": words.job,
            "pet": lambda: words.one(PETS), "color": lambda: words.one(COLOURS)}  # fmt: skip
    columns = words.some(list(made), words.number(1, 2))
    return [{"name": words.name(), **{column: made[column]() for column in columns}} for _ in range(words.number(1, 4))]


def _as_json(records: list[Record]) -> str:
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    return lines[0] if len(lines) == 1 else "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]"


def _as_table(records: list[Record]) -> str:
    rows = [list(records[0]), ["---"] * len(records[0]), *(list(map(str, record.values())) for record in records)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def records(words: Words) -> list[Turn]:
    """Lines turned into JSON or into a table, now and then into the other one behind it."""
    made = _records(words)
    lines = "\n".join(", ".join(f"{key}: {value}" for key, value in record.items()) for record in made)
    to_json = words.one(["Convert this to JSON.\n\n{}", "Write this as JSON:\n{}", "Turn these lines into JSON.\n{}"])
    to_table = words.one(
        ["Make a Markdown table.\n\n{}", "Convert this to a table:\n{}", "Write this as a Markdown table.\n{}"]
    )
    first_json = words.chance(0.65)
    turns = ask((to_json if first_json else to_table).format(lines), _as_json(made) if first_json else _as_table(made))
    if words.chance(0.2):
        again = (
            ["Now as a Markdown table.", "And as a table, please."]
            if first_json
            else ["Now as JSON.", "And as JSON, please."]
        )
        turns.append(Turn(words.one(again), _as_table(made) if first_json else _as_json(made)))
    return turns
