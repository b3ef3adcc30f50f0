"""Every error edgewise raises on purpose, as one small tree.

Each kind is also the built-in exception a caller would expect, so `except ValueError` keeps working.
A message says the rule, the value that broke it, where, and what to do next.
"""


class EdgewiseError(Exception):
    """Base of every error raised by edgewise."""


class ParameterError(EdgewiseError, ValueError):
    """An argument has a value outside its documented set."""


class ShapeError(EdgewiseError, ValueError):
    """A tensor has the wrong rank, size, dtype or device."""


class DomainError(EdgewiseError, ValueError):
    """A value lies where the computation is not defined (NaN, infinity, outside a domain)."""


class ConvergenceError(EdgewiseError, RuntimeError):
    """An iteration could not produce a finite or accurate enough answer."""


class FormatError(EdgewiseError, ValueError):
    """A file is not what it should be: foreign, truncated, edited or from another version."""


class MissingDependencyError(EdgewiseError, ImportError):
    """An optional dependency is not installed."""


class DownloadError(EdgewiseError, OSError):
    """Something could not be fetched from the network."""
