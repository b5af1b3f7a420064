"""Whether the hub can be reached, asked once and briefly: its own client tries again for most of a minute."""

from queue import Empty, SimpleQueue
from threading import Thread

PATIENCE = 2.0
"""Seconds to wait for an answer."""


def hub_answers(seconds: float = PATIENCE) -> bool:
    """Whether the hub answers at all; False as well if it is not to be asked (``HF_HUB_OFFLINE``)."""
    answered: SimpleQueue[bool] = SimpleQueue()
    Thread(target=lambda: answered.put(_ask(seconds)), name="hub", daemon=True).start()
    try:
        return answered.get(timeout=seconds)  # looking up a name has no limit of its own
    except Empty:
        return False


def _ask(seconds: float) -> bool:
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=seconds)
    except Exception:  # whatever its client raises, of whichever library
        return False
    return True
