"""Errors that a user can cause, and mend."""


class UserError(Exception):
    """A failure that a user can mend; its message is one clear line that names the remedy."""


def reason_of(error: Exception) -> str:
    """Why something failed, in a few words: what the system says, or the error itself."""
    return getattr(error, "strerror", None) or str(error)


class UnsupportedModel(UserError):
    """A model that cannot do what was asked of it; the message says why and what to use instead."""
