"""Widgets that outlive a failure in one of their handlers."""

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, Generic

from textual.await_complete import AwaitComplete
from textual.events import Compose, Mount
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen, ScreenResultType

if TYPE_CHECKING:
    _Base = MessagePump
    _Screen = Screen
else:
    _Base = object
    _Screen = Generic


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


class SteadyScreen(Steady, _Screen[ScreenResultType]):
    """The same for a screen, which is left only while it is on top.

    Textual takes off whatever is on top and notes that this one has given its result: a key that comes late, when
    another screen has opened over it, would close that one, and this one could never be left again.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with a result; nothing happens while another screen is on top."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()
