"""The one error of this package."""


class EmbeddedError(Exception):
    """The embedded servers cannot run; the message names the cause and the way out."""
