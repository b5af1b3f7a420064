"""A session that begins with servers."""

from collections.abc import Collection, Sequence

from ..config.choice import ModelChoice, ServerChoice, StoreChoice
from ..engine.values.options import Options
from .conversation import Sink
from .served import SERVED
from .served_conversation import ServedConversation
from .session import Session


def served_session(
    servers: Sequence[ServerChoice],
    options: Options,
    sink: Sink,
    system: str | None = None,
    at_once: bool = False,
    store: StoreChoice | None = None,
    given: Collection[str] | None = None,
) -> Session:
    """A session whose answers come from these servers, the chat's from the first.

    ``store`` and ``given`` are for models that may take the conversation over.
    """
    return Session(
        ModelChoice(),
        options,
        SERVED,
        sink,
        system,
        store,
        given=given,
        servers=servers,
        at_once=at_once,
        half=ServedConversation,
    )
