"""The interactive page: see a network, move its edges, name them. In a notebook, in one file, or on a local port."""

from typing import TYPE_CHECKING

from edgewise.lazy import attributes, listing

if TYPE_CHECKING:
    from edgewise.explorer.edits import apply_edits
    from edgewise.explorer.files import to_html, to_png, to_svg
    from edgewise.explorer.payload import payload_of
    from edgewise.explorer.training import train
    from edgewise.explorer.widget import Explorer, explore

_HOMES = {
    "Explorer": "edgewise.explorer.widget",
    "apply_edits": "edgewise.explorer.edits",
    "explore": "edgewise.explorer.widget",
    "payload_of": "edgewise.explorer.payload",
    "to_html": "edgewise.explorer.files",
    "to_png": "edgewise.explorer.files",
    "to_svg": "edgewise.explorer.files",
    "train": "edgewise.explorer.training",
}

__all__ = ["Explorer", "apply_edits", "explore", "payload_of", "to_html", "to_png", "to_svg", "train"]

__getattr__ = attributes(__name__, _HOMES)
__dir__ = listing(__name__)
