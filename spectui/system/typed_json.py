"""JSON whose shape is a type: read, written and described by the type alone."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


@cache
def _adapter(kind: Any) -> Any:
    """Made at the first use, for pydantic takes a while to load."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read_as(kind: Callable[..., _T], value: Any) -> _T:
    """The value of this type that parsed JSON stands for; raises ValueError with the first thing wrong, in one line."""
    from pydantic import ValidationError

    try:
        return cast(_T, _adapter(kind).validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))) from None


def as_json(value: Any) -> Any:
    """What ``json.dumps`` takes, under the names of the format."""
    return _adapter(value.__class__).dump_python(value, mode="json", by_alias=True)


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of what ``as_json`` makes."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        """Without a title for each field, which only repeats its name."""

        def field_title_should_be_set(self, schema: Any) -> bool:
            """Never."""
            return False

    made: dict[str, Any] = _adapter(kind).json_schema(mode="serialization", schema_generator=Untitled)
    return made
