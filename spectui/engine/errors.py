"""Errors that a user can cause, and mend."""


class UserError(Exception):
    """A failure that a user can mend; its message is one clear line that names the remedy."""


class UnsupportedModel(UserError):
    """A model that cannot do what was asked of it; the message says why and what to use instead."""
