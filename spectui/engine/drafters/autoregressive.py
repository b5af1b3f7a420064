"""Autoregressive decoding: nothing is drafted, every token costs one pass."""

from .drafter import Drafter


class Autoregressive(Drafter):
    """The reference for every speed-up."""

    drafts = False
