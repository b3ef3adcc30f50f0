"""The interactive page: see a network, move its edges, name them. In a notebook, in one file, or on a local port."""

from edgewise.explorer.payload import payload_of

__all__ = ["payload_of"]
