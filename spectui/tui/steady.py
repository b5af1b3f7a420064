"""Widgets that outlive a failure in one of their handlers."""

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from textual.events import Compose, Mount
from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    _Base = MessagePump
else:
    _Base = object


class Steady(_Base):
    """Mixed into a widget, screen or app of ours, before Textual's class.

    Textual ends the message loop of a widget whose handler fails: a chat would be on the screen and dead. Here the
    failure is told and the next message is handled; only what could not even be composed or mounted is not there.
    """

    async def _on_message(self, message: Message) -> None:
        try:
            await super()._on_message(message)
        except CancelledError:
            raise
        except Exception as error:
            app: Any = self.app
            if isinstance(message, Compose | Mount) or not app.goes_on or not app.tell(error):
                raise
